"""A linked product's Stripe page says what became of those who had bought before, and what there is to do."""

import re

from django.test import Client

from billing.importing import working
from billing.intake.draining import drain
from billing.models import ImportBatch, ProductLink
from billing.sweeping.reconcile import full_pass
from hub.models import Grant, User
from tests import cast
from tests.importing import ALL, IMPORTS, begin, press_import, undo
from tests.pasts import Past
from tests.shops import press_unlink

ADA, BEN, CLEO = "ada@example.org", "ben@example.org", "cleo@example.org"
SETTINGS = "/console/products/{}/stripe/"


def said(browser: Client) -> str:
    """The page's words, without its markup."""
    answer = browser.get(SETTINGS.format(ProductLink.objects.get().product_id))
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+([.:])", r"\1", " ".join(text.split()))


def test_it_asks_for_an_import_until_one_is_done(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    assert "is let in by the nightly pass, without an e-mail" in said(browser)
    assert "Import who bought before…" in said(browser)
    browser.post(IMPORTS, ALL)
    assert "is under way: see it" in said(browser)
    working.go_on()
    batch = ImportBatch.objects.get()
    assert f"See what import {batch.pk} would do" in said(browser)
    press_import(browser, f"{IMPORTS}{batch.pk}/")
    assert re.search(rf"Import {batch.pk} brought 2 people on \d+ \w+ \d{{4}}\.", said(browser))
    assert "See who has access" in said(browser)
    assert "Import who bought before" not in said(browser) and "nightly pass" not in said(browser)


def test_a_plan_that_would_bring_nobody_asks_for_nothing(past: Past, browser: Client) -> None:
    past.connect()
    begin(browser)
    assert "found nobody to let in on" in said(browser)
    assert "would do" not in said(browser) and "Import who bought before" not in said(browser)


def test_an_import_from_before_the_link_is_none_of_its_own(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    _run(browser)
    link = ProductLink.objects.get()
    link.created_at = ImportBatch.objects.get().finished_at
    link.save()
    assert "Import who bought before…" in said(browser)


def test_an_undone_import_asks_for_another_one(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    undo(browser, _run(browser))
    assert "was undone on" in said(browser) and "Import again…" in said(browser)
    _run(browser)
    assert "brought 1 person on" in said(browser) and "Import again…" not in said(browser)


def test_what_the_choice_left_out_is_let_in_by_the_night_as_the_page_says(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.buy_once(BEN)
    past.connect()
    assert "Your choice is about this import alone" in browser.get(IMPORTS).content.decode()
    page = _run(browser, subscriptions="on")
    assert "It left past purchases out" in browser.get(page).content.decode()
    shown = said(browser)
    assert "It left past purchases out. Those people are let in by the nightly pass, without an e-mail." in shown
    assert "Import past purchases…" in shown
    _night()
    assert set(Grant.objects.filter(state="active").values_list("user__email", flat=True)) == {ADA, BEN}
    shown = said(browser)
    assert "It left" not in shown and "Import past purchases" not in shown
    assert "1 person had bought it before it was linked, and was let in without an e-mail." in shown


def test_after_the_first_night_there_is_nothing_to_import(past: Past, browser: Client) -> None:
    past.connect()
    _night()
    assert "Import who bought before" not in said(browser) and "nightly pass" not in said(browser)


def test_where_nobody_has_bought_it_yet_no_import_is_asked_for(past: Past, browser: Client) -> None:
    past.connect()
    glazing = cast.ProductFactory(name="Glazing", slug="glazing")
    page = SETTINGS.format(glazing.pk)
    shown = browser.get(page, {"stripe_product": past.other}).content.decode()
    assert "Whoever buys from now on gets in" in shown and 'name="nobody_yet"' in shown
    assert browser.post(page, {"stripe_product": past.other, "nobody_yet": "1"})["Location"] == page
    shown = browser.get(page).content.decode()
    assert "Import who bought before" not in shown and "before it was linked" not in shown


def test_where_somebody_may_have_bought_it_the_link_leads_to_the_import(past: Past, browser: Client) -> None:
    past.connect()
    past.subscribe(ADA, price=past.unlinked)
    glazing = cast.ProductFactory(name="Glazing", slug="glazing")
    page = SETTINGS.format(glazing.pk)
    assert 'name="nobody_yet"' not in browser.get(page, {"stripe_product": past.other}).content.decode()
    assert browser.post(page, {"stripe_product": past.other})["Location"] == IMPORTS
    assert "Import who bought before…" in browser.get(page).content.decode()


def test_support_sees_nothing_of_it(past: Past, browser: Client) -> None:
    past.connect()
    support = cast.UserFactory(email="sam@example.org", role=User.Role.SUPPORT)
    browser.force_login(support)
    assert browser.get(SETTINGS.format(ProductLink.objects.get().product_id)).status_code == 403


def test_the_settings_lead_back_to_the_product(past: Past, browser: Client) -> None:
    club = past.connect()
    for path in ("", "unlink/", "prices/"):
        page = browser.get(SETTINGS.format(club.pk) + path).content.decode()
        assert f'href="/console/products/{club.pk}/">Studio Membership</a>' in page


def test_unlink_is_not_offered_beside_its_refusal(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.connect()
    assert "Unlink…" in said(browser)
    _run(browser)
    assert "1 subscription is still live" in said(browser) and "Unlink…" not in said(browser)
    assert said(browser).count("See who has access") == 1


def test_the_same_subscriptions_are_counted_before_the_link_and_at_its_end(past: Past, browser: Client) -> None:
    """Wherever one is counted: on whichever price it is, and none whose item has no quantity."""
    yearly = past.api.prices.create(
        {"product": past.product, "currency": "eur", "unit_amount": 24000, "recurring": {"interval": "year"}}
    )
    past.subscribe(ADA)
    past.subscribe(BEN, price=yearly.id)
    idle = past.api.subscriptions.retrieve(past.subscribe(CLEO))
    past.api.subscriptions.update(idle.id, {"items": [{"id": idle["items"]["data"][0].id, "quantity": 0}]})
    club = past.connect()
    unlink = f"{SETTINGS.format(club.pk)}unlink/"
    words = "<b>2 subscriptions are still live on Studio Membership.</b>"
    assert words in browser.get(unlink).content.decode(), "of which we know nothing yet"
    assert words in press_unlink(browser, club.slug).content.decode()
    _night()
    assert words in browser.get(unlink).content.decode()
    assert "2 subscriptions are still live" in said(browser)
    ProductLink.objects.all().delete()
    found = browser.get(SETTINGS.format(club.pk), {"stripe_product": past.product}).content.decode()
    assert "<b>2 live subscriptions</b>" in found


def _run(browser: Client, **choice: str) -> str:
    page = begin(browser, **choice)
    press_import(browser, page)
    return page


def _night() -> None:
    assert full_pass() is not None
    drain()
