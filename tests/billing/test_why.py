"""`manage.py why`: what somebody can open, since when, and which event made it so."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from hub.models import Ledger, User
from tests.cast import ProductFactory
from tests.shops import Json, Shop

ADA = "ada@example.org"
DAY = timedelta(days=1)
A_WHILE = timedelta(minutes=1)


def why(*words: str) -> str:
    said = StringIO()
    call_command("why", *words, stdout=said)
    return said.getvalue()


def why_json(*words: str) -> Any:
    return json.loads(why(*words, "--json"))


def event_of(delivery: Json) -> Json:
    found: Json = json.loads(delivery["body"])
    return found


def stripe_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


@pytest.fixture
def bought(shop: Shop) -> Json:
    """Ada subscribes by the month, and the site knows it."""
    session = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    return session


def test_the_json_has_these_keys_and_values(shop: Shop, bought: Json) -> None:
    row = Ledger.objects.get()
    subscription = shop.sandbox.api.subscriptions.retrieve(bought["subscription"])
    paid_until = stripe_time(subscription["items"]["data"][0]["current_period_end"])
    assert why_json(ADA) == {
        "email": ADA,
        "products": [
            {
                "slug": "the-wheel",
                "access": False,
                "state": "none",
                "reason": "Never bought, never given.",
                "until": None,
                "grants": [],
                "ledger": [],
            },
            {
                "slug": "studio",
                "access": True,
                "state": "open",
                "reason": f"The subscription is paid and renews on {day(paid_until)}.",
                "until": paid_until.isoformat(),
                "grants": [
                    {
                        "source": "subscription",
                        "source_ref": subscription.id,
                        "product": "studio",
                        "state": "active",
                        "reason": "active",
                        "starts_at": stripe_time(subscription.created).isoformat(),
                        "until": paid_until.isoformat(),
                        "ends_at": (paid_until + 3 * DAY).isoformat(),
                    }
                ],
                "ledger": [
                    {
                        "from": "",
                        "to": "active",
                        "reason": "active",
                        "rule": "subscription:10",
                        "true_at": stripe_time(subscription.created).isoformat(),
                        "learned_at": row.learned_at.isoformat(),
                        "until": paid_until.isoformat(),
                        "cause": row.cause,
                        "actor": "",
                        "note": "",
                    }
                ],
            },
        ],
    }


def test_one_product_can_be_asked_for(bought: Json) -> None:
    assert [found["slug"] for found in why_json(ADA, "--product", "studio")["products"]] == ["studio"]
    assert "The Wheel" not in why(ADA, "--product", "studio")


def test_an_address_is_found_however_it_is_written(bought: Json) -> None:
    assert why_json("  Ada@Example.ORG ")["email"] == ADA


def test_the_text_says_yes_or_no_why_and_both_times(shop: Shop, bought: Json) -> None:
    row = Ledger.objects.get()
    wheel, studio, grant, line = why(ADA).splitlines()
    assert wheel == "no   The Wheel: Never bought, never given."
    assert studio.startswith("yes  Studio Membership: The subscription is paid and renews on ")
    assert grant.strip() == f"Subscription {bought['subscription']}: Open"
    assert line.strip().startswith(
        f"{row.true_at:%Y-%m-%d %H:%M} UTC (learned {row.learned_at:%Y-%m-%d %H:%M} UTC)  new to active"
    )
    assert line.endswith(f"[subscription:10; {row.cause}]")


def test_the_past_is_told_as_the_gate_stood_then(shop: Shop, bought: Json) -> None:
    opened = shop.now()
    shop.sandbox.advance("2d")
    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    shop.deliver()

    def at(moment: datetime) -> Json:
        found: Json = why_json(ADA, "--product", "studio", "--at", moment.isoformat())["products"][0]
        return found

    before, during, after = at(opened - DAY), at(opened + DAY), at(shop.now())
    assert (before["access"], before["state"], before["grants"], before["ledger"]) == (False, "none", [], [])
    assert (during["access"], during["state"], len(during["ledger"])) == (True, "open", 1)
    assert (after["access"], after["state"], len(after["ledger"])) == (False, "ended", 2)


def test_the_past_is_as_it_was_known_then_and_not_as_it_turned_out(shop: Shop, bought: Json) -> None:
    """The news of a cancellation came a day late: until then the gate stood open."""
    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    ended = shop.now()
    shop.sandbox.advance("1d")
    shop.deliver()
    told = why_json(ADA, "--product", "studio", "--at", (ended + timedelta(hours=12)).isoformat())["products"][0]
    assert (told["access"], told["state"]) == (True, "open")


def test_a_day_is_taken_at_its_end(shop: Shop, bought: Json) -> None:
    opened = Ledger.objects.get().learned_at
    shop.sandbox.advance("3d")

    def on(moment: datetime) -> bool:
        return bool(why_json(ADA, "--product", "studio", "--at", f"{moment:%Y-%m-%d}")["products"][0]["access"])

    assert not on(opened - DAY)
    assert on(opened)


def test_today_means_now_and_what_is_yet_to_come_is_refused(shop: Shop, bought: Json) -> None:
    today, tomorrow = shop.now(), shop.now() + DAY
    assert why_json(ADA, "--at", f"{today:%Y-%m-%d}") == why_json(ADA)
    for later in (f"{tomorrow:%Y-%m-%d}", (today + timedelta(hours=1)).isoformat()):
        with pytest.raises(CommandError, match=f"{re.escape(later)} is yet to come: only the past and now are known"):
            why(ADA, "--at", later)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody@example.org"], "Nobody here has the address nobody@example.org"),
        ([ADA, "--product", "kiln"], "There is no product kiln"),
        ([ADA, "--at", "yesterday"], "yesterday is no time"),
        ([ADA, "--at", "2026-02-31"], "2026-02-31 is no time"),
    ],
)
def test_what_is_unknown_is_refused_in_words(shop: Shop, ada: User, words: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        why(*words)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["ada@exmaple.org"], "Did you mean ada@example.org?"),
        ([ADA, "--product", "the-weel"], "Did you mean the-wheel?"),
        (["Ada"], "Did you mean ada@example.org?"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(shop: Shop, ada: User, words: list[str], hint: str) -> None:
    with pytest.raises(CommandError, match=re.escape(hint)):
        why(*words)


def test_who_is_like_nobody_is_offered_nobody(shop: Shop, ada: User) -> None:
    with pytest.raises(CommandError, match=r"address zoe@elsewhere\.test\.$"):
        why("zoe@elsewhere.test")


def test_late_news_is_written_with_stripes_time_and_with_ours(shop: Shop) -> None:
    """A purchase and a cancellation, each told a day after it was made."""
    bought = shop.buy(shop.monthly, email=ADA)
    shop.sandbox.advance("1d")
    opened_at, told_at = stripe_time(bought["created"]), shop.now()
    told = _told_late(shop)

    shop.sandbox.advance("2d")
    canceled = shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    shop.sandbox.advance("1d")
    closed_at, told_again_at = stripe_time(canceled.ended_at or 0), shop.now()
    told_again = _told_late(shop)

    lines = why_json(ADA, "--product", "studio")["products"][0]["ledger"]
    assert [(line["from"], line["to"]) for line in lines] == [("", "active"), ("active", "ended")]
    for line, true_at, learned_at, events in zip(
        lines, (opened_at, closed_at), (told_at, told_again_at), (told, told_again), strict=True
    ):
        assert abs(datetime.fromisoformat(line["true_at"]) - true_at) < A_WHILE
        assert abs(datetime.fromisoformat(line["learned_at"]) - learned_at) < A_WHILE
        assert line["cause"] in events
    assert lines[1]["cause"].startswith("customer.subscription.deleted evt_")


def _told_late(shop: Shop) -> set[str]:
    """Delivers what is held; returns the events as a ledger line would name them."""
    events = [event_of(delivery) for delivery in shop.sandbox.pending()]
    shop.deliver()
    return {f"{event['type']} {event['id']}" for event in events}


def test_drafts_that_nobody_could_have_bought_are_not_spoken_of(shop: Shop, bought: Json) -> None:
    ProductFactory(name="Next year's course", slug="next-year", is_live=False)
    assert "Next year's course" not in why(ADA)
    assert "Next year's course" in why(ADA, "--product", "next-year")


def test_times_are_those_of_the_site_and_say_so(shop: Shop, bought: Json) -> None:
    at = Ledger.objects.get().true_at
    with timezone.override("Asia/Tokyo"):
        assert f"{at.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M} JST" in why(ADA)
