"""Undoing an import: what is taken back, what stays and why, and how it comes again."""

from django.test import Client
from django.utils import timezone

from activities import clock
from activities.deliveries import deliver_due
from activities.models import Delivery
from billing.importing import working
from billing.intake.draining import drain, sweep
from billing.shop.linking import link
from billing.sweeping.reconcile import catch_up, full_pass
from hub import grants
from hub.models import Grant, Ledger, User
from tests import cast
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
    assert "Has changed since. The subscription was cancelled and ends on" in shown
    assert "Is closed already. Taken back by hand." in shown
    undo(browser, page)
    assert dict(Grant.objects.values_list("user__email", "state")) == {ADA: "active", BEN: "revoked", DAN: "revoked"}
    assert dict(Grant.objects.values_list("user__email", "close_reason"))[BEN] == "revoked"
    rows = {row["Person"]: (row["Access"], row["Why"]) for row in csv_of(browser, page)}
    assert rows[DAN] == ("Studio Membership: taken back", "The import that brought it was undone.")
    assert rows[BEN] == ("Studio Membership: taken back", "Taken back by hand.")
    assert rows[ADA][0] == "Studio Membership: open" and "was cancelled" in rows[ADA][1]


def test_what_a_person_took_back_comes_again_by_no_import_and_by_no_night(
    past: Past, browser: Client, owner: User
) -> None:
    past.subscribe(ADA)
    past.connect()
    press_import(browser, begin(browser))
    given = Grant.objects.get()
    assert browser.post(f"/console/grants/{given.pk}/revoke/", {"reason": "shared it"}).status_code == 303
    past.subscribe(BEN)
    again = begin(browser)
    press_import(browser, again)
    full_pass()
    sweep()
    assert dict(Grant.objects.values_list("user__email", "state")) == {ADA: "revoked", BEN: "active"}
    given.refresh_from_db()
    assert given.close_reason == "revoked"
    assert Ledger.objects.filter(grant=given).latest("pk").actor == owner


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


def test_what_comes_back_is_written_about_to_whoever_never_heard_of_it(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.buy_once(ADA)
    past.subscribe(BEN)
    past.connect()
    page = begin(browser, emails="on", **ALL)
    press_import(browser, page)
    Delivery.objects.filter(user__email=BEN).update(state=Delivery.State.SENT, sent_at=timezone.now())
    undo(browser, page)
    again = begin(browser, emails="on", **ALL)
    assert "and send 1 e-mail" in browser.get(again).content.decode(), "Ben had his"
    press_import(browser, again)
    assert list(Delivery.objects.filter(state="waiting").values_list("user__email", flat=True)) == [ADA]


def test_a_letter_told_of_all_that_it_named_and_of_nothing_else(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.subscribe(ADA, price=past.unlinked)
    past.connect()
    clay = cast.ProductFactory(name="Clay", slug="clay")
    link(clay, stripe_product=past.other, prices=[past.unlinked], actor=None)
    page = begin(browser, emails="on", **ALL)
    press_import(browser, page)
    letter = Delivery.objects.get()
    assert letter.context["others"]
    letter.state, letter.sent_at = Delivery.State.SENT, timezone.now()
    letter.save()
    undo(browser, page)
    again = begin(browser, emails="on", **ALL)
    assert "Nobody gets an e-mail" in browser.get(again).content.decode()
    letter.context = letter.context | {"others": []}
    letter.save()
    press_import(browser, begin(browser, emails="on", **ALL))
    second = Delivery.objects.exclude(pk=letter.pk).get()
    assert second.product_id != letter.product_id and second.context["others"] == []


def test_undoing_asks_who_it_is(past: Past, browser: Client, owner: User) -> None:
    past.subscribe(ADA)
    past.connect()
    page = begin(browser)
    press_import(browser, page)
    borrowed = signed_in(owner)
    assert "/reauthenticate/" in borrowed.post(f"{page}undo/")["Location"]
    working.go_on()
    assert Grant.objects.get().is_open
