"""The owner imports who bought before, by the pages alone: dry run, import, stop."""

from collections import Counter

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities import clock
from activities.models import Delivery
from billing.connection import disconnect
from billing.importing import asking, carrying_out, reading, rehearsing, turns, working
from billing.intake.draining import drain
from billing.models import Connection, ImportBatch, ImportRow, Subscription
from billing.sweeping.reconcile import differences
from hub.models import Grant, Ledger, Product, User
from tests import cast
from tests.importing import ALL, IMPORTS, begin, csv_of, press_import, seed
from tests.pasts import Past
from tests.shops import post_webhook

ADA, BEN, CLEO, DAN = "ada@example.org", "ben@example.org", "cleo@example.org", "dan@example.org"


def test_the_owner_sees_what_would_happen_and_imports_it(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.subscribe("")
    past.api.subscriptions.cancel(past.subscribe(CLEO))
    past.buy_once(DAN)
    past.connect()
    page = begin(browser)
    shown = browser.get(page).content.decode()
    assert ADA in shown and DAN in shown and "Without an address" in shown
    assert "Nobody gets an e-mail." in shown and "Import 3" in shown
    assert not Grant.objects.exists()
    done = press_import(browser, page)
    assert "Imported" in done.content.decode()
    assert set(Grant.objects.filter(state="active").values_list("user__email", flat=True)) == {ADA, DAN}
    assert {call["method"] for call in past.sandbox.calls()} == {"GET"}


def test_one_email_for_each_person_and_the_dry_run_names_them(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.buy_once(ADA)
    past.subscribe(BEN)
    past.api.subscriptions.cancel(past.subscribe(CLEO))
    past.connect()
    page = begin(browser, emails="on", **ALL)
    batch = ImportBatch.objects.get()
    shown = [address for row in batch.rows.all() for address in row.planned["letters"]]
    assert sorted(shown) == [ADA, BEN]
    assert "Import 3 rows and send 2 e-mails" in browser.get(page).content.decode()
    assert not Delivery.objects.exists()
    press_import(browser, page)
    assert sorted(Delivery.objects.values_list("user__email", flat=True)) == [ADA, BEN]


def test_nobody_is_written_to_about_a_draft_and_the_plan_says_so(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    club = past.connect()
    Product.objects.update(is_live=False)
    page = begin(browser, emails="on", **ALL)
    shown = browser.get(page).content.decode()
    assert "Studio Membership is a draft." in shown and "Nobody gets an e-mail" in shown
    press_import(browser, page)
    assert Grant.objects.get(state="active").user.email == ADA
    assert not Delivery.objects.exists()
    assert "Studio Membership is a draft, and members have it" in browser.get("/console/").content.decode()
    published = browser.post(f"/console/products/{club.pk}/live/", {"live": "1"}, follow=True).content.decode()
    assert "1 person has it already." in published
    assert "is a draft" not in browser.get(page).content.decode() + browser.get("/console/").content.decode()


def test_the_figures_of_a_plan_add_up(past: Past, browser: Client) -> None:
    """Ada bought as a guest too, Ben is here, and what Cleo had is over twice, for two reasons."""
    past.subscribe(ADA)
    past.buy_once(ADA)
    past.subscribe(BEN)
    cast.UserFactory(email=BEN)
    over = past.api.subscriptions.cancel(past.subscribe(CLEO))
    unpaid = {"customer": over.customer, "items": [{"price": past.monthly}], "payment_behavior": "default_incomplete"}
    past.api.subscriptions.create(unpaid)
    past.connect()
    page = begin(browser)
    shown = browser.get(page)
    summary, counts = shown.context["summary"], shown.context["batch"].totals["verdicts"]
    assert counts == {"create": 2, "match": 1, "skip": 1}
    assert summary.rows == len(csv_of(browser, page)) == 4
    assert (summary.new, summary.known, summary.to_do) == (1, 1, 3)
    assert sum(count for _, count in summary.skipped) == counts["skip"]
    html = " ".join(shown.content.decode().split())
    assert "<b>1</b> new person comes in, and <b>1</b> whom you know gets access" in html
    assert "Several purchases, none of which opens anything now." in html and "Import 3 rows" in html
    press_import(browser, page)
    again = browser.get(begin(browser))
    assert ("Has this access already.", 3) in again.context["summary"].skipped


@pytest.mark.parametrize(("path", "shown"), [("", 200), ("1/", 200), ("1/rows.csv", 302), ("1/undo/", 302)])
def test_only_owners_and_admins_enter(
    past: Past, browser: Client, dan: User, client: Client, path: str, shown: int
) -> None:
    past.connect()
    past.subscribe(ADA)
    begin(browser)
    number = ImportBatch.objects.get().pk
    address = IMPORTS + path.replace("1", str(number))
    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    support = cast.UserFactory(email="sam@example.org", role=User.Role.SUPPORT)
    for person in (dan, support):
        client.force_login(person)
        assert client.get(address).status_code == 403
    client.force_login(cast.UserFactory(email="amy@example.org", role=User.Role.ADMIN))
    assert client.get(address).status_code == shown, "and before a file or undoing, who they are is asked once more"


@pytest.mark.timeout(240)
def test_500_subscribers_come_in_as_the_owner_clicks_row_for_row_as_shown(past: Past, browser: Client) -> None:
    past.subscribe("")
    seed(past, subscribers=500)
    past.connect()
    page = begin(browser, emails="on", **ALL)
    planned = csv_of(browser, page)
    assert Counter(row["What"] for row in planned) == {"New person": 500}
    assert len(past.sandbox.calls()) <= 10
    press_import(browser, page)
    done = csv_of(browser, page)
    assert {row["State"] for row in done} == {"Imported"}
    shown = [row | {"State": ""} for row in planned]
    assert [row | {"State": ""} for row in done] == shown
    opened = Grant.objects.filter(state__in=Grant.OPEN).select_related("user", "product")
    assert sorted((grant.user.email, f"{grant.product}: open") for grant in opened) == sorted(
        (row["Person"], row["Access"]) for row in planned
    )
    letters = Delivery.objects.values_list("user__email", flat=True)
    assert sorted(letters) == sorted(row["Person"] for row in planned if row["E-mail"])
    assert {call["method"] for call in past.sandbox.calls()} == {"GET"}
    assert len(past.sandbox.calls()) <= 12


def test_what_changed_since_the_plan_was_shown_is_named_and_asked_again(past: Past, browser: Client) -> None:
    kept = past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    page = begin(browser)
    past.api.subscriptions.cancel(kept)
    asked_again = press_import(browser, page).content.decode()
    assert "Nothing was imported." in asked_again and "1 row has changed" in asked_again
    assert not Grant.objects.exists()
    assert [row["Person"] for row in csv_of(browser, page, show="changed")] == [ADA]
    press_import(browser, page)
    assert list(Grant.objects.values_list("user__email", flat=True)) == [BEN]


def test_another_plan_than_the_one_that_was_shown_is_not_applied(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser)
    answer = browser.post(f"{page}apply/", {"plan": "1-000000000000"}, follow=True)
    assert "so nothing was imported" in answer.content.decode()
    working.go_on()
    assert not Grant.objects.exists()


def test_the_owner_stops_it_and_it_goes_on_where_it_stopped(
    past: Past, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsing, "CHUNK", 2)
    for number in range(6):
        past.subscribe(f"member{number}@example.org")
    past.connect()
    page = begin(browser)
    batch = ImportBatch.objects.get()
    asking.ask_for(batch, plan=batch.plan, now=batch.created_at)
    carrying_out.check(batch, now=batch.created_at)
    turn = turns.take(batch)
    assert turn is not None

    def note(*, done: int, total: int = 0) -> None:
        if done == 4:
            assert browser.post(f"{page}stop/").status_code == 303
        turn.note(done=done, total=total)

    with pytest.raises(turns.Interrupted):
        carrying_out.carry_on(batch, note=note)
    turn.end()
    ImportBatch.objects.update(seconds=8)
    shown = browser.get(page).content.decode()
    assert "4 of 6 (66 %)" in shown and "Go on" in shown
    assert "left</p>" not in shown and "a second" not in shown, "who has stopped is at no pace"
    working.go_on()
    assert Grant.objects.count() == 4, "stopped is stopped, whoever comes by"
    assert browser.post(f"{page}resume/").status_code == 303
    working.go_on()
    assert Grant.objects.count() == Ledger.objects.count() == 6
    assert "Imported" in browser.get(page).content.decode()


def test_what_is_stopped_while_it_is_checked_is_a_plan_again(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser)
    batch = ImportBatch.objects.get()
    browser.post(f"{page}apply/", {"plan": batch.plan})
    stopped = browser.post(f"{page}stop/", follow=True).content.decode()
    assert "Ready to import" in stopped
    assert "Stopped while it was looked at again: nothing was imported" in stopped
    working.go_on()
    assert not Grant.objects.exists()
    assert "Stopped while" not in browser.get(page).content.decode(), "it is said once"
    press_import(browser, page)
    assert Grant.objects.count() == 1


def test_stop_holds_though_checking_was_over_when_it_was_pressed(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    begin(browser)
    batch = ImportBatch.objects.get()
    asking.ask_for(batch, plan=batch.plan, now=batch.created_at)
    as_the_page_read_it = ImportBatch.objects.get()
    carrying_out.check(batch, now=batch.created_at)
    asking.stop(as_the_page_read_it)
    working.go_on()
    assert ImportBatch.objects.get().stopped_at is not None
    assert not Grant.objects.exists()


def test_a_dispute_that_was_lost_while_an_import_was_stopped_is_not_forgotten_when_it_goes_on(
    past: Past, browser: Client
) -> None:
    """Its rows say what Stripe said before: whatever was heard since is newer."""
    past.subscribe(ADA)
    charge = past.api.charges.list({"limit": 1}).data[0].id
    past.api.refunds.create({"charge": charge, "amount": 100})
    club = past.connect()
    page = begin(browser)
    batch = ImportBatch.objects.get()
    asking.ask_for(batch, plan=batch.plan, now=batch.created_at)
    carrying_out.check(batch, now=batch.created_at)
    assert browser.post(f"{page}stop/").status_code == 303
    past.sandbox.advance("1d")
    disputed = past.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
    past.sandbox.set_fields(disputed["id"], status="lost", emit="charge.dispute.closed")
    for delivery in past.sandbox.take_pending():
        assert post_webhook(batch.connection, delivery) == 200
    drain()
    assert browser.post(f"{page}resume/").status_code == 303
    working.go_on()
    sub = Subscription.objects.get()
    assert list(sub.disputes.values()) == ["lost"] and sub.dispute_lost_at is not None
    assert not Grant.objects.filter(product=club, state__in=Grant.OPEN).exists()
    assert list(differences()) == []


def test_past_purchases_or_subscriptions_alone(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.buy_once(BEN)
    past.connect()
    page = begin(browser, subscriptions="on")
    assert [row["Person"] for row in csv_of(browser, page)] == [ADA]
    misread = browser.get(f"{page}?show=verdict:x")
    assert not misread.context["page"].lines and "Nothing is shown" in misread.content.decode()
    assert browser.get(f"{page}rows.csv?show=verdict:x")["Location"] == f"{page}?show=verdict%3Ax#rows"
    assert "This import leaves past purchases out, but keeps nobody out" in browser.get(page).content.decode()
    assert browser.post(f"{page}forget/").status_code == 303
    page = begin(browser, orders="on")
    assert [row["Person"] for row in csv_of(browser, page)] == [BEN]
    press_import(browser, page)
    assert list(Grant.objects.values_list("user__email", "source")) == [(BEN, "order")]


def test_an_import_of_nothing_is_refused(past: Past, browser: Client) -> None:
    past.connect()
    answer = browser.post(IMPORTS, {"emails": "on"})
    assert answer.status_code == 422
    assert "Choose subscriptions, past purchases, or both." in answer.content.decode()
    assert not ImportBatch.objects.exists()


def test_one_import_at_a_time(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    browser.post(IMPORTS, ALL)
    assert "One import at a time" in browser.get(IMPORTS).content.decode()
    assert browser.post(IMPORTS, {"orders": "on"}).status_code == 422
    assert browser.post(IMPORTS, ALL).status_code == 303
    assert ImportBatch.objects.count() == 1


def test_a_dry_run_that_is_thrown_away_while_it_is_read_leaves_nothing(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    page = str(browser.post(IMPORTS, ALL)["Location"])
    batch = ImportBatch.objects.get()
    turn = turns.take(batch)
    assert turn is not None

    def note(*, done: int, total: int = 0) -> None:
        assert browser.post(f"{page}forget/").status_code == 303
        turn.note(done=done, total=total)

    with pytest.raises(turns.Interrupted):
        reading.read(batch, note=note)
    turn.end()
    assert not ImportBatch.objects.exists() and not ImportRow.objects.exists()


def test_a_plan_waits_while_its_account_is_disconnected(past: Past, browser: Client, owner: User) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser)
    batch = ImportBatch.objects.get()
    disconnect(batch.connection, actor=owner, now=clock.now())
    answer = browser.post(f"{page}apply/", {"plan": batch.plan}, follow=True).content.decode()
    assert "is disconnected: connect it first." in answer
    working.go_on()
    assert ImportBatch.objects.get().state == ImportBatch.State.PLANNED and not Grant.objects.exists()


def test_stripe_away_is_said_and_the_next_sweep_reads_on(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    past.sandbox.answer_with(500, path="/v1/checkout/sessions")
    page = begin(browser)
    assert "Stripe does not answer" in browser.get(page).content.decode()
    past.sandbox.behave()
    working.go_on()
    assert "Import 1" in browser.get(page).content.decode()


def test_what_nobody_foresaw_stops_it_and_the_first_page_says_so(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    past.sandbox.answer_with(400, path="/v1/checkout/sessions")
    page = begin(browser)
    past.sandbox.behave()
    working.go_on()
    assert "StripeInvalid" in browser.get(page).content.decode()
    assert "could not go on and has stopped" in browser.get("/console/").content.decode()
    assert browser.post(f"{page}resume/").status_code == 303
    working.go_on()
    assert "Import 1" in browser.get(page).content.decode()
    assert "has stopped" not in browser.get("/console/").content.decode()


def test_a_row_that_cannot_be_read_is_kept_with_its_error_and_holds_nobody_up(past: Past, browser: Client) -> None:
    unknown = past.bill(BEN)
    past.subscribe(ADA)
    past.connect()
    past.sandbox.answer_with(404, path=f"/v1/customers/{unknown}")
    page = begin(browser)
    (broken,) = csv_of(browser, page, show="verdict:error")
    assert broken["Stripe id"] == unknown and broken["Error"]
    press_import(browser, page)
    (broken,) = csv_of(browser, page, show="state:failed")
    assert broken["Stripe id"] == unknown and broken["Error"]
    assert list(Grant.objects.values_list("user__email", flat=True)) == [ADA]


def test_the_rows_cost_the_same_for_ten_and_for_hundreds(
    past: Past, browser: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    past.connect()
    batch = ImportBatch.objects.create(
        connection=Connection.objects.get(), asked_at=timezone.now(), created_at=timezone.now(), fingerprint="f" * 64,
        state=ImportBatch.State.PLANNED,
    )  # fmt: skip
    costs = []
    browser.get(IMPORTS)
    for count in (10, 300):
        ImportRow.objects.bulk_create(
            ImportRow(batch=batch, subject=f"cus_{count}_{n}", who=f"m{count}-{n}@example.org", verdict="create")
            for n in range(count)
        )
        with django_assert_max_num_queries(15) as queries:
            assert browser.get(f"{IMPORTS}{batch.pk}/", {"show": "verdict:create", "q": "m"}).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_the_live_page_asks_for_how_far_it_is_and_reloads_at_the_end(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    page = str(browser.post(IMPORTS, ALL)["Location"])
    part = browser.get(page, {"part": "progress"}).content.decode()
    assert part.lstrip().startswith("<section") and 'hx-trigger="every 2s"' in part
    working.go_on()
    assert browser.get(page, {"part": "progress"})["HX-Refresh"] == "true"
    assert "hx-get" not in browser.get(page).content.decode()
