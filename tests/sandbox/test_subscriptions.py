import pytest
import stripe

from tests.sandbox.shelf import DAY, DECLINED, FAILS_LATER, GOOD, Shelf, item_of
from tests.sandboxes import Sandbox

# Renewal


def test_a_month_later_the_subscription_renews_at_its_hour(shelf: Shelf) -> None:
    before = shelf.subscribe()
    shelf.sandbox.advance("32d")
    after = shelf.subscription(before["id"])
    assert after["status"] == "active"
    assert item_of(after)["current_period_start"] == item_of(before)["current_period_end"]
    invoice = shelf.sandbox.api.invoices.retrieve(after["latest_invoice"])
    assert (invoice.billing_reason, invoice.status) == ("subscription_cycle", "paid")
    assert invoice.created == item_of(before)["current_period_end"]
    assert shelf.events()[-9:] == [
        "customer.subscription.updated",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    updated = shelf.sandbox.api.events.list({"type": "customer.subscription.updated"}).data[0]
    old = updated.data.to_dict()["previous_attributes"]
    assert old["items"]["data"][0]["current_period_end"] == item_of(before)["current_period_end"]
    assert old["latest_invoice"] == before["latest_invoice"]


def test_months_passed_at_once_are_each_billed_at_their_time(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    shelf.sandbox.advance("100d")
    invoices = shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data
    assert len(invoices) == 4
    assert all(invoice.status == "paid" for invoice in invoices)
    assert len({invoice.created for invoice in invoices}) == 4


# Dunning


def test_a_failing_card_goes_past_due_is_retried_and_ends_canceled(shelf: Shelf) -> None:
    subscription = shelf.subscribe(card=FAILS_LATER)
    shelf.sandbox.advance("32d")
    late = shelf.subscription(subscription["id"])
    invoice = shelf.sandbox.api.invoices.retrieve(late["latest_invoice"])
    assert late["status"] == "past_due"
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt == invoice.created + 3 * DAY
    shelf.sandbox.advance("8d")
    gone = shelf.subscription(subscription["id"])
    assert gone["status"] == "canceled"
    assert gone["cancellation_details"]["reason"] == "payment_failed"
    assert gone["ended_at"] == invoice.created + 7 * DAY
    assert shelf.sandbox.api.invoices.retrieve(invoice.id).attempt_count == 4
    assert shelf.events().count("invoice.payment_failed") == 4


@pytest.mark.parametrize("end", ["unpaid", "past_due"])
def test_the_account_may_choose_another_end_of_dunning(shelf: Shelf, end: str) -> None:
    shelf.sandbox.post("/sandbox/settings", {"after_retries": end})
    subscription = shelf.subscribe(card=FAILS_LATER)
    shelf.sandbox.advance("45d")
    assert shelf.subscription(subscription["id"])["status"] == end


def test_a_new_card_pays_what_is_open_and_the_subscription_recovers(shelf: Shelf) -> None:
    subscription = shelf.subscribe(card=FAILS_LATER)
    shelf.sandbox.advance("32d")
    customer = subscription["customer"]
    shelf.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": GOOD})
    assert shelf.subscription(subscription["id"])["status"] == "past_due"
    paid = shelf.sandbox.post(f"/sandbox/customers/{customer}/retry")["paid"]
    assert [invoice["id"] for invoice in paid] == [shelf.subscription(subscription["id"])["latest_invoice"]]
    assert shelf.subscription(subscription["id"])["status"] == "active"
    shelf.sandbox.advance("20d")
    assert shelf.subscription(subscription["id"])["status"] == "active"


def test_an_unpaid_subscription_drafts_invoices_and_recovers_with_the_newest(shelf: Shelf) -> None:
    shelf.sandbox.post("/sandbox/settings", {"after_retries": "unpaid"})
    subscription = shelf.subscribe(card=FAILS_LATER)
    shelf.sandbox.advance("65d")
    newest = shelf.sandbox.api.invoices.retrieve(shelf.subscription(subscription["id"])["latest_invoice"])
    assert (newest.status, newest.attempt_count) == ("draft", 0)
    shelf.sandbox.api.invoices.pay(newest.id, {"payment_method": "pm_card_visa"})
    assert shelf.subscription(subscription["id"])["status"] == "active"


@pytest.mark.parametrize("close", ["void_invoice", "mark_uncollectible"])
def test_closing_the_open_invoice_clears_the_debt(shelf: Shelf, close: str) -> None:
    subscription = shelf.subscribe(card=FAILS_LATER)
    shelf.sandbox.advance("32d")
    getattr(shelf.sandbox.api.invoices, close)(shelf.subscription(subscription["id"])["latest_invoice"])
    assert shelf.subscription(subscription["id"])["status"] == "active"


# The first payment


def test_a_first_payment_that_fails_leaves_it_incomplete_for_23_hours(shelf: Shelf, ada: str) -> None:
    method = shelf.sandbox.api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": ada})
    subscription = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "default_payment_method": method.id}
    )
    assert subscription.status == "incomplete"
    shelf.sandbox.advance("22h")
    assert shelf.subscription(subscription.id)["status"] == "incomplete"
    shelf.sandbox.advance("2h")
    assert shelf.subscription(subscription.id)["status"] == "incomplete_expired"
    assert shelf.sandbox.api.invoices.retrieve(str(subscription.latest_invoice)).status == "void"


