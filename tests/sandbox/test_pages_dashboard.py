"""The sandbox's dashboard: time, customers, money and webhooks at the owner's hand."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests.sandbox.visitor import Visitor
from tests.sandboxes import KEY, Sandbox

PAGES = ["", "customers", "subscriptions", "payments", "products", "events", "webhooks", "misbehaviour", "mail/"]


@pytest.fixture
def visitor(sandbox: Sandbox) -> Visitor:
    return Visitor(sandbox.url)


@pytest.fixture
def ada(sandbox: Sandbox) -> Any:
    """A monthly subscription that Ada pays with a good card."""
    recurring = {"currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
    product = sandbox.api.products.create(params={"name": "Potters' Club", "default_price_data": recurring})
    link = sandbox.api.payment_links.create(params={"line_items": [{"price": product.default_price, "quantity": 1}]})
    session = sandbox.pay_link(link.id, email="ada@example.org", name="Ada Lovell")["session"]
    return sandbox.api.subscriptions.retrieve(session["subscription"])


def payment_of(sandbox: Sandbox, ada: Any) -> Any:
    return sandbox.api.payment_intents.list(params={"customer": ada.customer}).data[0]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_account(visitor: Visitor, page: str) -> None:
    assert visitor.open(f"/sandbox/{page}").status == 200


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_account_with_something_in_it(visitor: Visitor, ada: Any, page: str) -> None:
    assert visitor.open(f"/sandbox/{page}").status == 200


def test_time_moves_forward_and_what_is_due_happens(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    overview = visitor.open("/sandbox/")
    after = visitor.follow(visitor.send(overview, "time", advance="31d"))
    assert "happened on the way" in after.text
    assert len(sandbox.api.invoices.list(params={"customer": ada.customer}).data) == 2
    back = visitor.follow(visitor.open("/sandbox/time", data={**after.form("time").fields, "date": "2020-01-01T00:00"}))
    assert "Time only moves forward" in back.text
    absurd = visitor.follow(visitor.open("/sandbox/time", data={**after.form("time").fields, "advance": "9999d"}))
    assert "at most five years" in absurd.text


def test_the_next_renewal_is_one_click_away(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    overview = visitor.open("/sandbox/")
    due = dict(overview.form("time").buttons)["to"]
    visitor.send(overview, "time", to=due)
    renewed = sandbox.api.subscriptions.retrieve(ada.id)
    assert renewed["items"].data[0].current_period_start == int(due)
    assert datetime.fromtimestamp(int(due), UTC) > datetime.now(UTC)


def test_customers_are_found_by_a_part_of_their_address(visitor: Visitor, ada: Any) -> None:
    assert "Ada Lovell" in visitor.open("/sandbox/customers?q=ADA@").text
    assert "No customer matches" in visitor.open("/sandbox/customers?q=nobody").text


@pytest.mark.parametrize("wanted", ["ADA@", "potters", "sub_"])
def test_subscriptions_are_found_by_who_or_what(visitor: Visitor, ada: Any, wanted: str) -> None:
    assert "Ada Lovell" in visitor.open(f"/sandbox/subscriptions?q={wanted}").text
    assert "Ada Lovell" not in visitor.open(f"/sandbox/subscriptions?status=canceled&q={wanted}").text
    assert "No subscription matches" in visitor.open("/sandbox/subscriptions?q=nobody").text


@pytest.mark.parametrize("wanted", ["ada@", "24.00", "pi_", "succeeded"])
def test_payments_are_found_by_who_how_much_and_how_they_went(visitor: Visitor, ada: Any, wanted: str) -> None:
    assert "€24.00" in visitor.open(f"/sandbox/payments?q={wanted}").text
    assert "No payment matches" in visitor.open("/sandbox/payments?q=24.01").text


def test_deliveries_are_found_and_sent_again_from_their_event(sandbox: Sandbox, visitor: Visitor) -> None:
    params = {"url": "http://127.0.0.1:9/hook", "enabled_events": ["customer.created"]}
    sandbox.api.webhook_endpoints.create(params=params)
    dan = sandbox.api.customers.create(params={"email": "dan@example.org"}).id
    for wanted in ("customer.", dan.lower(), "/hook"):
        assert "Until you send it" in visitor.open(f"/sandbox/webhooks?state=held&q={wanted}").text
    assert "No delivery matches" in visitor.open("/sandbox/webhooks?q=invoice").text
    event = sandbox.api.events.list(params={"type": "customer.created"}).data[0].id
    page = visitor.open(f"/sandbox/events/{event}")
    again = visitor.send(page, "resend")
    assert again.location.endswith(f"/sandbox/events/{event}")
    assert "is on its way again" in visitor.follow(again).text


def test_an_empty_account_says_how_to_begin_and_fills_itself(sandbox: Sandbox, visitor: Visitor) -> None:
    page = visitor.open("/sandbox/")
    assert KEY in page.text
    assert sandbox.url in page.text
    full = visitor.follow(visitor.send(page, "fill"))
    assert "100 subscribers joined" in full.text
    assert KEY not in full.text
    assert "100 customers" in full.text


def test_a_failing_card_is_swapped_in_and_a_retry_recovers(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    page = f"/sandbox/customers/{ada.customer}"
    visitor.send(visitor.open(page), "swap-card", card="4000000000000341")
    sandbox.advance("32d")
    assert sandbox.api.subscriptions.retrieve(ada.id).status == "past_due"
    still = visitor.follow(visitor.send(visitor.open(page), "collect"))
    assert "Not paid: Your card was declined." in still.text
    visitor.send(still, "swap-card", card="4242424242424242")
    assert "Paid 1 invoice." in visitor.follow(visitor.send(visitor.open(page), "collect")).text
    assert sandbox.api.subscriptions.retrieve(ada.id).status == "active"


def test_a_subscription_is_ended_later_kept_or_ended_now(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    page = f"/sandbox/customers/{ada.customer}"
    later = visitor.follow(visitor.send(visitor.open(page), ada.id, do="cancel_at_period_end"))
    assert "Ends on" in later.text
    kept = visitor.follow(visitor.send(later, ada.id, do="resume"))
    assert "Renews on" in kept.text
    visitor.send(kept, ada.id, do="cancel_now")
    assert sandbox.api.subscriptions.retrieve(ada.id).status == "canceled"


def test_a_part_is_refunded_and_too_much_is_refused(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    page = visitor.open(f"/sandbox/payments/{payment_of(sandbox, ada).id}")
    part = visitor.follow(visitor.send(page, "refund", amount="4.50"))
    assert "Refunded €4.50." in part.text
    too_much = visitor.send(part, "refund", amount="20")
    assert too_much.status == 422
    assert "greater than unrefunded amount" in too_much.text
    assert "Write an amount" in visitor.send(part, "refund", amount="some").text
    charge = sandbox.api.charges.list(params={"customer": ada.customer}).data[0]
    assert charge.amount_refunded == 450


def test_a_dispute_is_opened_lost_and_won_late(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    intent = payment_of(sandbox, ada)
    page = visitor.open(f"/sandbox/payments/{intent.id}")
    visitor.send(page, "dispute", status="needs_response")
    for status in ("lost", "won"):
        page = visitor.open(f"/sandbox/payments/{intent.id}")
        visitor.send(page, "disputes/", status=status)
        disputes = sandbox.api.disputes.list(params={"payment_intent": intent.id}).data
        assert [dispute.status for dispute in disputes] == [status]


def test_an_event_shows_its_payload(sandbox: Sandbox, visitor: Visitor, ada: Any) -> None:
    events = visitor.open("/sandbox/events?q=checkout.session.completed")
    assert "checkout.session.completed" in events.text
    event = sandbox.api.events.list(params={"type": "checkout.session.completed"}).data[0]
    assert ada.id in visitor.open(f"/sandbox/events/{event.id}").text


def test_held_deliveries_are_seen_and_let_go(sandbox: Sandbox, visitor: Visitor) -> None:
    params = {"url": "http://127.0.0.1:9/hook", "enabled_events": ["customer.created"]}
    sandbox.api.webhook_endpoints.create(params=params)
    sandbox.api.customers.create(params={"email": "dan@example.org"})
    page = visitor.open("/sandbox/webhooks")
    assert "1 held delivery" in page.text
    sent = visitor.follow(visitor.send(page, "flush", order="created"))
    assert "1 held delivery is on the way." in sent.text
    assert "held delivery" not in visitor.open("/sandbox/webhooks").text


def test_what_was_dropped_says_so_and_is_sent_by_hand(sandbox: Sandbox, visitor: Visitor) -> None:
    sandbox.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/hook", "enabled_events": ["customer.created"]})
    sandbox.post("/sandbox/chaos", {"deliveries": {"drop": 1}})
    sandbox.api.customers.create(params={"email": "ada@example.org"})
    spoilt = visitor.open("/sandbox/misbehaviour")
    assert "lost for good" in spoilt.text
    assert "customer.created dropped" in spoilt.text.partition("Spoilt so far")[2]
    page = visitor.open("/sandbox/webhooks?state=dropped")
    assert "Lost until you send it" in page.text
    assert "is on its way again" in visitor.follow(visitor.send(page, "resend")).text
    assert "No delivery is dropped" in visitor.open("/sandbox/webhooks?state=dropped").text


def test_the_switches_spoil_deliveries_and_mend_them(sandbox: Sandbox, visitor: Visitor) -> None:
    page = visitor.open("/sandbox/misbehaviour")
    spoilt = visitor.follow(visitor.send(page, "deliveries", drop="25", delay_to="2", reorder="yes"))
    assert "Deliveries misbehave" in visitor.open("/sandbox/webhooks").text
    wishes = sandbox.get("/sandbox/chaos")["deliveries"]
    assert (wishes["drop"], wishes["delay"], wishes["reorder"]) == (0.25, [0.0, 2.0], True)
    assert "Write shares" in visitor.follow(visitor.send(spoilt, "deliveries", drop="250")).text
    visitor.send(spoilt, "deliveries", do="behave")
    assert sandbox.get("/sandbox/chaos")["deliveries"] == {}


def test_answers_are_spoilt_by_rules_that_are_logged_and_taken_back(sandbox: Sandbox, visitor: Visitor) -> None:
    page = visitor.open("/sandbox/misbehaviour")
    added = visitor.follow(visitor.send(page, "add", path="/v1/customers", method="GET", status="429", times="1"))
    assert "GET /v1/customers 429: too many requests · 100 % of requests, 1 more" in added.text
    with pytest.raises(stripe.RateLimitError):
        sandbox.api.customers.list()
    sandbox.api.customers.list()
    seen = visitor.open("/sandbox/misbehaviour")
    assert "used up" in seen.text
    assert "GET /v1/customers 429" in seen.text.partition("Spoilt so far")[2]
    visitor.send(seen, "remove", at="0")
    assert sandbox.get("/sandbox/chaos")["answers"] == []


def test_rules_that_are_none_are_refused_and_latency_is_taken_back(sandbox: Sandbox, visitor: Visitor) -> None:
    page = visitor.open("/sandbox/misbehaviour")
    for wrong in ({"path": "/sandbox/"}, {"share": "0"}, {"seconds": "many"}, {"times": "-1"}, {"status": "418"}):
        assert "A path begins with /v1/" in visitor.follow(visitor.send(page, "add", **wrong)).text
    assert "at most 120 seconds" in visitor.follow(visitor.send(page, "chance", latency="9999")).text
    slow = visitor.follow(visitor.send(page, "chance", latency="0.01", seed="7"))
    assert (sandbox.get("/sandbox/chaos")["latency"], sandbox.get("/sandbox/chaos")["seed"]) == (0.01, 7)
    visitor.open("/sandbox/misbehaviour/remove", data=slow.form("add").fields)  # its button has another address
    assert sandbox.get("/sandbox/chaos")["latency"] == 0


def test_long_lists_are_paged(sandbox: Sandbox, visitor: Visitor) -> None:
    for number in range(30):
        sandbox.api.customers.create(params={"email": f"c{number}@example.org"})
    first = visitor.open("/sandbox/customers")
    older = first.html.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = visitor.open(f"/sandbox/customers{older}")
    assert "c29@example.org" in first.text
    assert "c0@example.org" not in first.text
    assert "c0@example.org" in second.text


def test_a_customer_shows_what_is_known_of_them(sandbox: Sandbox, visitor: Visitor) -> None:
    now = int(sandbox.get("/sandbox/clock")["now"])
    clock = sandbox.api.test_helpers.test_clocks.create(params={"frozen_time": now}).id
    place = {"line1": "Ofenweg 1", "postal_code": "1010", "city": "Wien", "country": "AT"}
    params: Any = {"email": "ada@example.org", "phone": "+43 1 2345", "address": place, "test_clock": clock}
    ada = sandbox.api.customers.create(params=params).id
    coupon = sandbox.api.coupons.create(params={"percent_off": 25, "duration": "forever"}).id
    sandbox.post(f"/sandbox/customers/{ada}/discount", {"coupon": coupon})
    sandbox.api.customers.balance_transactions.create(ada, params={"amount": -500, "currency": "eur"})
    page = visitor.open(f"/sandbox/customers/{ada}").text
    for words in ("+43 1 2345", "Ofenweg 1, 1010 Wien, Austria", "25% off every payment", "−€5.00", clock):
        assert words in page


@pytest.mark.parametrize("status", ["warning_under_review", "prevented"])
def test_a_dispute_moves_to_every_status(sandbox: Sandbox, visitor: Visitor, ada: Any, status: str) -> None:
    intent = payment_of(sandbox, ada)
    page = f"/sandbox/payments/{intent.id}"
    visitor.send(visitor.open(page), "dispute", status="warning_needs_response")
    moved = visitor.follow(visitor.send(visitor.open(page), "disputes/", status=status))
    assert f"The dispute is now: {status.replace('_', ' ')}." in moved.text
