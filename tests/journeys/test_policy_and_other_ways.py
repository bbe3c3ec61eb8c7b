"""Whoever keeps a product in another way, or cannot come in at all, neither gains nor loses by other rules."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from django.test import Client

from billing.forms import PolicyForm
from billing.intake.draining import drain
from billing.models import AccessPolicy, Order, Subscription
from billing.refreshing.entitling import Rules
from billing.rules import effects, policy_change
from billing.rules.effects import Effect
from billing.rules.policies import build
from billing.rules.policy_change import Change
from hub import grants
from hub.access import can_open
from hub.models import Grant, Product, User
from tests import cast
from tests.journeys.test_policy_pages import (
    SITE,
    USUAL,
    clone,
    endings,
    everything,
    late,
    rows_of,
    sent_back,
)
from tests.members import Member
from tests.shops import Shop

__all__ = ["everything", "late"]  # fixtures
STRICT = {"past_due_policy": "none"}
SHUT = {
    "trial_access": "False",
    "past_due_grace_days": "3",
    "paused_collection_access": "suspend",
    "require_first_payment": "True",
    "sub_full_refund": "revoke",
    "order_partial_refund_percent": "25",
    "dispute_policy": "suspend_on_open",
    "restore_on_won": "False",
}
OPENED = {"immediate_cancel": "end_of_paid_period", "order_full_refund": "ignore", "dispute_policy": "ignore"}
BEN, CLUB = "ben@example.org", "Studio Membership"


def give_each(shop: Shop, what: Callable[[Product], Product]) -> None:
    """A gift to everybody, of what `what` says of each product."""
    gifts = {what(product).pk: what(product) for product in (shop.club, shop.course)}
    for person in User.objects.filter(role=User.Role.MEMBER):
        for gift in gifts.values():
            grants.give(person, gift, actor=None, reason="a friend", now=shop.now())


def by_gift(shop: Shop) -> None:
    give_each(shop, lambda product: product)


def by_collection(shop: Shop) -> None:
    whole = cast.ProductFactory(name="Everything", kind=Product.Kind.COLLECTION)
    for product in (shop.club, shop.course):
        cast.CollectionItemFactory(collection=whole, product=product)
    give_each(shop, lambda _product: whole)


def by_collection_of_all(shop: Shop) -> None:
    whole = cast.ProductFactory(name="Everything", kind=Product.Kind.COLLECTION, contains_all=True)
    give_each(shop, lambda _product: whole)


def by_buying_more(shop: Shop) -> None:
    for person in User.objects.filter(role=User.Role.MEMBER):
        for offer in (shop.yearly, shop.once):
            shop.buy(offer, email=person.email)
    shop.deliver()


def by_a_gift_that_is_over(shop: Shop) -> None:
    """Its gate is shut, though nobody has written so yet."""
    give_each(shop, lambda product: product)
    Grant.objects.filter(source=Grant.Source.MANUAL).update(ends_at=shop.now())


def by_nothing_as_they_are_shut_out(shop: Shop) -> None:
    User.objects.filter(role=User.Role.MEMBER).update(is_active=False)


KEEPS = [by_gift, by_collection, by_collection_of_all, by_buying_more, by_nothing_as_they_are_shut_out]


def at_the_gate(shop: Shop) -> set[tuple[str, str]]:
    return {
        (person.email, product.name)
        for person in User.objects.all()
        for product in Product.objects.all()
        if can_open(person, product, now=shop.now())
    }


def said(found: Iterable[Effect]) -> set[tuple[str, str, bool]]:
    return {(effect.email, effect.product, effect.gains) for effect in found}


@pytest.mark.parametrize("other_way", [*KEEPS, by_a_gift_that_is_over], ids=lambda way: way.__name__)
@pytest.mark.parametrize("change", [SHUT, OPENED], ids=["shut", "opened"])
def test_the_preview_is_what_becomes_of_the_gate(
    everything: Shop, desk: Client, change: dict[str, str], other_way: Callable[[Shop], None]
) -> None:
    """Row for row; and whom it does not concern gets no letter."""
    other_way(everything)
    form = PolicyForm(USUAL | change, knobs={})
    assert form.is_valid()
    shown = policy_change.preview(Change(None, form.knobs()), connection=everything.connection, now=everything.now())
    before, written = at_the_gate(everything), endings()
    assert (other_way in KEEPS) is not bool(shown.effects)
    page = desk.post(SITE, USUAL | change).content.decode()
    desk.post(SITE, sent_back(page))
    drain()
    after = at_the_gate(everything)
    changed = {(*pair, "loses") for pair in before - after} | {(*pair, "gains") for pair in after - before}
    assert set(rows_of(page)) == changed
    letters = {pair for pair in endings() - written if User.objects.get(email=pair[0]).is_active}
    assert letters == {(effect.email, effect.product) for effect in shown.effects if effect.is_told}


def test_who_was_nobodys_and_has_it_by_a_gift_gains_nothing(shop: Shop, desk: Client, ben: User) -> None:
    """A refunded purchase belongs to nobody until the rules would open it; by then its payer has come by a gift."""
    User.objects.filter(pk=ben.pk).update(email="elsewhere@example.org")
    bought = shop.buy(shop.once, email="ben@example.org")
    shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"]})
    shop.deliver()
    assert Order.objects.get().user is None
    User.objects.filter(pk=ben.pk).update(email="ben@example.org")
    grants.give(ben, shop.course, actor=None, reason="a friend", now=shop.now())
    assert rows_of(desk.post(SITE, USUAL | {"order_full_refund": "ignore"}).content.decode()) == []


def test_of_very_many_two_late_subscriptions_of_one_person_are_one_loss(late: Shop) -> None:
    """However far apart they are read."""
    first = Subscription.objects.get(user__email=BEN)
    ben = first.user
    assert ben
    second = clone(first, of=ben, stripe_id="sub_second")
    second.save()
    grant = Grant.objects.get(source_ref=first.stripe_id)
    grant.pk, grant.source_ref = None, second.stripe_id
    grant.save(force_insert=True)
    between = [f"cus_nobody{number}" for number in range(2 * effects.CHUNK)]
    new = build([AccessPolicy(product=None, knobs=STRICT, version=1)])
    subjects = [first.customer_id, *between, second.customer_id]
    rules = replace(Rules.of(late.connection, now=late.now()), policies=new)
    found = effects.project(subjects, rules=rules)
    assert said(found) == {(BEN, CLUB, False)}


def test_who_keeps_it_by_a_collection_is_not_told_that_it_is_over(shop: Shop, member: Member) -> None:
    """Nor, when it is bought as well, that it is open now."""
    whole = cast.ProductFactory(name="Everything", kind=Product.Kind.COLLECTION, contains_all=True)
    sub = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    grants.give(member.user, whole, actor=None, reason="a friend", now=shop.now())
    shop.sandbox.api.subscriptions.cancel(sub["id"])
    shop.deliver()
    assert member.has(shop.club) and member.states(shop.club) == ["ended"]
    assert "access_ended" not in member.mails() and "access_removed" not in member.verbs()
    welcomed = member.mails().count("access")
    shop.buy(shop.once, email=member.email)
    shop.deliver()
    assert member.has(shop.course) and member.mails().count("access") == welcomed