def test_paying_the_first_invoice_activates(shelf: Shelf, ada: str) -> None:
    subscription = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "payment_behavior": "default_incomplete"}
    )
    assert subscription.status == "incomplete"
    shelf.sandbox.api.invoices.pay(str(subscription.latest_invoice))
    assert shelf.subscription(subscription.id)["status"] == "active"


def test_until_the_first_payment_only_its_words_and_method_can_change(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    subscription = api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "payment_behavior": "default_incomplete"}
    )
    item = subscription["items"].data[0].id
    for refused in ({"trial_end": 2_000_000_000}, {"cancel_at_period_end": True}, {"items": [{"id": item}]}):
        with pytest.raises(stripe.InvalidRequestError, match="incomplete can only update"):
            api.subscriptions.update(subscription.id, refused)  # type: ignore[arg-type]
    assert api.subscriptions.update(subscription.id, {"metadata": {"seat": "3"}}).metadata["seat"] == "3"


def test_the_items_of_an_ended_subscription_cannot_change(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    shelf.sandbox.api.subscriptions.cancel(subscription["id"])
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription can only"):
        shelf.sandbox.api.subscription_items.update(subscription["items"]["data"][0]["id"], {"quantity": 2})
    assert shelf.subscription(subscription["id"])["items"]["data"][0]["quantity"] == 1


def test_error_if_incomplete_makes_nothing(shelf: Shelf, ada: str) -> None:
    method = shelf.sandbox.api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": ada})
    with pytest.raises(stripe.CardError):
        shelf.sandbox.api.subscriptions.create(
            {
                "customer": ada,
                "items": [{"price": shelf.monthly}],
                "default_payment_method": method.id,
                "payment_behavior": "error_if_incomplete",
            }
        )
    assert shelf.sandbox.api.subscriptions.list({"status": "all"}).data == []


def test_no_card_at_all_is_refused(shelf: Shelf) -> None:
    poor = shelf.sandbox.api.customers.create({"email": "dan@example.org"})
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shelf.sandbox.api.subscriptions.create({"customer": poor.id, "items": [{"price": shelf.monthly}]})


# Ends


@pytest.mark.parametrize(("mode", "flag"), [("flexible", False), ("classic", True)])
def test_the_portal_cancels_at_the_period_end_in_both_billing_modes(
    shelf: Shelf, ada: str, mode: str, flag: bool
) -> None:
    subscription = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "billing_mode": {"type": mode}}  # type: ignore[typeddict-item]
    )
    portal = open_portal(shelf.sandbox, ada)
    shelf.sandbox.in_portal(portal, "cancel", subscription=subscription.id, feedback="too_expensive")
    ending = shelf.subscription(subscription.id)
    end = item_of(ending)["current_period_end"]
    assert (ending["status"], ending["cancel_at"], ending["cancel_at_period_end"]) == ("active", end, flag)
    assert ending["cancellation_details"]["feedback"] == "too_expensive"
    shelf.sandbox.in_portal(portal, "resume", subscription=subscription.id)
    back = shelf.subscription(subscription.id)
    assert (back["cancel_at"], back["cancel_at_period_end"], back["canceled_at"]) == (None, False, None)
    shelf.sandbox.in_portal(portal, "cancel", subscription=subscription.id)
    shelf.sandbox.advance("32d")
    gone = shelf.subscription(subscription.id)
    assert (gone["status"], gone["ended_at"]) == ("canceled", end)
    assert shelf.events()[-1] == "customer.subscription.deleted"


