"""Importing who bought before Foyer came: the dry run writes nothing, and the import does what it showed."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from activities import clock
from activities.models import Activity, Delivery
from billing.importing import asking, carrying_out, rehearsing, showing
from billing.models import Attention, ImportBatch, ImportRow, Order, StripeCustomer, Subject, Subscription
from billing.sweeping.reconcile import full_pass
from hub.models import Grant, Ledger, User
from tests import cast
from tests.importing import seed
from tests.pasts import Past

ADA, BEN, CLEO, DAN = "ada@example.org", "ben@example.org", "cleo@example.org", "dan@example.org"
OURS = [User, StripeCustomer, Subscription, Order, Grant, Ledger, Activity, Delivery, Attention, Subject]


def dry_run() -> tuple[str, str]:
    """The plan, and the words."""
    out = io.StringIO()
    call_command("import_subscribers", "--dry-run", stdout=out)
    found = re.search(r"^plan (\S+)$", out.getvalue(), re.MULTILINE)
    assert found
    return found[1], out.getvalue()


def apply(plan: str) -> str:
    out = io.StringIO()
    call_command("import_subscribers", "--apply", plan, stdout=out)
    return out.getvalue()


def begin_to_apply(batch: ImportBatch, *, plan: str) -> None:
    asking.ask_for(batch, plan=plan, now=batch.created_at)
    carrying_out.check(batch, now=batch.created_at)


def ours() -> list[list[Any]]:
    """Everything that is ours but the plan."""
    return [list(model.objects.order_by("pk").values_list()) for model in OURS]


def verdicts() -> list[tuple[str, str]]:
    return sorted(ImportRow.objects.filter(batch=ImportBatch.objects.first()).values_list("who", "verdict"))


def seed_all_sorts(past: Past) -> None:
    past.subscribe(ADA)
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.api.subscriptions.cancel(past.subscribe(CLEO))
    past.subscribe("")
    past.subscribe("eve@example.org", price=past.unlinked)
    past.buy_once(DAN)
    past.buy_once(BEN)


def test_the_dry_run_writes_nothing_here_or_at_stripe(past: Past) -> None:
    seed_all_sorts(past)
    past.connect()
    cast.ben()
    before = ours()
    _, words = dry_run()
    assert ours() == before
    calls = past.sandbox.calls()
    assert calls and {call["method"] for call in calls} == {"GET"}
    assert "fingerprint " in words


def test_the_dry_run_says_who_is_new_known_skipped_and_in_doubt(past: Past) -> None:
    seed_all_sorts(past)
    past.connect()
    cast.ben()
    _, words = dry_run()
    nameless = next(row.id for row in past.api.customers.list({"limit": 100}).data if not row.email)
    pays_twice = [(ADA, "create"), (ADA, "doubt")]
    assert verdicts() == sorted(
        [*pays_twice, (BEN, "match"), (BEN, "match"), (CLEO, "skip"), (DAN, "create"), (nameless, "doubt")]
    )
    assert ImportRow.objects.get(who=CLEO).planned["reasons"] == ["canceled"]
    assert ImportRow.objects.get(who=nameless).planned["doubts"] == [Attention.Kind.UNMATCHED]
    assert "2 people are new here" in words


def test_a_payer_whom_staff_are_asked_about_already_is_not_said_to_have_access(past: Past) -> None:
    past.subscribe("")
    past.connect()
    plan, _ = dry_run()
    apply(plan)
    dry_run()
    again = ImportBatch.objects.order_by("-pk")[0]
    [line] = showing.find(again, showing.Filters()).lines
    said = "Opens when somebody says whose it is: see To decide."
    assert (line.row.verdict, line.why[0]) == ("skip", said)
    assert showing.summary(again).skipped == [(said, 1)]


def test_the_import_does_row_for_row_what_the_dry_run_showed(past: Past) -> None:
    seed_all_sorts(past)
    club = past.connect()
    cast.ben()
    plan, _ = dry_run()
    batch = ImportBatch.objects.get()
    shown = [grant for row in batch.rows.all() for grant in row.planned["grants"]]
    newcomers = {email for row in batch.rows.all() for email in row.planned["new"]}
    known = set(User.objects.values_list("email", flat=True))
    past.sandbox.forget_calls()

    apply(plan)
    happened = [
        [row.grant.user.email, row.grant.product.slug, row.grant.source_ref, row.from_state, row.to_state, row.reason]
        for row in Ledger.objects.filter(batch=batch.name)
    ]
    assert sorted(happened) == sorted(shown) and len(shown) == 5
    assert set(User.objects.values_list("email", flat=True)) - known == newcomers == {ADA, DAN}
    kinds = Attention.objects.order_by("pk").values_list("kind", flat=True)
    assert sorted(kinds) == sorted(kind for row in batch.rows.all() for kind in row.planned["doubts"])
    assert set(Grant.objects.values_list("batch", flat=True)) == {batch.name}
    assert Grant.objects.filter(user__email=DAN, product=club, state="active").exists()
    assert {call["method"] for call in past.sandbox.calls()} <= {"GET"}
    assert set(batch.rows.values_list("state", flat=True)) == {"applied", "skipped"}


def test_nobody_is_written_to_and_the_feed_says_imported(past: Past) -> None:
    seed_all_sorts(past)
    past.connect()
    plan, _ = dry_run()
    apply(plan)
    assert not Delivery.objects.exists()
    assert set(Activity.objects.filter(verb="access_granted").values_list("imported", flat=True)) == {True}


def test_applying_twice_or_planning_again_has_no_effect(past: Past) -> None:
    seed_all_sorts(past)
    past.connect()
    plan, _ = dry_run()
    apply(plan)
    before = ours()
    apply(plan)
    assert ours() == before
    again, _ = dry_run()
    assert again != plan and {verdict for _, verdict in verdicts()} == {"skip"}
    apply(again)
    assert ours() == before


def test_the_night_after_finds_nothing_to_mend(past: Past) -> None:
    seed_all_sorts(past)
    past.connect()
    plan, _ = dry_run()
    apply(plan)
    run = full_pass()
    assert run is not None and run.found == []


def test_late_and_refunded_payments_come_in_as_a_look_at_each_would_see_them(past: Past) -> None:
    late = past.subscribe(ADA, card="pm_card_chargeCustomerFail", trial_days=1)
    past.subscribe(BEN)
    past.buy_once(DAN)
    for charge in past.api.charges.list().data:
        past.api.refunds.create({"charge": charge.id})
    past.connect()
    assert past.api.subscriptions.retrieve(late).status == "past_due"
    plan, _ = dry_run()
    assert ImportRow.objects.filter(is_whole=True).exists()
    apply(plan)
    assert dict(Grant.objects.values_list("user__email", "state")) == {ADA: "grace", BEN: "active"}
    assert Order.objects.count() == 0
    run = full_pass()
    assert run is not None and run.found == []


def test_what_has_changed_since_is_said_and_asked_again(past: Past) -> None:
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    plan, _ = dry_run()
    cast.ben()
    before = ours()
    with pytest.raises(CommandError, match="changed since it was shown, and nothing was imported"):
        apply(plan)
    assert ours() == before
    apply(ImportBatch.objects.get().plan)
    assert Grant.objects.filter(state="active").count() == 2


def test_what_changes_while_the_import_runs_is_left_and_holds_nobody_else_up(past: Past) -> None:
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    plan, _ = dry_run()
    batch = ImportBatch.objects.get()
    begin_to_apply(batch, plan=plan)
    cast.ben()
    assert carrying_out.carry_on(batch)
    assert dict(batch.rows.values_list("who", "state")) == {ADA: "applied", BEN: "left"}
    assert list(Grant.objects.values_list("user__email", flat=True)) == [ADA]


def test_a_cancellation_after_the_dry_run_is_heard_before_it_is_applied(past: Past) -> None:
    kept = past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    plan, _ = dry_run()
    past.api.subscriptions.cancel(kept)
    with pytest.raises(CommandError, match="changed since"):
        apply(plan)
    apply(ImportBatch.objects.get().plan)
    assert list(Grant.objects.values_list("user__email", flat=True)) == [BEN]


def test_reading_goes_on_where_stripe_failed(past: Past) -> None:
    seed_all_sorts(past)
    past.connect()
    past.sandbox.answer_with(500, path="/v1/checkout/sessions")
    with pytest.raises(CommandError, match="read to the end"):
        dry_run()
    batch = ImportBatch.objects.get()
    past.sandbox.behave()
    past.sandbox.forget_calls()
    plan, _ = dry_run()
    assert ImportBatch.objects.get() == batch
    assert not [call for call in past.sandbox.calls() if call["path"].startswith("/v1/subscriptions")]
    apply(plan)
    assert Grant.objects.filter(state="active").count() == 5


class Killed(BaseException):
    """The process ends between two chunks."""


def die_after(chunks: int) -> Callable[..., Any]:
    real = rehearsing.chunks

    def dying(*args: Any, **where: str) -> Any:
        for number, chunk in enumerate(real(*args, **where)):
            if number == chunks:
                raise Killed
            yield chunk

    return dying


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_killed_between_two_chunks_it_goes_on_with_the_rest(
    past: Past, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    monkeypatch.setattr(rehearsing, "CHUNK", 2)
    for number in range(9):
        past.subscribe(f"member{number}@example.org")
    past.connect()
    plan, _ = dry_run()
    batch = ImportBatch.objects.get()
    begin_to_apply(batch, plan=plan)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(rehearsing, "chunks", die_after(chunks))
        carrying_out.carry_on(batch)
    assert Grant.objects.count() == batch.rows.filter(state="applied").count() == chunks * 2
    apply(plan)
    assert Grant.objects.count() == Ledger.objects.count() == User.objects.count() == 9
    assert Activity.objects.filter(verb="access_granted").count() == 9
    assert set(batch.rows.values_list("state", flat=True)) == {"applied"}


@pytest.mark.timeout(300)
def test_five_hundred_subscribers_cost_a_call_for_each_hundred(past: Past) -> None:
    """Pages of subscriptions, and one each of sessions, refunds, disputes and invoice items; applying, of events and
    the webhook endpoint.
    """
    seed(past, subscribers=500)
    past.connect()
    plan, words = dry_run()
    calls = [f"{call['method']} {call['path']}" for call in past.sandbox.calls()]
    assert len(calls) <= 10, "\n".join(calls)
    assert "500 seen at Stripe; 500 new person" in words and "500 people are new here" in words
    past.sandbox.forget_calls()
    assert apply(plan) == "500 imported\n"
    assert len(past.sandbox.calls()) <= 2
    assert Grant.objects.filter(state="active").count() == User.objects.count() == 500
    assert not Delivery.objects.exists()


def test_thirty_new_people_cost_the_statements_of_five(past: Past) -> None:
    seed(past, subscribers=30)
    past.connect()
    dry_run()
    batch = ImportBatch.objects.get()
    rows = list(batch.rows.filter(verdict=ImportRow.Verdict.CREATE))
    assert len(rows) > 20
    counts = []
    for some in (rows[:5], rows):
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            rehearsing.bring(batch, some, now=clock.now())
            transaction.set_rollback(True)
        counts.append(len(captured))
    assert counts[1] <= counts[0] <= 61


def test_two_purchases_of_one_new_person_are_one_account(past: Past) -> None:
    for _ in range(2):
        past.subscribe(ADA)
    past.connect()
    plan, _ = dry_run()
    apply(plan)
    assert User.objects.get().email == ADA
    assert set(StripeCustomer.objects.values_list("user__email", flat=True)) == {ADA}
    assert set(Subscription.objects.values_list("user__email", flat=True)) == {ADA}
    assert Activity.objects.filter(verb=Activity.Verb.MEMBER_ADDED).count() == 1
