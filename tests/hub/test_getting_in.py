"""What keeps a person out, said first on their page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from activities import notices
from activities.letters import render
from activities.models import Activity, Delivery
from activities.record import Happening, record_one
from hub.models import User
from hub.noting import write_note
from hub.roles import Role
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]


@pytest.fixture
def sam(studio: Studio, signed_in: Enter) -> Client:
    return signed_in(cast.UserFactory(email="sam@example.org", name="Sam Ode", role=Role.SUPPORT))


def told(browser: Client, person: User) -> list[str]:
    """The sentences of the page's first card, the gravest first."""
    return [fact.words for fact in browser.get(f"/console/people/{person.pk}/").context["facts"]]


def test_who_never_came_in_needs_only_a_code(sam: Client, ada: User) -> None:
    assert told(sam, ada) == ["Has never signed in: a code sent to ada@example.org is all it takes."]


def test_the_last_sign_in_is_said_with_its_place(sam: Client, ada: User) -> None:
    now = timezone.now()
    for place, at in (("198.51.100.7", now - timedelta(days=2)), ("203.0.113.9", now)):
        happening = Happening(
            verb=Activity.Verb.SIGNED_IN, key=f"signed_in:{place}", at=at, user_id=ada.pk, details={"ip": place}
        )
        record_one(happening, now=now)
    (words,) = told(sam, ada)
    assert words.startswith("Signed in on ") and words.endswith(" from 203.0.113.9.")


def test_a_code_that_waits_is_said_until_it_is_used(sam: Client, ada: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Client().post("/accounts/login/", {"login": ada.email})
    assert "has not been used: perhaps it lies among the spam." in told(sam, ada)[0]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("failed", "The e-mail on a payment on its way of {day} could not be delivered: mailbox unavailable."),
        ("unsure", "The e-mail on a payment on its way of {day} perhaps did not arrive: mailbox unavailable."),
    ],
)
def test_a_letter_that_was_lost_comes_before_all_else(
    studio: Studio, sam: Client, ada: User, state: str, words: str
) -> None:
    now = timezone.now()
    letter = notices.payment_pending(key="k", user_id=ada.pk, product_id=studio.kit.pk, amount=1, currency="eur")
    notices.queue_one(letter, now=now)
    Delivery.objects.update(state=state, error="mailbox unavailable.")
    first = told(sam, ada)[0]
    assert first.startswith(words.partition("{day}")[0]) and first.endswith(words.partition("{day}")[2])
    Delivery.objects.update(created_at=now - timedelta(days=31))
    assert not any("e-mail on a payment" in said for said in told(sam, ada))


def test_a_deactivated_account_says_that_and_no_more_of_signing_in(sam: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert told(sam, ada) == ["Deactivated: nobody signs in with this address, and nothing opens."]


def test_what_they_use_besides_the_code_is_named(sam: Client, ada: User) -> None:
    Authenticator.objects.create(user=ada, type="totp", data={})
    assert "Uses besides the code: an authenticator app." in told(sam, ada)


def test_the_page_costs_the_same_however_much_there_is(
    studio: Studio, sam: Client, ada: User, owner: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for product in (studio.course, studio.club, *cast.ProductFactory.create_batch(12)):
        studio.give(ada, product)
    for place in range(12):
        write_note(ada, f"Note {place}", author=owner, now=timezone.now())
    with django_assert_max_num_queries(32):
        page = sam.get(f"/console/people/{ada.pk}/").content.decode()
    assert page.count("Note ") >= 12


def test_who_never_came_in_is_invited_once_a_minute_with_what_is_open(
    studio: Studio, sam: Client, ada: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    Delivery.objects.all().delete()
    path = f"/console/people/{ada.pk}/invite/"
    assert path in sam.get(f"/console/people/{ada.pk}/").content.decode()
    page = sam.post(path, follow=True).content.decode()
    assert "The invitation is on its way to ada@example.org." in page and "Sam Ode" in page
    letter = render(Delivery.objects.select_related("user", "product").get(notice="invitation"))
    # A new minute may begin between two tries, not between three.
    again = [sam.post(path, follow=True).content.decode() for _try in range(2)]
    assert any("It was sent a moment ago." in page for page in again)
    assert letter.to == ["ada@example.org"] and "The Wheel" in letter.body
    User.objects.filter(pk=ada.pk).update(last_seen=timezone.now())
    assert path not in sam.get(f"/console/people/{ada.pk}/").content.decode()
    User.objects.filter(pk=ada.pk).update(is_active=False)
    before = Delivery.objects.count()
    assert "is deactivated: nothing was sent." in sam.post(path, follow=True).content.decode()
    assert Delivery.objects.count() == before
