"""Keeping true without being told: catch-up after an absence, the full pass with its brake, and verification."""

import io
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import call_command

from activities.models import Activity, Delivery
from billing.errors import StripeInvalid
from billing.intake import leases
from billing.intake.draining import drain, sweep
from billing.models import Attention, Connection, InboxEvent, Pass, Subject, Subscription
from billing.sweeping.reconcile import catch_up, full_pass
from hub import grants
from hub.models import Grant, Ledger
from tests.sandboxes import Json
from tests.shops import Shop

PRICES = ("once", "monthly", "yearly")
ADA, BEN, CLEO = "ada@example.org", "ben@example.org", "cleo@example.org"

SAY_NOTHING = {"payment_intent.succeeded"}  # of payments that Checkout or an invoice tells of


def verify() -> tuple[int, str]:
    """The exit status and the words of `manage.py verify`."""
    out = io.StringIO()
    try:
        call_command("verify", stdout=out)
    except SystemExit as error:
        return int(str(error.code)), out.getvalue()
    return 0, out.getvalue()


def lose_deliveries(shop: Shop) -> list[Json]:
    return shop.sandbox.take_pending()


def cancel(shop: Shop, email: str) -> None:
    subscription = Subscription.objects.get(user__email=email)
    shop.sandbox.api.subscriptions.cancel(subscription.stripe_id)


