"""What support asks after the reason: until when it was paid, how much is on its way, and what is disputed."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils.formats import date_format

from billing.models import Order
from hub.models import Product, User
from tests import cast
from tests.members import Member, signed_in
from tests.shops import Json, Shop

OPEN = "is disputed at the bank, and that is not decided yet."


def told(member: Member, product: Product, *more: str) -> str:
    """What `why` says in its first line; the same stands on the person's page, which support sees."""
    said = StringIO()
    call_command("why", member.email, "--product", product.slug, *more, stdout=said)
    sentence = said.getvalue().splitlines()[0].partition(f"{product.name}: ")[2]
    if not more:
        browser = signed_in(User.objects.filter(role="support").first() or cast.UserFactory(role="support"))
        assert sentence in browser.get(f"/console/people/{member.user.pk}/").content.decode()
    return sentence


def day(moment: datetime) -> str:
    return date_format(moment, "j F Y")


def paid_until(subscription: Json) -> str:
    return day(datetime.fromtimestamp(subscription["items"]["data"][0]["current_period_end"], tz=UTC))


def test_a_year_cancelled_at_once_was_paid_for_longer(shop: Shop) -> None:
    ada = Member(shop)
    subscription = ada.subscribe(shop.yearly.price_id)
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert told(ada, shop.club) == (
        f"The subscription ended on {day(shop.now())}. "
        f"It was paid until {paid_until(subscription)}, and cancelled at once on {day(shop.now())}."
    )


def test_what_ended_on_its_day_and_what_was_free_were_paid_no_longer(shop: Shop) -> None:
    ada, ben = Member(shop), Member(shop, "ben@example.org")
    ending = ada.subscribe(shop.monthly.price_id)
    free = ben.subscribe(shop.monthly.price_id, trial_period_days=14)
    shop.deliver()
    ada.cancel(ending)
    shop.sandbox.api.subscriptions.cancel(free["id"])
    shop.advance("32d")
    assert told(ada, shop.club) == f"The subscription ended on {paid_until(ending)}."
    assert "The subscription ended on" in told(ben, shop.club)
    assert "paid until" not in told(ben, shop.club)


def test_the_last_of_two_subscriptions_is_spoken_of(shop: Shop) -> None:
    ada = Member(shop)
    ending = ada.subscribe(shop.monthly.price_id)
    at_once = ada.subscribe(shop.yearly.price_id)
    shop.deliver()
    ada.cancel(ending)
    shop.sandbox.api.subscriptions.cancel(at_once["id"])
    shop.advance("32d")
    assert told(ada, shop.club) == f"The subscription ended on {paid_until(ending)}."


@pytest.mark.parametrize("status", ["needs_response", "under_review"])
def test_a_purchase_that_is_open_and_disputed_says_both(shop: Shop, status: str) -> None:
    ada = Member(shop)
    shop.buy(shop.once)
    shop.deliver()
    bought_on = day(shop.now())
    shop.advance("2h")
    dispute = shop.sandbox.post(f"/sandbox/charges/{Order.objects.get().charge_id}/dispute", {"status": status})
    shop.deliver()
    assert told(ada, shop.course) == f"Bought, with no end. The payment of €180.00 of {bought_on} {OPEN}"
    before = (shop.now() - timedelta(hours=1)).isoformat()
    assert told(ada, shop.course, "--at", before) == "Bought, with no end.", "it was not known then"
    shop.sandbox.set_fields(dispute["id"], status="won")
    shop.deliver()
    assert told(ada, shop.course) == "Bought, with no end."


def test_a_debit_on_its_way_says_how_much_and_since_when(shop: Shop) -> None:
    ada = Member(shop)
    shop.buy(shop.once, card="sepa_debit")
    shop.deliver()
    since = day(shop.now())
    shop.advance("1d")
    assert told(ada, shop.course) == (f"The payment is still being processed. That is €180.00, asked for on {since}.")
    shop.advance("3d")
    assert told(ada, shop.course) == "Bought, with no end."


def test_a_subscriptions_debit_and_its_dispute_are_told_too(shop: Shop) -> None:
    ada = Member(shop)
    shop.buy(shop.monthly, card="sepa_debit")
    shop.deliver()
    assert told(ada, shop.club).endswith(f"That is €24.00, asked for on {day(shop.now())}.")
    shop.advance("4d")
    assert "asked for" not in told(ada, shop.club)
    charge = shop.sandbox.api.charges.list().data[0]
    shop.sandbox.post(f"/sandbox/charges/{charge.id}/dispute", {})
    shop.deliver()
    assert told(ada, shop.club).endswith(f" A payment of the subscription {OPEN}")
