"""Attempts to collect an invoice: which of them count, and who hears of them."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, FAILS_LATER, Shelf


def late(shelf: Shelf) -> tuple[str, str]:
    """(subscription, its unpaid invoice) of a member whose card fails at the renewal."""
    subscription = shelf.subscribe(card=FAILS_LATER)["id"]
    shelf.sandbox.advance("32d")
    return subscription, shelf.subscription(subscription)["latest_invoice"]


def test_attempts_by_hand_do_not_count_beside_those_of_the_retry_schedule(shelf: Shelf) -> None:
    api, (_, invoice) = shelf.sandbox.api, late(shelf)
    planned = api.invoices.retrieve(invoice).next_payment_attempt
    with pytest.raises(stripe.CardError):
        api.invoices.pay(invoice)
    tried = api.invoices.retrieve(invoice)
    assert (tried.attempt_count, tried.next_payment_attempt) == (1, planned)
    shelf.sandbox.post("/sandbox/clock", {"to": planned})
    assert api.invoices.retrieve(invoice).attempt_count == 2


def test_an_attempt_on_an_uncollectible_invoice_is_told_and_leaves_the_subscription_alone(shelf: Shelf) -> None:
    api, (subscription, invoice) = shelf.sandbox.api, late(shelf)
    api.invoices.mark_uncollectible(invoice)
    with pytest.raises(stripe.CardError):
        api.invoices.pay(invoice)
    assert shelf.events()[-1] == "invoice.payment_failed"
    assert api.invoices.retrieve(invoice).status == "uncollectible"
    assert shelf.subscription(subscription)["status"] == "active"


def test_nobody_asks_who_is_gone(shelf: Shelf, ada: str) -> None:
    """An open invoice and a draft that would have been collected stay as they are."""
    api: Any = shelf.sandbox.api
    bills = []
    for _ in range(2):
        api.invoice_items.create({"customer": ada, "amount": 900, "currency": "eur"})
        wish = {"customer": ada, "pending_invoice_items_behavior": "include", "auto_advance": True}
        bills.append(api.invoices.create(wish).id)
    api.invoices.finalize_invoice(bills[0], {"auto_advance": False})
    api.invoices.update(bills[0], {"auto_advance": True})
    api.customers.delete(ada)
    shelf.sandbox.advance("1d")
    rows = [api.invoices.retrieve(bill) for bill in bills]
    assert [row.status for row in rows] == ["open", "draft"]
    for row in rows:
        stopped = (row.auto_advance, row.next_payment_attempt, row.automatically_finalizes_at, row.attempt_count)
        assert stopped == (False, None, None, 0)
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        api.invoices.update(bills[0], {"auto_advance": True})


# Debits under way


def debited(shelf: Shelf, *, fails: bool = False) -> tuple[str, Any]:
    """(customer, open invoice) whose debit takes three days."""
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org"}).id
    api.invoice_items.create({"customer": customer, "amount": 1000, "currency": "eur"})
    wish: Any = {"customer": customer, "pending_invoice_items_behavior": "include"}
    invoice = api.invoices.finalize_invoice(api.invoices.create(wish).id)
    return customer, api.invoices.pay(invoice.id, {"payment_method": bank_of(shelf, customer, fails=fails)})


def bank_of(shelf: Shelf, customer: str, *, fails: bool = False) -> str:
    number = "000111111116" if fails else "000123456789"
    account: Any = {"account_number": number, "routing_number": "110000000", "account_holder_type": "individual"}
    wish: Any = {"type": "us_bank_account", "us_bank_account": account, "billing_details": {"name": "Ada"}}
    method = shelf.sandbox.api.payment_methods.create(wish).id
    shelf.sandbox.api.payment_methods.attach(method, {"customer": customer})
    return method


def test_a_bill_is_not_closed_under_a_debit(shelf: Shelf) -> None:
    api, (_, invoice) = shelf.sandbox.api, debited(shelf)
    for attempt in (
        lambda: api.invoices.void_invoice(invoice.id),
        lambda: api.invoices.pay(invoice.id, {"paid_out_of_band": True}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="still processing"):
            attempt()
    shelf.sandbox.advance("4d")
    paid = api.invoices.retrieve(invoice.id)
    assert (paid.status, paid.amount_paid, paid.amount_paid_off_stripe) == ("paid", 1000, 0)


@pytest.mark.parametrize(("fails", "status"), [(False, "paid"), (True, "uncollectible")])
def test_a_debit_may_still_pay_what_was_written_off(shelf: Shelf, fails: bool, status: str) -> None:
    api, (_, invoice) = shelf.sandbox.api, debited(shelf, fails=fails)
    api.invoices.mark_uncollectible(invoice.id)
    shelf.sandbox.advance("4d")
    assert api.invoices.retrieve(invoice.id).status == status


def test_what_is_void_is_paid_by_no_means(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    api.invoice_items.create({"customer": ada, "amount": 1000, "currency": "eur"})
    made = api.invoices.create({"customer": ada, "pending_invoice_items_behavior": "include"})
    invoice = api.invoices.void_invoice(api.invoices.finalize_invoice(made.id).id)
    for way in ({}, {"paid_out_of_band": True}):
        with pytest.raises(stripe.InvalidRequestError, match="void"):
            api.invoices.pay(invoice.id, way)  # type: ignore[arg-type]
    assert api.invoices.retrieve(invoice.id).status == "void"


def test_a_first_debit_is_waited_for_beyond_the_day(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org"}).id
    method = bank_of(shelf, customer)
    wish: Any = {"customer": customer, "items": [{"price": shelf.monthly}], "default_payment_method": method}
    subscription = api.subscriptions.create(wish)
    shelf.sandbox.advance("2d")
    assert api.subscriptions.retrieve(subscription.id).status == "incomplete"
    shelf.sandbox.advance("2d")
    assert api.subscriptions.retrieve(subscription.id).status == "active"


def test_a_first_debit_that_fails_leaves_nothing_behind(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org"}).id
    method = bank_of(shelf, customer, fails=True)
    wish: Any = {"customer": customer, "items": [{"price": shelf.monthly}], "default_payment_method": method}
    subscription = api.subscriptions.create(wish)
    shelf.sandbox.advance("5d")
    ended = api.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (ended.status, ended.latest_invoice.status) == ("incomplete_expired", "void")  # type: ignore[union-attr]


def test_money_that_comes_for_a_discarded_change_is_the_customers(shelf: Shelf, ada: str) -> None:
    """The change was to be paid by debit; another one took its place while the bank was at it."""
    api = shelf.sandbox.api
    subscription = api.subscriptions.create({"customer": ada, "items": [{"price": shelf.monthly}]})
    shelf.sandbox.post(f"/sandbox/customers/{ada}/card", {"card": FAILS_LATER})
    item: Any = {"id": subscription["items"].data[0].id, "quantity": 3}
    change: Any = {"payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}
    waiting = api.subscriptions.update(subscription.id, {"items": [item], **change})
    assert waiting.pending_update
    invoice = api.invoices.pay(str(waiting.latest_invoice), {"payment_method": bank_of(shelf, ada)})
    api.subscriptions.update(subscription.id, {"items": [{**item, "quantity": 2}], "proration_behavior": "none"})
    assert api.invoices.retrieve(invoice.id).status == "void"
    shelf.sandbox.advance("4d")
    owed = api.customers.balance_transactions.list(ada).data[0]
    assert (owed.type, owed.amount, owed.invoice) == ("invoice_overpaid", -invoice.amount_due, invoice.id)


# By itself, and in time


def draft(shelf: Shelf, customer: str, **more: Any) -> Any:
    shelf.sandbox.api.invoice_items.create({"customer": customer, "amount": 1000, "currency": "eur"})
    wish: Any = {"customer": customer, "pending_invoice_items_behavior": "include", **more}
    return shelf.sandbox.api.invoices.create(wish)


def now(shelf: Shelf) -> int:
    return int(shelf.sandbox.get("/sandbox/clock")["now"])


def test_a_draft_that_advances_is_collected_an_hour_later(shelf: Shelf, ada: str) -> None:
    api, made = shelf.sandbox.api, draft(shelf, ada, auto_advance=True)
    left = draft(shelf, ada)
    assert made.automatically_finalizes_at == made.created + 3600
    shelf.sandbox.advance("61m")
    paid = api.invoices.retrieve(made.id)
    assert (paid.status, paid.automatically_finalizes_at) == ("paid", None)
    assert api.invoices.retrieve(left.id).status == "draft"
    told = api.invoices.update(left.id, {"auto_advance": True})
    assert told.automatically_finalizes_at == now(shelf) + 3600
    api.invoices.update(left.id, {"auto_advance": False})
    shelf.sandbox.advance("2h")
    assert api.invoices.retrieve(left.id).status == "draft"


def test_a_draft_may_say_when_it_is_finalised(shelf: Shelf, ada: str) -> None:
    later = now(shelf) + 3 * DAY
    made = draft(shelf, ada, auto_advance=True, automatically_finalizes_at=later)
    shelf.sandbox.advance("2d")
    assert shelf.sandbox.api.invoices.retrieve(made.id).status == "draft"
    shelf.sandbox.advance("2d")
    paid = shelf.sandbox.api.invoices.retrieve(made.id)
    assert (paid.status, paid.status_transitions.finalized_at) == ("paid", later)
    for wish in ({"automatically_finalizes_at": later}, {"automatically_finalizes_at": later, "auto_advance": True}):
        with pytest.raises(stripe.InvalidRequestError, match=r"auto_advance|in the future"):
            draft(shelf, ada, **wish)


def test_an_open_invoice_told_to_advance_is_tried(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    invoice = api.invoices.finalize_invoice(draft(shelf, ada).id)
    assert (invoice.status, invoice.next_payment_attempt) == ("open", None)
    assert api.invoices.update(invoice.id, {"auto_advance": True}).next_payment_attempt == now(shelf) + 3600
    shelf.sandbox.advance("2h")
    paid = api.invoices.retrieve(invoice.id)
    assert (paid.status, paid.attempt_count) == ("paid", 1)


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"collection_method": "send_invoice", "due_date": -DAY}, "in the future"),
        ({"collection_method": "send_invoice"}, "due_date"),
        ({"collection_method": "send_invoice", "due_date": DAY, "days_until_due": 3}, "only specify one"),
        ({"due_date": DAY}, "send_invoice"),
        ({"days_until_due": 3}, "send_invoice"),
    ],
)
def test_a_due_date_is_in_the_future_and_of_sent_invoices_alone(
    shelf: Shelf, ada: str, terms: dict[str, Any], words: str
) -> None:
    api, at = shelf.sandbox.api, now(shelf)
    wish = {name: at + value if name == "due_date" else value for name, value in terms.items()}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        draft(shelf, ada, **wish)
    assert api.invoices.list({"customer": ada}).data == []
    sent = draft(shelf, ada, collection_method="send_invoice", days_until_due=7)
    with pytest.raises(stripe.InvalidRequestError, match="in the future"):
        api.invoices.update(sent.id, {"due_date": at - DAY})
    assert api.invoices.update(sent.id, {"due_date": at + 9 * DAY}).due_date == at + 9 * DAY
    api.invoices.finalize_invoice(sent.id)
    with pytest.raises(stripe.InvalidRequestError, match="Finalized invoices"):
        api.invoices.update(sent.id, {"due_date": at + 10 * DAY})


@pytest.mark.parametrize(("days", "status"), [(None, "past_due"), (30, "canceled")])
def test_a_sent_invoice_may_be_overdue_so_long(shelf: Shelf, ada: str, days: int | None, status: str) -> None:
    api = shelf.sandbox.api
    shelf.sandbox.post("/sandbox/settings", {"overdue_days": days})
    terms: Any = {"collection_method": "send_invoice", "days_until_due": 7}
    subscription = api.subscriptions.create({"customer": ada, "items": [{"price": shelf.monthly}], **terms})
    shelf.sandbox.advance("29d")
    assert api.subscriptions.retrieve(subscription.id).status == "past_due"
    shelf.sandbox.advance("9d")
    assert api.subscriptions.retrieve(subscription.id).status == status