def test_case_57_two_days_offline_are_recovered_from_stripes_event_list(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.buy(shop.monthly, email=BEN)
    shop.deliver()
    catch_up()
    cancel(shop, ADA)
    shop.buy(shop.once, email=BEN)
    shop.buy(shop.monthly, email=CLEO)
    lost = lose_deliveries(shop)
    shop.sandbox.advance("2d")

    stored = catch_up()
    said = [delivery for delivery in lost if json.loads(delivery["body"])["type"] not in SAY_NOTHING]
    assert stored == len(said) + len(PRICES), "and of the shop's prices, whose news was lost when it opened"
    drain()
    assert not shop.has(ADA, shop.club)
    assert shop.has(BEN, shop.course)
    assert shop.has(CLEO, shop.club)
    assert set(InboxEvent.objects.filter(caught_up=True).values_list("state", flat=True)) == {"done"}
    newest = Pass.objects.latest("pk")
    assert {found["why"] for found in newest.found} == {"its webhook never came"}
    assert verify()[0] == 0

    told = Activity.objects.count(), Delivery.objects.count()
    for delivery in lost:
        assert shop.post_webhook(delivery) == 200
    assert catch_up() == 0
    drain()
    assert (Activity.objects.count(), Delivery.objects.count()) == told


def test_case_57_after_31_days_offline_a_full_pass_starts_by_itself(shop: Shop) -> None:
    """Stripe keeps events for thirty days: what happened on the first day is in no list."""
    shop.buy(shop.yearly, email=ADA)
    shop.buy(shop.yearly, email=BEN)
    shop.deliver()
    catch_up()
    cancel(shop, ADA)
    shop.buy(shop.once, email=CLEO)
    lose_deliveries(shop)
    shop.sandbox.advance("31d")
    lose_deliveries(shop)

    catch_up()
    assert Pass.objects.filter(kind="full").count() == 1
    drain()
    assert not shop.has(ADA, shop.club)
    assert shop.has(BEN, shop.club)
    assert shop.has(CLEO, shop.course)
    assert verify()[0] == 0


def test_a_site_that_never_caught_up_for_31_days_is_looked_at_whole(shop: Shop) -> None:
    shop.buy(shop.once, email=CLEO)
    lose_deliveries(shop)
    shop.sandbox.advance("31d")
    catch_up()
    drain()
    assert shop.has(CLEO, shop.course)


def test_an_outage_during_the_full_pass_after_an_absence_leaves_the_absence_to_the_next_try(shop: Shop) -> None:
    shop.buy(shop.once, email=CLEO)
    lose_deliveries(shop)
    catch_up()
    InboxEvent.objects.all().delete()
    shop.sandbox.advance("31d")
    shop.sandbox.answer_with(500)
    catch_up()
    assert not shop.has(CLEO, shop.course)
    shop.sandbox.behave()
    catch_up()
    drain()
    assert shop.has(CLEO, shop.course)


def test_a_quiet_account_does_not_look_like_a_long_absence(shop: Shop) -> None:
    """The cursor follows the clock: no full pass, and no window that grows."""
    for _ in range(4):
        shop.sandbox.advance("20d")
        catch_up()
    assert not Pass.objects.filter(kind="full").exists()
    cursor = Connection.objects.get().cursor
    assert cursor is not None
    assert shop.now() - cursor < timedelta(hours=2)


def test_the_full_pass_mends_drift_and_names_it(shop: Shop) -> None:
    for email in (ADA, BEN, *(f"member{n}@example.org" for n in range(25))):
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    cancel(shop, ADA)
    shop.buy(shop.once, email=CLEO)
    lose_deliveries(shop)

    run = full_pass()
    assert run is not None
    assert run.stopped == ""
    assert {(found["email"], found["is_state"], found["should_be"]) for found in run.found} == {
        (ADA, "active", "ended"),
        (CLEO, "", "active"),
    }
    drain()
    assert not shop.has(ADA, shop.club)
    assert shop.has(CLEO, shop.course)
    assert full_pass().found == []  # type: ignore[union-attr]


def test_case_62_a_pass_that_would_close_too_much_stops_and_asks(shop: Shop) -> None:
    emails = [f"member{n}@example.org" for n in range(22)]
    for email in emails:
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    for email in emails[:3]:
        cancel(shop, email)
    lose_deliveries(shop)

    run = full_pass()
    assert run is not None
    assert "waiting for the owner" in run.stopped
    sweep()
    assert all(shop.has(email, shop.club) for email in emails)
    brake = Attention.objects.get(kind=Attention.Kind.BRAKE)
    assert sorted(found["email"] for found in brake.details["closing"]) == emails[:3]
    assert not Subject.objects.filter(requests__gt=0).exists()

    full_pass(confirmed=True)
    sweep()
    assert [shop.has(email, shop.club) for email in emails] == [False] * 3 + [True] * 19
    brake.refresh_from_db()
    assert brake.resolved_at is not None


def test_a_pass_that_stops_lets_those_in_who_paid(shop: Shop) -> None:
    """After a long absence both are due: what closes waits for the owner, and nobody who paid waits with it."""
    emails = [f"member{n}@example.org" for n in range(4)]
    for email in emails:
        shop.buy(shop.yearly, email=email)
    shop.deliver()
    catch_up()
    for email in emails[:3]:
        cancel(shop, email)
    shop.buy(shop.once, email=CLEO)
    lose_deliveries(shop)
    shop.sandbox.advance("31d")
    catch_up()
    sweep()
    assert "waiting for the owner" in Pass.objects.get(kind="full").stopped
    assert shop.has(CLEO, shop.course)
    assert all(shop.has(email, shop.club) for email in emails)


def test_one_closing_never_brakes_a_small_site(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    cancel(shop, ADA)
    lose_deliveries(shop)
    run = full_pass()
    assert run is not None
    assert run.stopped == ""


def test_a_stop_of_every_night_asks_once_and_by_the_newest_list(shop: Shop) -> None:
    emails = [f"member{n}@example.org" for n in range(4)]
    for email in emails:
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    for cancelled in (emails[:2], emails[2:3]):
        for email in cancelled:
            cancel(shop, email)
        lose_deliveries(shop)
        full_pass()
    brake = Attention.objects.get(kind=Attention.Kind.BRAKE)
    assert sorted(found["email"] for found in brake.details["closing"]) == emails[:3]


def test_a_lost_dispute_is_no_drift(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    charge = shop.sandbox.api.charges.list().data[0].id
    shop.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(shop.sandbox.api.disputes.list().data[0].id, status="lost")
    shop.deliver()
    assert not shop.has(ADA, shop.course)
    assert verify() == (0, "0 open grants, 0 differences\n")


def test_verify_finds_a_grant_that_stripe_does_not_bear_out(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    Grant.objects.update(state="ended", closed_at=shop.now(), close_reason="canceled")
    status, words = verify()
    assert status == 1
    assert f"stripe: {ADA} studio" in words
    assert "the ledger says active" in words
    assert Grant.objects.get().state == "ended", "verify writes nothing"


def test_the_ledger_alone_leads_to_the_grants(shop: Shop) -> None:
    """A year of a member's life, then each grant is what its ledger rows say."""
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.advance("31d")
    ada = Grant.objects.get().user
    given = grants.give(ada, shop.course, actor=None, reason="a gift", now=shop.now())
    grants.revoke(given, actor=None, reason="taken back", now=shop.now())
    grants.restore(given, actor=None, reason="after all", now=shop.now())
    cancel(shop, ADA)
    shop.deliver()
    assert Ledger.objects.count() > 5
    assert verify() == (0, "1 open grants, 0 differences\n")
    Grant.objects.filter(pk=given.pk).update(ends_at=shop.now() + timedelta(days=1))
    assert verify()[0] == 1


@pytest.mark.parametrize("kept", ["given", "revoked"])
def test_what_a_person_decided_is_no_drift(shop: Shop, kept: str) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    grant = Grant.objects.get()
    if kept == "given":
        grants.give(grant.user, shop.course, actor=None, reason="a gift", now=shop.now())
    else:
        grants.revoke(grant, actor=None, reason="abuse", now=shop.now())
    assert verify()[0] == 0
    run = full_pass()
    assert run is not None
    assert run.found == []
    drain()
    assert shop.has(ADA, shop.club) is (kept == "given")


@pytest.mark.parametrize(("run", "path"), [(catch_up, "/v1/events"), (full_pass, "/v1/subscriptions")])
def test_a_pass_that_meets_a_surprise_keeps_it_and_has_ended(shop: Shop, run: Callable[[], object], path: str) -> None:
    shop.sandbox.answer_with(400, path=path)
    with pytest.raises(StripeInvalid):
        run()
    kept = Pass.objects.get()
    assert kept.finished_at is not None
    assert "StripeInvalid" in kept.stopped


def test_whom_a_worker_looks_at_just_now_is_not_compared(shop: Shop) -> None:
    """What was listed is older than what it fetches: comparing would undo the newer."""
    bought = shop.buy(shop.monthly, email="ada@example.org")
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    shop.sandbox.take_pending()
    lease = leases.take(bought["customer"])
    assert lease is not None
    run = full_pass()
    assert run is not None and run.found == []
    leases.release(lease)
    run = full_pass()
    assert run is not None and [found["reason"] for found in run.found] == ["canceled"]
