"""Bought as a stranger with an address that a member gave up: it opens at once, and staff say whether it was them."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from django.test import Client
from django.utils import timezone

from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import Attention, Order, StripeCustomer, Subscription
from hub import erasing
from hub.models import Grant, User
from hub.reasons import say_day
from hub.recovery import move_to_address
from tests.journeys.test_mistyped import page_of
from tests.members import signed_in
from tests.records import mailed
from tests.shops import Shop

OLD, NEW = "ada@example.org", "ada.lind@example.net"


def change_address(person: User, *, to: str) -> None:
    """As allauth does when the new address is proved."""
    before = EmailAddress(user=person, email=person.email)
    User.objects.filter(pk=person.pk).update(email=to, last_seen=timezone.now())
    person.refresh_from_db()
    email_changed.send(
        User, request=None, user=person, from_email_address=before, to_email_address=EmailAddress(email=to)
    )


@pytest.fixture
def moved(ada: User) -> User:
    change_address(ada, to=NEW)
    return ada


def buy_as_guest(shop: Shop) -> None:
    """Without a Stripe customer, as Checkout sells where nobody asks for one."""
    line: Any = {"price": shop.once.price_id, "quantity": 1}
    made = shop.sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": [line], "success_url": "https://elsewhere.example/thanks"}
    )
    shop.sandbox.pay_session(made.id, email=OLD)


@pytest.fixture(params=["guest", "once", "monthly"])
def bought(request: Any, shop: Shop, moved: User) -> Attention:
    if request.param == "guest":
        buy_as_guest(shop)
    else:
        shop.buy(getattr(shop, request.param), email=OLD)
    shop.deliver()
    return Attention.objects.get(kind=Attention.Kind.FORMER)


def test_the_payer_is_let_in_at_once_and_staff_read_who_used_the_address(
    shop: Shop, bought: Attention, moved: User, owner: User
) -> None:
    product = Grant.objects.get().product
    assert shop.has(OLD, product) and not shop.has(NEW, product) and mailed("access", email=OLD) == 1
    look_again(bought.subject)
    drain()
    assert Attention.objects.get() == bought, "asked once"
    questions = signed_in(owner).get("/console/decide/").content.decode()
    assert f"{moved}’s until {say_day(shop.now())}" in questions and page_of(bought) in questions
    page = signed_in(owner).get(page_of(bought)).content.decode()
    assert f'value="Used this address until {say_day(shop.now())}"' in page and f'value="{moved.pk}"' in page


def test_one_click_gives_it_to_the_member_with_what_follows(
    shop: Shop, bought: Attention, moved: User, owner: User
) -> None:
    product = Grant.objects.get().product
    sent = {"person": moved.pk, "reason": "Used this address until yesterday"}
    signed_in(owner).post(page_of(bought), sent)
    assert shop.has(NEW, product) and not shop.has(OLD, product)
    assert {row.user for row in (*Order.objects.all(), *Subscription.objects.all())} == {moved}
    assert all(row.bound_by == StripeCustomer.Binding.PERSON for row in StripeCustomer.objects.all())
    look_again(bought.subject)
    drain()
    assert shop.has(NEW, product) and not Attention.objects.filter(resolved_at=None).exists()
    assert "It is theirs" not in signed_in(owner).get(page_of(bought)).content.decode(), "the member is not asked about"


def test_a_wrong_click_is_moved_back(shop: Shop, bought: Attention, moved: User, owner: User) -> None:
    product, staff = Grant.objects.get().product, signed_in(owner)
    staff.post(page_of(bought), {"person": moved.pk, "reason": "a guess"})
    staff.post(page_of(bought), {"person": User.objects.get(email=OLD).pk, "reason": "They wrote"})
    assert shop.has(OLD, product) and not shop.has(NEW, product)


def test_the_address_has_a_new_owner_who_came_in(shop: Shop, bought: Attention, moved: User, owner: User) -> None:
    User.objects.filter(email=OLD).update(last_seen=timezone.now())
    signed_in(owner).post(page_of(bought), {"person": moved.pk, "reason": "a guess"})
    assert not shop.has(NEW, Grant.objects.get().product)
    assert "It stays where it is" in signed_in(owner).get(page_of(bought)).content.decode()


def test_who_came_in_with_it_before_they_bought_is_asked_about_by_nobody(shop: Shop, moved: User) -> None:
    User.objects.create_user(OLD, last_seen=timezone.now())
    shop.buy(shop.monthly, email=OLD)
    shop.deliver()
    assert shop.has(OLD, shop.club) and not Attention.objects.exists()


def test_an_address_that_somebody_has_again_is_theirs(shop: Shop, ada: User, owner: User) -> None:
    for address in (NEW, OLD):
        move_to_address(User.objects.get(pk=ada.pk), address=address, actor=owner, reason="asked", now=shop.now())
    shop.buy(shop.monthly, email=OLD)
    shop.deliver()
    assert Grant.objects.get().user == ada and not Attention.objects.exists()


def test_an_erased_member_is_named_nowhere(shop: Shop, bought: Attention, moved: User, owner: User) -> None:
    erasing.erase(moved, actor=owner, now=shop.now())
    look_again(bought.subject)
    drain()
    assert not Attention.objects.exists() and shop.has(OLD, Grant.objects.get().product)


def test_without_a_reason_or_a_right_nothing_moves(
    shop: Shop, bought: Attention, moved: User, owner: User, client: Client
) -> None:
    sent = {"person": moved.pk, "reason": "mine"}
    assert signed_in(owner).post(page_of(bought), {"person": moved.pk}).status_code == 422
    assert client.post(page_of(bought), sent).status_code == 302
    assert signed_in(moved).post(page_of(bought), sent).status_code == 403
    assert not shop.has(NEW, Grant.objects.get().product)
