"""The standing cast, and the rows they need.

Ada is active, Ben is past due and in grace, Cleo's access has ended, Dan is a stranger, and Eve has an account
whose address, never proved, is somebody else's.
"""

from datetime import UTC, datetime
from typing import Any

import factory
from allauth.account.models import EmailAddress

from hub.models import CollectionItem, Page, Product, SalesPage, Section, User


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Faker("name")
    password = "!"
    joined_at = datetime(2026, 1, 1, tzinfo=UTC)

    @factory.post_generation
    def proved(self, create: bool, extracted: bool | None, **_kwargs: Any) -> None:
        if create and extracted is not False:
            EmailAddress.objects.get_or_create(
                user=self, email=self.email, defaults={"verified": True, "primary": True}
            )


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product

    name = factory.Sequence(lambda n: f"Course {n}")
    slug = factory.Sequence(lambda n: f"course-{n}")
    summary = "All of it, in twelve lessons."
    is_live = True
    purchase = Product.Purchase.CHECKOUT
    position = factory.Sequence(int)


class CollectionItemFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CollectionItem


class SectionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Section

    product = factory.SubFactory(ProductFactory)
    title = "First steps"


class PageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Page

    product = factory.SubFactory(ProductFactory)
    title = factory.Sequence(lambda n: f"Lesson {n}")
    slug = factory.Sequence(lambda n: f"lesson-{n}")
    body = "Centre the clay, then open it."
    is_published = True


class SalesPageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SalesPage

    product = factory.SubFactory(ProductFactory)
    headline = "Throw your first bowl"
    is_live = True


def ada(**fields: Any) -> User:
    return UserFactory(email="ada@example.org", name="Ada Lind", **fields)


def ben(**fields: Any) -> User:
    return UserFactory(email="ben@example.org", name="Ben Kato", **fields)


def cleo(**fields: Any) -> User:
    return UserFactory(email="cleo@example.org", name="Cleo Marsh", **fields)


def dan(**fields: Any) -> User:
    return UserFactory(email="dan@example.org", name="Dan Ruiz", **fields)


def eve(**fields: Any) -> User:
    """Her own address is proved; that she also claims Ada's is not."""
    user = UserFactory(email="eve@example.org", name="Eve Sander", **fields)
    EmailAddress.objects.create(user=user, email="ada@example.org", verified=False, primary=False)
    return user


def owner(**fields: Any) -> User:
    return UserFactory(email="owner@example.org", name="Ida Holm", role=User.Role.OWNER, **fields)
