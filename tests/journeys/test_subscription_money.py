"""What refunds, disputes and late money make of a subscription, as the owner's knobs say."""

import pytest

from billing.models import AccessPolicy
from tests.members import Member
from tests.shops import Json, Shop


def subscribed(member: Member, shop: Shop, **knobs: object) -> Json:
    AccessPolicy.objects.create(knobs=knobs)
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    return subscription


def newest_charge(shop: Shop) -> str:
    return str(shop.sandbox.api.charges.list({"limit": 1}).data[0].id)


def refund(shop: Shop, **params: object) -> str:
    made = shop.sandbox.api.refunds.create({"charge": newest_charge(shop), **params})
    shop.deliver()
    return str(made.id)


def test_a_refund_leaves_a_running_subscription_alone_by_default(shop: Shop, member: Member) -> None:
    subscribed(member, shop)
    refund(shop)
    assert member.has(shop.club)
    assert member.verbs("refunded") == ["refunded"]
    assert member.verbs("access_removed") == []


def test_where_the_owner_says_so_a_full_refund_ends_access_until_the_next_payment(shop: Shop, member: Member) -> None:
    subscribed(member, shop, sub_full_refund="revoke")
    refund(shop, amount=1000)
    assert member.has(shop.club)
    refund(shop)
    assert not member.has(shop.club)
    assert member.why(shop.club) == "refunded"
    assert member.verbs("refunded") == ["refunded", "refunded"]

    shop.advance("32d")
    assert member.has(shop.club)
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "refunded", "active"]


def test_a_refund_that_fails_gives_access_back(shop: Shop, member: Member) -> None:
    subscribed(member, shop, sub_full_refund="revoke")
    made = refund(shop)
    assert not member.has(shop.club)
    shop.sandbox.set_fields(made, status="failed")
    shop.deliver()
    assert member.has(shop.club)


def test_a_dispute_suspends_only_where_asked_and_a_lost_one_ends_access(shop: Shop, member: Member) -> None:
    subscribed(member, shop)
    dispute = shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "needs_response"})
    shop.deliver()
    assert member.has(shop.club)
    shop.sandbox.set_fields(dispute["id"], status="lost")
    shop.deliver()
    assert not member.has(shop.club)
    assert member.why(shop.club) == "disputed"
    shop.sandbox.set_fields(dispute["id"], status="won")
    shop.deliver()
    assert member.has(shop.club)
    assert member.verbs("disputed") == ["disputed"] * 3
    assert member.mails() == ["access", "access_ended"]


def test_a_win_restores_nothing_where_the_owner_says_so(shop: Shop, member: Member) -> None:
    subscribed(member, shop, restore_on_won=False)
    dispute = shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(dispute["id"], status="lost")
    shop.deliver()
    shop.sandbox.set_fields(dispute["id"], status="won")
    shop.deliver()
    assert not member.has(shop.club)


def test_an_inquiry_never_changes_access(shop: Shop, member: Member) -> None:
    subscribed(member, shop, dispute_policy="suspend_on_open")
    shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "warning_needs_response"})
    shop.deliver()
    assert member.has(shop.club)


@pytest.mark.parametrize(("knob", "stays"), [("end_now", False), ("end_of_paid_period", True)])
def test_an_immediate_cancellation_ends_now_or_with_what_was_paid(
    shop: Shop, member: Member, knob: str, stays: bool
) -> None:
    subscription = subscribed(member, shop, immediate_cancel=knob)
    shop.advance("3d")
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert member.row(subscription).status == "canceled"
    assert member.has(shop.club) is stays
    shop.advance("30d")
    assert not member.has(shop.club)
    assert member.states(shop.club) == ["ended"]


def test_access_may_wait_for_the_first_money(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(product=shop.club, knobs={"require_first_payment": True})
    shop.buy(shop.once, email=member.email)
    shop.deliver()
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=30)
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert not member.has(shop.club)
    assert member.why(shop.club) == "awaiting_first_invoice"

    shop.advance("2h")
    invoice = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    shop.sandbox.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    shop.deliver()
    assert member.has(shop.club)
    assert member.mails() == ["access", "access"]


def test_a_trial_is_no_first_money(shop: Shop, member: Member) -> None:
    """Stripe opens a trial with a paid invoice of nothing; a bank debit for the first month is still on its way."""
    AccessPolicy.objects.create(product=shop.club, knobs={"require_first_payment": True})
    subscription = member.subscribe(
        shop.monthly.price_id, trial_period_days=7, collection_method="send_invoice", days_until_due=30
    )
    shop.deliver()
    assert member.why(shop.club) == "trial" and member.has(shop.club)
    shop.advance("8d")
    assert member.row(subscription).status == "active"
    assert member.why(shop.club) == "awaiting_first_invoice" and not member.has(shop.club)
    invoice = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    shop.sandbox.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    shop.deliver()
    assert member.has(shop.club)


def test_who_paid_before_we_looked_is_not_shut_out_while_the_newest_invoice_is_open(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"require_first_payment": True})
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=30)
    shop.sandbox.advance("2h")
    invoice = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    shop.sandbox.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    shop.sandbox.advance("32d")
    shop.sandbox.take_pending()  # nothing of all this was heard
    shop.sandbox.api.subscriptions.update(subscription["id"], {"metadata": {"seat": "4"}})
    shop.deliver()
    newest = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    assert newest.status == "open" and member.row(subscription).status == "active"
    assert member.has(shop.club)


def test_a_product_may_have_knobs_of_its_own(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"trial_access": False})
    AccessPolicy.objects.create(product=shop.club, knobs={"trial_access": True})
    member.subscribe(shop.monthly.price_id, trial_period_days=7)
    shop.deliver()
    assert member.has(shop.club)


def test_a_trial_without_access_opens_when_it_is_over(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"trial_access": False})
    member.subscribe(shop.monthly.price_id, trial_period_days=7)
    shop.deliver()
    assert member.nobody
    shop.advance("8d")
    assert member.has(shop.club)
    assert member.mails() == ["access"]