def open_portal(sandbox: Sandbox, customer: str) -> str:
    configuration = sandbox.api.billing_portal.configurations.create(
        {
            "features": {
                "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
                "payment_method_update": {"enabled": True},
            }
        }
    )
    session = sandbox.api.billing_portal.sessions.create({"customer": customer, "configuration": configuration.id})
    return session.url


def test_cancel_now_is_terminal(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    gone = shelf.sandbox.api.subscriptions.cancel(subscription["id"], {"cancellation_details": {"comment": "bye"}})
    assert (gone.status, gone.cancellation_details.comment) == ("canceled", "bye")  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError):
        shelf.sandbox.api.subscriptions.update(subscription["id"], {"cancel_at_period_end": True})


def test_deleting_a_customer_cancels_at_once(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    shelf.sandbox.api.customers.delete(subscription["customer"])
    assert shelf.subscription(subscription["id"])["status"] == "canceled"
    assert shelf.sandbox.api.customers.retrieve(subscription["customer"]).deleted is True
    shelf.sandbox.advance("40d")


# Trials


def test_a_trial_warns_three_days_before_and_then_charges(shelf: Shelf) -> None:
    subscription = shelf.subscribe(subscription_data={"trial_period_days": 14})
    shelf.sandbox.advance("12d")
    assert shelf.events()[-1] == "customer.subscription.trial_will_end"
    shelf.sandbox.advance("3d")
    assert shelf.subscription(subscription["id"])["status"] == "active"
    newest = shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0]
    assert (newest.amount_paid, newest.billing_reason) == (2400, "subscription_cycle")


@pytest.mark.parametrize(("choice", "status"), [("pause", "paused"), ("cancel", "canceled")])
def test_a_trial_without_a_card_ends_as_its_settings_say(shelf: Shelf, choice: str, status: str) -> None:
    link = shelf.link(
        shelf.monthly,
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": choice}},
        },
    )
    session = shelf.sandbox.pay_link(link, email="ada@example.org")["session"]
    shelf.sandbox.advance("8d")
    assert shelf.subscription(session["subscription"])["status"] == status


# Invoices sent by mail


def test_a_sent_invoice_turns_past_due_after_its_date_and_recovers_out_of_band(shelf: Shelf, ada: str) -> None:
    made = shelf.sandbox.api.subscriptions.create(
        {
            "customer": ada,
            "items": [{"price": shelf.monthly}],
            "collection_method": "send_invoice",
            "days_until_due": 7,
        }
    )
    assert made.status == "active"
    shelf.sandbox.advance("8d")
    assert shelf.subscription(made.id)["status"] == "past_due"
    paid = shelf.sandbox.api.invoices.pay(str(made.latest_invoice), {"paid_out_of_band": True})
    assert (paid.status, paid.amount_paid_off_stripe) == ("paid", 2400)
    assert shelf.subscription(made.id)["status"] == "active"


# Discounts


def test_a_coupon_for_three_months_ends_by_itself(shelf: Shelf, ada: str) -> None:
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 50, "duration": "repeating", "duration_in_months": 3})
    made = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "discounts": [{"coupon": coupon.id}]}
    )
    shelf.sandbox.advance("130d")
    totals = [invoice.total for invoice in shelf.sandbox.api.invoices.list({"subscription": made.id}).data]
    assert totals == [2400, 2400, 1200, 1200, 1200]


def test_a_coupon_for_once_is_gone_after_the_first_invoice(shelf: Shelf, ada: str) -> None:
    coupon = shelf.sandbox.api.coupons.create({"amount_off": 400, "currency": "eur", "duration": "once"})
    made = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "discounts": [{"coupon": coupon.id}]}
    )
    shelf.sandbox.advance("32d")
    totals = [invoice.total for invoice in shelf.sandbox.api.invoices.list({"subscription": made.id}).data]
    assert totals == [2400, 2000]


def test_a_declined_new_card_is_not_kept(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    card = {"number": DECLINED, "exp_month": 12, "exp_year": 2034}
    method = shelf.sandbox.api.payment_methods.create({"type": "card", "card": card})  # type: ignore[typeddict-item]
    with pytest.raises(stripe.CardError):
        shelf.sandbox.api.payment_methods.attach(method.id, {"customer": subscription["customer"]})
