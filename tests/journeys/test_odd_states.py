"""Pauses of collection, unknown words, updates not yet in force, customers that are gone."""

import json

import pytest
import stripe

from billing.intake.draining import drain
from billing.models import AccessPolicy, Attention, ProductLink, StripeCustomer
from billing.shop.counting import count_known_live
from hub.models import Product, User
from tests import cast
from tests.members import Member
from tests.shops import Json, Shop

PAUSE: Json = {"behavior": "void"}

PURCHASED, GRANTED, REMOVED = "product_purchased", "access_granted", "access_removed"


def test_case_12_paused_collection_keeps_access_and_is_not_the_status_paused(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    resumes_at = int(shop.now().timestamp()) + 45 * 86_400
    member.change(subscription, pause_collection={**PAUSE, "resumes_at": resumes_at})
    assert member.row(subscription).status == "active"
    assert member.has(shop.club)
    page = member.account_page()
    assert "Payments paused" in page and "payments resume on" in page and "Nothing is charged" in page
    assert member.verbs("access_removed", "subscription_cancelled") == []

    shop.advance("33d")
    assert member.has(shop.club)
    assert member.states(shop.club) == ["active"]


def test_an_owner_may_suspend_who_does_not_pay_while_collection_is_paused(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"paused_collection_access": "suspend"})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change(subscription, pause_collection={**PAUSE, "resumes_at": int(shop.now().timestamp()) + 3 * 86_400})
    assert not member.has(shop.club)
    assert member.why(shop.club) == "collection_paused"
    shop.advance("4d")
    assert member.has(shop.club)


@pytest.mark.parametrize("known", [True, False])
def test_case_27_an_unknown_status_changes_nothing_and_raises_an_alert(shop: Shop, member: Member, known: bool) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    if known:
        shop.deliver()
    told = member.verbs()
    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", status="hibernating")
    shop.deliver()
    assert member.has(shop.club) is known
    assert member.states(shop.club) == (["active"] if known else [])
    assert member.verbs() == told
    assert count_known_live(ProductLink.objects.get(product=shop.club)) == 1, "the link may not be ended"
    alert = Attention.objects.get(kind=Attention.Kind.UNKNOWN_STATUS)
    assert alert.details == {"status": "hibernating", "subscription": subscription["id"]}

    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated")
    shop.deliver()
    assert Attention.objects.filter(kind=Attention.Kind.UNKNOWN_STATUS).count() == 1

    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", status="active")
    shop.deliver()
    assert member.has(shop.club)


def test_an_unknown_status_outlasts_the_end_of_the_period(shop: Shop, member: Member) -> None:
    """While nobody knows what a status means, the clock alone does not shut anybody out."""
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", status="hibernating")
    shop.deliver()
    shop.advance("40d")
    assert member.has(shop.club)
    assert member.steps(shop.club) == [("", "active", "active"), ("active", "active", "unknown_status")]
    shop.advance("2h")
    assert len(member.steps(shop.club)) == 2  # held for a day at a time, not at every look


def test_case_19_a_pending_update_grants_nothing_until_it_is_applied(shop: Shop, member: Member) -> None:
    circle, _ = upgrade_that_waits(shop, member)
    assert not member.has(circle)
    assert member.has(shop.club)
    assert member.verbs(PURCHASED, GRANTED, REMOVED) == [PURCHASED, GRANTED]
    assert member.mails() == ["access"]

    member.change_card("4242424242424242")
    shop.deliver()
    assert member.has(circle)
    assert not member.has(shop.club)
    assert member.steps(circle) == [("", "active", "active")]
    assert member.steps(shop.club)[-1] == ("active", "ended", "not_on_subscription")
    assert member.verbs(PURCHASED, GRANTED, REMOVED) == [PURCHASED, GRANTED, PURCHASED, REMOVED, GRANTED]
    assert member.mails() == ["access", "access"]
    assert "You have access to Kiln Circle." in member.letter("access")


def test_case_19_a_pending_update_that_is_given_up_grants_nothing(shop: Shop, member: Member) -> None:
    circle, subscription = upgrade_that_waits(shop, member)
    shop.advance("24h")
    assert shop.sandbox.api.subscriptions.retrieve(subscription["id"]).pending_update is None
    assert not member.has(circle)
    assert member.steps(circle) == []
    assert member.states(shop.club) == ["active"]
    assert member.row(subscription).status == "active"
    assert member.verbs(PURCHASED, GRANTED, REMOVED) == [PURCHASED, GRANTED]
    assert member.mails() == ["access"]


