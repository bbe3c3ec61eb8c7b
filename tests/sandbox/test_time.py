"""Time: test clocks as Stripe has them, and the account's clock moved while others keep asking."""

import threading
import time

import pytest
import stripe

from tests.sandbox.shelf import DAY, Shelf

START = 1_800_000_000


def clocked_subscription(shelf: Shelf) -> tuple[str, str]:
    """(test clock, subscription paid monthly in its time)."""
    api = shelf.sandbox.api
    clock = api.test_helpers.test_clocks.create({"frozen_time": START})
    customer = api.customers.create({"email": "clock@example.org", "test_clock": clock.id})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    made = api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shelf.monthly}], "default_payment_method": method.id}
    )
    return clock.id, made.id


def test_what_happens_on_a_clock_that_is_behind_is_kept_for_thirty_days_as_well(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    clock = api.test_helpers.test_clocks.create({"frozen_time": shelf.sandbox.get("/sandbox/clock")["now"]}).id
    shelf.sandbox.advance("60d")
    customer = api.customers.create({"test_clock": clock}).id
    shelf.sandbox.advance("29d")
    told = api.events.list({"type": "customer.created"}).data
    assert [event.data.to_dict()["object"]["id"] for event in told] == [customer]
    assert api.events.retrieve(told[0].id).created < shelf.sandbox.get("/sandbox/clock")["now"] - 80 * DAY
    shelf.sandbox.advance("2d")
    assert not api.events.list({"type": "customer.created"}).data


def test_a_clock_advances_by_itself_and_tells(shelf: Shelf) -> None:
    clock, _ = clocked_subscription(shelf)
    sent = shelf.sandbox.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 40 * DAY})
    assert (sent.status, sent.frozen_time) == ("advancing", START)
    assert sent.status_details.advancing.target_frozen_time == START + 40 * DAY  # type: ignore[union-attr]
    for _ in range(100):
        if shelf.sandbox.api.test_helpers.test_clocks.retrieve(clock).status == "ready":
            break
        time.sleep(0.05)
    assert shelf.sandbox.api.test_helpers.test_clocks.retrieve(clock).frozen_time == START + 40 * DAY
    assert [kind for kind in shelf.events() if kind.startswith("test_helpers")] == [
        "test_helpers.test_clock.created",
        "test_helpers.test_clock.advancing",
        "test_helpers.test_clock.ready",
    ]


def test_a_clock_goes_forward_at_most_two_intervals(shelf: Shelf) -> None:
    clock, _ = clocked_subscription(shelf)
    with pytest.raises(stripe.InvalidRequestError, match="later"):
        shelf.sandbox.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START - 1})
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        shelf.sandbox.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 63 * DAY})
    empty = shelf.sandbox.api.test_helpers.test_clocks.create({"frozen_time": START})
    with pytest.raises(stripe.InvalidRequestError, match="two years"):
        shelf.sandbox.api.test_helpers.test_clocks.advance(empty.id, {"frozen_time": START + 800 * DAY})


def test_requests_are_answered_while_time_is_moved(shelf: Shelf) -> None:
    for number in range(40):
        shelf.subscribe(email=f"member{number}@example.org")
    moving = threading.Thread(target=shelf.sandbox.advance, args=("365d",))
    moving.start()
    waits = []
    while moving.is_alive():
        asked = time.monotonic()
        shelf.sandbox.api.products.list({"limit": 1})
        waits.append(time.monotonic() - asked)
    moving.join()
    assert len(waits) > 5
    assert max(waits) < 2
    assert len(shelf.sandbox.api.invoices.list({"limit": 100}).data) == 100


def test_the_portal_lives_in_the_time_of_its_customers_clock(shelf: Shelf) -> None:
    """Else what it plans would be due in the account's time."""
    api = shelf.sandbox.api
    _, subscription = clocked_subscription(shelf)
    features = {"subscription_cancel": {"enabled": True}}
    configuration = api.billing_portal.configurations.create({"features": features}).id  # type: ignore[typeddict-item]
    customer = str(api.subscriptions.retrieve(subscription).customer)
    visit = api.billing_portal.sessions.create({"customer": customer, "configuration": configuration})
    shelf.sandbox.in_portal(visit.url, "cancel", subscription=subscription)
    assert api.subscriptions.retrieve(subscription).canceled_at == START
    shelf.sandbox.advance("120d")
    assert api.subscriptions.retrieve(subscription).status == "active"
