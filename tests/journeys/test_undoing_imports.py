"""Undoing an import: what is taken back, what stays and why, and how it comes again."""

from django.test import Client
from django.utils import timezone

from activities import clock
from activities.deliveries import deliver_due
from activities.models import Delivery
from billing.importing import working
from billing.intake.draining import drain, sweep
from billing.sweeping.reconcile import catch_up, full_pass
from hub import grants
from hub.models import Grant, Ledger, User
from tests.importing import ALL, begin, csv_of, press_import, undo
from tests.members import signed_in
from tests.pasts import Past

ADA, BEN, DAN = "ada@example.org", "ben@example.org", "dan@example.org"


def test_undoing_takes_back_what_it_gave_and_says_what_stays(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    page = begin(browser)
    press_import(browser, page)
    shown = browser.get(f"{page}undo/")
    assert shown.status_code == 200
    assert "whoever pays goes on paying" in shown.content.decode()
    assert browser.post(f"{page}undo/").status_code == 303
    working.go_on()
    assert "Undone" in browser.get(page).content.decode()
    assert set(Grant.objects.values_list("state", "close_reason")) == {("revoked", "import_undone")}
    assert Ledger.objects.count() == 4 and not Delivery.objects.exists()


def test_what_has_happened_since_stays_and_is_named_before(past: Past, browser: Client) -> None:
    cancelled = past.subscribe(ADA)
    past.subscribe(BEN)
    past.subscribe(DAN)
    past.connect()
    page = begin(browser)
    press_import(browser, page)
    past.api.subscriptions.update(cancelled, {"cancel_at_period_end": True})
    catch_up()
    drain()
    grants.revoke(Grant.objects.get(user__email=BEN), actor=None, reason="shared it", now=clock.now())
    shown = browser.get(f"{page}undo/").content.decode()
    assert "<b>1</b> grant of <b>1</b> person" in shown and "2 grants to which something has happened" in shown
    assert "Has changed at Stripe since. The subscription was cancelled and ends on" in shown
    assert "Is closed already. Taken back by hand." in shown
    undo(browser, page)
    assert dict(Grant.objects.values_list("user__email", "state")) == {ADA: "active", BEN: "revoked", DAN: "revoked"}
    assert dict(Grant.objects.values_list("user__email", "close_reason"))[BEN] == "revoked"


def test_what_was_undone_comes_back_by_an_import_and_not_by_the_night(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser)
    press_import(browser, page)
    undo(browser, page)
    past.sandbox.advance("40d")
    full_pass()
    sweep()
    assert Grant.objects.get().state == "revoked"
    again = begin(browser)
    assert [row["Access"] for row in csv_of(browser, again)] == ["Studio Membership: open"]
    press_import(browser, again)
    assert Grant.objects.get().state == "active"
    undo(browser, again)
    assert Grant.objects.get().state == "revoked"


def test_undoing_withdraws_the_emails_that_nobody_has_begun_to_send(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser, emails="on", **ALL)
    press_import(browser, page)
    assert "1 e-mail that waits is not sent" in browser.get(f"{page}undo/").content.decode()
    undo(browser, page)
    assert deliver_due(now=timezone.now()) == 0
    assert Delivery.objects.get().state == Delivery.State.FAILED


def test_undoing_asks_who_it_is(past: Past, browser: Client, owner: User) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser)
    press_import(browser, page)
    borrowed = signed_in(owner)
    assert "/reauthenticate/" in borrowed.post(f"{page}undo/")["Location"]
    working.go_on()
    assert Grant.objects.get().is_open
