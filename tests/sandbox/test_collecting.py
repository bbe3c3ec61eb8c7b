"""Attempts to collect an invoice: which of them count, and who hears of them."""

import pytest
import stripe

from tests.sandbox.shelf import FAILS_LATER, Shelf


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