def upgrade_that_waits(shop: Shop, member: Member) -> tuple[Product, Json]:
    """(a dearer product, the subscription that shall switch to it once it is paid): the card has no money."""
    circle = cast.ProductFactory(name="Kiln Circle")
    (dearer,) = shop.sell(circle, {"unit_amount": 4900, "recurring": {"interval": "month"}})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    changed = member.switch_once_paid(subscription, price=dearer.price_id)
    assert changed["pending_update"]["subscription_items"][0]["price"]["id"] == dearer.price_id
    return circle, subscription


def test_case_20_a_schedule_grants_nothing_until_it_starts_a_subscription(shop: Shop, member: Member) -> None:
    """Its subscription speaks for it."""
    api = shop.sandbox.api
    card = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    customer = api.customers.create({"email": member.email, **card})  # type: ignore[typeddict-item]
    schedule = api.subscription_schedules.create(
        {
            "customer": customer.id,
            "start_date": int(shop.now().timestamp()) + 5 * 86_400,
            "phases": [{"items": [{"price": shop.monthly.price_id}], "duration": {"interval": "month"}}],
        }
    )
    shop.deliver()
    assert member.nobody

    shop.advance("6d")
    assert api.subscription_schedules.retrieve(schedule.id).status == "active"
    assert member.has(shop.club)
    assert member.steps(shop.club) == [("", "active", "active")]
    assert member.verbs() == ["member_added", PURCHASED, "subscription_started", GRANTED]
    assert member.mails() == ["access"]


def test_case_20_a_schedules_events_say_nothing_when_they_come_all_the_same(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    (created, *_) = [held for held in shop.sandbox.take_pending() if "subscription.created" in held["event"]["type"]]
    schedule = {"id": "sub_sched_1", "object": "subscription_schedule", "status": "not_started", "subscription": None}
    event = json.loads(created["body"]) | {"id": "evt_schedule", "type": "subscription_schedule.created"}
    event["data"] = {"object": {**schedule, "customer": subscription["customer"]}}
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(body, shop.connection.webhook_secrets[0])
    assert shop.post_webhook({"headers": {}, "body": body}, signature=signature) == 200
    drain()
    assert member.nobody


@pytest.mark.parametrize("still_listed", [True, False])
def test_case_23_a_customer_deleted_at_stripe_keeps_the_account_and_what_was_bought_once(
    shop: Shop, member: Member, still_listed: bool
) -> None:
    """Also where Stripe will not list the subscriptions of a customer who is gone."""
    subscription = member.subscribe(shop.monthly.price_id)
    shop.buy(shop.once, email=member.email)
    shop.deliver()
    assert member.has(shop.club)
    assert member.has(shop.course)

    for customer in StripeCustomer.objects.all():
        shop.sandbox.api.customers.delete(customer.stripe_id)
    if not still_listed:
        shop.sandbox.answer_with(404, path="/v1/subscriptions", times=1)
    shop.deliver()
    assert member.row(subscription).status == "canceled"
    assert not member.has(shop.club)
    assert member.has(shop.course)
    assert member.steps(shop.club) == [("", "active", "active"), ("active", "ended", "canceled")]
    assert member.steps(shop.course) == [("", "active", "bought")]
    assert member.verbs("subscription_ended", REMOVED) == ["subscription_ended", REMOVED]
    assert member.mails() == ["access", "access", "access_ended"]
    assert "Your access to Studio Membership has ended." in member.letter("access_ended")
    assert User.objects.get().is_active
    assert not StripeCustomer.objects.filter(deleted_at=None).exists()
    assert member.browser().get("/account/").status_code == 200

    shop.advance("1d")
    assert member.has(shop.course)


def test_a_period_that_stripe_has_not_rolled_over_stays_open_while_stripe_says_active(
    shop: Shop, member: Member
) -> None:
    """A test clock stands still while we go on: what counts is the status, whenever it is asked for."""
    api = shop.sandbox.api
    frozen = api.test_helpers.test_clocks.create({"frozen_time": int(shop.now().timestamp())})
    customer = api.customers.create({"email": member.email, "test_clock": frozen.id})
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shop.monthly.price_id}],
            "default_payment_method": card.id,
        }
    )
    shop.deliver()
    assert member.has(shop.club)
    for _ in range(4):
        shop.advance("12d")
        assert member.has(shop.club)
    assert member.verbs("access_granted", "access_removed") == ["access_granted"]
    steps = len(member.steps(shop.club))
    shop.advance("2h")
    assert len(member.steps(shop.club)) == steps  # asked each hour, written down every few days
