"""The console's first page: who is at risk, what waits, and the calm when nothing does."""

from collections.abc import Callable

from django.test import Client

from billing.models import Connection
from hub.models import Product, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]


def test_whose_payment_fails_comes_before_who_has_cancelled(
    studio: Studio, ada: User, ben: User, cleo: User, owner: User, signed_in: Enter
) -> None:
    studio.subscribe(ada, studio.club, reason="ending", days=2)
    studio.subscribe(ben, studio.club, state="grace", reason="past_due_grace", days=9)
    studio.subscribe(cleo, studio.club)
    context = signed_in(owner).get("/console/").context
    assert [grant.user for grant in context["at_risk"]] == [ben, ada]
    assert {name: context["people"][name] for name in ("open", "grace", "ending")} == {
        "open": 3,
        "grace": 1,
        "ending": 1,
    }


def test_when_nothing_waits_the_page_says_so(studio: Studio, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    assert "Nothing waits for you." not in client.get("/console/").content.decode()
    studio.sell(studio.course)
    Connection.objects.update(sealed_webhook_secrets="sealed")
    for product in Product.objects.filter(kind=Product.Kind.STANDARD):
        cast.PageFactory(product=product)
    page = client.get("/console/")
    assert page.context["steps"] == []
    assert page.context["matters"] == []
    assert "Nothing waits for you." in page.content.decode()


def test_nobody_is_led_to_what_they_may_not_see(studio: Studio, owner: User, signed_in: Enter) -> None:
    studio.sell(studio.course)
    support = cast.UserFactory(email="sam@example.org", role=User.Role.SUPPORT)
    admin = cast.UserFactory(email="mia@example.org", role=User.Role.ADMIN)
    told, way = "it has no webhook endpoint", '<a class="button" href="/console/stripe/">See Stripe</a>'
    page = {person: signed_in(person).get("/console/").content.decode() for person in (owner, admin, support)}
    assert all(told in words for words in page.values())
    assert [person for person, words in page.items() if way in words] == [owner]
    write = f'href="/console/products/{studio.kit.pk}/content/">Write one</a>'
    assert [person for person, words in page.items() if write in words] == [owner, admin]


def test_the_steps_lead_to_where_they_are_taken(studio: Studio, owner: User, signed_in: Enter) -> None:
    first = Product.objects.order_by("pk").first()
    assert first is not None
    page = signed_in(owner).get("/console/")
    steps = {step.words: step for step in page.context["steps"]}
    assert steps["Publish its first page"].url == f"/console/products/{first.pk}/content/"
    assert page.context["done"] == sum(step.is_done for step in steps.values())
