"""Subscriptions that are paused, since their trial ended without a payment method, and how they begin again; and such
whose collection is paused."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, FAILS_LATER, GOOD, Shelf, item_of
from tests.sandboxes import Json


def paused_with(shelf: Shelf, *, card: str) -> str:
    """A subscription whose trial ended without a payment method, and which has one now."""
    link = shelf.link(
        shelf.monthly,
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        },
    )
    session = shelf.sandbox.pay_link(link, email="ada@example.org")["session"]
    shelf.sandbox.advance("8d")
    shelf.sandbox.post(f"/sandbox/customers/{session['customer']}/card", {"card": card})
    return str(session["subscription"])


def resume(shelf: Shelf, subscription: str, **wish: Any) -> Json:
    """The subscription afterwards, with its newest invoice."""
    wish["expand"] = ["latest_invoice"]
    return shelf.sandbox.api.subscriptions.resume(subscription, wish).to_dict()  # type: ignore[arg-type]


def test_a_paused_subscription_resumes_with_a_card(shelf: Shelf) -> None:
    subscription = paused_with(shelf, card=GOOD)
    shelf.sandbox.api.subscriptions.resume(subscription)
    assert shelf.subscription(subscription)["status"] == "active"
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= set(shelf.events())


@pytest.mark.parametrize(("close", "status"), [("mark_uncollectible", "active"), ("void_invoice", "paused")])
def test_a_resumption_that_is_not_paid_waits_for_its_bill_to_be_written_off(
    shelf: Shelf, close: str, status: str
) -> None:
    subscription = paused_with(shelf, card=FAILS_LATER)
    bill = str(shelf.sandbox.api.subscriptions.resume(subscription).latest_invoice)
    assert shelf.subscription(subscription)["status"] == "paused"
    getattr(shelf.sandbox.api.invoices, close)(bill)
    assert shelf.subscription(subscription)["status"] == status
    assert ("customer.subscription.resumed" in shelf.events()) == (status == "active")


def test_a_paused_subscription_begins_no_trial_before_it_is_resumed(shelf: Shelf) -> None:
    paused = shelf.subscription(paused_with(shelf, card=GOOD))
    with pytest.raises(stripe.InvalidRequestError, match="resume or pay it first"):
        shelf.sandbox.api.subscriptions.update(paused["id"], {"trial_end": paused["trial_end"] + 20 * DAY})
    assert shelf.subscription(paused["id"]) == paused


def test_a_resumed_subscription_begins_a_period_now(shelf: Shelf) -> None:
    paused = shelf.subscription(paused_with(shelf, card=GOOD))
    resumed = resume(shelf, paused["id"])
    item = resumed["items"]["data"][0]
    assert resumed["billing_cycle_anchor"] == item["current_period_start"] > paused["trial_end"]
    assert (resumed["latest_invoice"]["total"], resumed["latest_invoice"]["status"]) == (2400, "paid")


def test_a_subscription_may_resume_within_the_cycle_that_it_had_and_pay_its_rest(shelf: Shelf) -> None:
    paused = shelf.subscription(paused_with(shelf, card=GOOD))
    shelf.sandbox.advance("31d")
    resumed = resume(shelf, paused["id"], billing_cycle_anchor="unchanged", proration_behavior="always_invoice")
    item, bill = resumed["items"]["data"][0], resumed["latest_invoice"]
    start, end = item["current_period_start"], item["current_period_end"]
    assert resumed["status"] == "active"
    assert resumed["billing_cycle_anchor"] == paused["billing_cycle_anchor"]
    assert paused["trial_end"] < start < bill["created"] < end < start + 32 * DAY
    (line,) = bill["lines"]["data"]
    assert line["parent"]["invoice_item_details"]["proration"]
    assert line["period"] == {"start": bill["created"], "end": end}
    assert bill["amount_paid"] == round(2400 * (end - bill["created"]) / (end - start))


@pytest.mark.parametrize("proration", ["create_prorations", "none", None])
def test_without_a_bill_a_subscription_resumes_at_once(shelf: Shelf, proration: str | None) -> None:
    paused = shelf.subscription(paused_with(shelf, card=FAILS_LATER))
    wish = {"proration_behavior": proration} if proration else {}
    resumed = resume(shelf, paused["id"], billing_cycle_anchor="unchanged", **wish)
    assert resumed["status"] == "active"
    assert resumed["latest_invoice"]["id"] == paused["latest_invoice"]
    assert shelf.events()[-2:] == ["customer.subscription.updated", "customer.subscription.resumed"]
    waiting = shelf.sandbox.api.invoice_items.list({"pending": True}).data
    assert [row.proration for row in waiting] == ([] if proration == "none" else [True])


def test_the_rest_is_prorated_as_of_its_date(shelf: Shelf) -> None:
    paused = shelf.subscription(paused_with(shelf, card=GOOD))
    wish = {"billing_cycle_anchor": "unchanged", "proration_behavior": "always_invoice"}
    with pytest.raises(stripe.InvalidRequestError, match="outside of current period"):
        resume(shelf, paused["id"], **wish, proration_date=paused["trial_end"] - DAY)
    resumed = resume(shelf, paused["id"], **wish, proration_date=paused["trial_end"])
    assert resumed["latest_invoice"]["total"] == 2400


def test_what_is_being_resumed_is_not_resumed_again_until_its_bill_is_void(shelf: Shelf) -> None:
    subscription = paused_with(shelf, card=FAILS_LATER)
    bill = resume(shelf, subscription)["latest_invoice"]["id"]
    with pytest.raises(stripe.InvalidRequestError, match=bill) as refused:
        resume(shelf, subscription)
    assert refused.value.http_status == 400
    assert len(shelf.sandbox.api.invoices.list({"subscription": subscription, "status": "open"}).data) == 1
    shelf.sandbox.api.invoices.void_invoice(bill)
    assert resume(shelf, subscription)["latest_invoice"]["id"] != bill


def test_a_resumption_that_nobody_pays_is_void_after_23_hours(shelf: Shelf) -> None:
    subscription = paused_with(shelf, card=FAILS_LATER)
    bill = resume(shelf, subscription)["latest_invoice"]["id"]
    shelf.sandbox.advance("22h")
    assert shelf.sandbox.api.invoices.retrieve(bill).status == "open"
    shelf.sandbox.advance("2h")
    assert shelf.sandbox.api.invoices.retrieve(bill).status == "void"
    assert shelf.subscription(subscription)["status"] == "paused"


def test_a_resumption_that_a_bank_is_paying_is_waited_for(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    subscription = shelf.subscription(paused_with(shelf, card=GOOD))
    account: Any = {"type": "sepa_debit", "sepa_debit": {"iban": "DE02120300000000202051"}}
    method = api.payment_methods.create({**account, "billing_details": {"name": "Ada", "email": "ada@example.org"}})
    api.payment_methods.attach(method.id, {"customer": subscription["customer"]})
    api.subscriptions.update(subscription["id"], {"default_payment_method": method.id})
    assert resume(shelf, subscription["id"])["status"] == "paused"
    shelf.sandbox.advance("2d")
    assert shelf.subscription(subscription["id"])["status"] == "paused"
    shelf.sandbox.advance("2d")
    assert shelf.subscription(subscription["id"])["status"] == "active"


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")]
)
def test_paused_collection_keeps_the_subscription_active(shelf: Shelf, behavior: str, status: str) -> None:
    subscription = shelf.subscribe()
    resumes = item_of(subscription)["current_period_end"] + 5 * DAY
    shelf.sandbox.api.subscriptions.update(
        subscription["id"],
        {"pause_collection": {"behavior": behavior, "resumes_at": resumes}},  # type: ignore[typeddict-item]
    )
    shelf.sandbox.advance("32d")
    paused = shelf.subscription(subscription["id"])
    assert (paused["status"], paused["pause_collection"]["resumes_at"]) == ("active", resumes)
    assert shelf.sandbox.api.invoices.retrieve(paused["latest_invoice"]).status == status
    shelf.sandbox.advance("6d")
    assert shelf.subscription(subscription["id"])["pause_collection"] is None
