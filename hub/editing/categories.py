"""Categories that products are put into: the library is narrowed by them. A product lives on without."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.text import slugify

from activities.record import record_deed
from hub.editing.addresses import free_slug
from hub.editing.order import last_position
from hub.models import Category, User

LONGEST = 50  # of a slug's 60 letters: leaves room for a number behind it


def find_or_make_category(name: str) -> Category:
    """By its name, whatever its case; a new one comes behind the others."""
    return Category.objects.filter(name__iexact=name).first() or _place(Category(name=name))


def list_categories() -> QuerySet[Category]:
    """In their order, each with `count` of its products and `count_shown` of those that members see."""
    shown = Q(products__is_live=True, products__archived_at=None)
    counted = Category.objects.annotate(
        count=Count("products", distinct=True), count_shown=Count("products", filter=shown, distinct=True)
    )
    return counted.order_by("position", "name")  # what is counted drops the order of the model


@transaction.atomic
def make_category(category: Category, *, actor: User, now: datetime) -> Category:
    """`category` has a name, and is not saved yet."""
    record_deed(f"made the category “{category.name}”", actor_id=actor.pk, now=now)
    return _place(category)


def note_new_name(category: Category, *, before: str, actor: User, now: datetime) -> None:
    """Its address stays, so that links to it still lead there."""
    if category.name != before:
        record_deed(f"renamed the category “{before}” to “{category.name}”", actor_id=actor.pk, now=now)


@transaction.atomic
def delete_category(category: Category, *, actor: User, now: datetime) -> None:
    """Its products stay as they are, only outside of it."""
    category.delete()
    record_deed(f"deleted the category “{category.name}”", actor_id=actor.pk, now=now)


def _place(category: Category) -> Category:
    categories = Category.objects.all()
    category.slug = free_slug(slugify(category.name)[:LONGEST], among=[categories], otherwise="category")
    category.position = last_position(categories)
    category.save()
    return category
