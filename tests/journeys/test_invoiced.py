"""Whoever is sent invoices is never told of a payment that failed or a card; whoever pays by card is told of both."""

import re
from html import unescape

import pytest
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime

from billing.models import AccessPolicy
from billing.stripe_objects import required_moment
from hub.models import User
from tests import cast
from tests.journeys.test_past_due import DAY, go_to, start_of_grace
from tests.members import Member, signed_in
from tests.shops import Json, Shop

OF_CARDS = re.compile(r"\bcard\b|payment failed|payments failed|failed for", re.IGNORECASE)


@pytest.fixture
def invoiced(shop: Shop, member: Member) -> Json:
    """Ada's subscription, whose first invoice is a day late."""
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=7)
    shop.deliver()
    shop.advance("8d")
    return subscription


def words(browser: Client, path: str, part: str = r"<main.*</main>") -> str:
    page = unescape(browser.get(path).content.decode())
    main = re.search(part, page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", main[0] if main else page).split())


def day_of_invoice(member: Member, subscription: Json) -> str:
    made = required_moment(member.row(subscription).data["latest_invoice"]["created"])
    return date_format(localtime(made), "j F Y")


def all_that_is_said(member: Member, shop: Shop, owner: User) -> dict[str, str]:
    """Every page and letter that speaks of how Ada pays."""
    hers, desk = member.browser(), signed_in(owner)
    return {
        **{path: words(hers, path) for path in ("/", "/account/", shop.club.get_absolute_url())},
        "person": words(desk, f"/console/people/{member.user.pk}/"),
        "feed": words(desk, "/console/activity/?live=0", r"<ol.*</ol>"),
        "overview": words(desk, "/console/").partition("At risk")[2],
        **{notice: member.letter(notice) for notice in member.mails() if notice != "access"},
    }


def close_by(shop: Shop, subscription: Json, status: str) -> None:
    """As Stripe ends it, or gives it up, when nobody has paid."""
    ended = {"status": status, "ended_at": int(shop.now().timestamp())} if status == "canceled" else {"status": status}
    details = {"reason": "payment_failed", "comment": None, "feedback": None}
    shop.sandbox.set_fields(subscription["id"], **ended, cancellation_details=details)
    shop.sandbox.api.subscriptions.update(subscription["id"], {"metadata": {"seen": "again"}})
    shop.deliver()


def test_in_grace_everybody_reads_of_the_invoice(shop: Shop, member: Member, owner: User, invoiced: Json) -> None:
    said = all_that_is_said(member, shop, owner)
    assert {where: found[0] for where, text in said.items() if (found := OF_CARDS.search(text))} == {}
    person = said["person"]
    assert "The last invoice was not paid in time. Access is kept until" in person
    assert f"That is €24.00, asked for on {day_of_invoice(member, invoiced)}." in person
    assert "Invoice due" in person and "Invoice due" in said["overview"] and "Invoice due" in said["/account/"]


def test_when_grace_is_over_the_letter_names_the_invoice_and_leads_to_it(
    shop: Shop, member: Member, owner: User, invoiced: Json
) -> None:
    go_to(shop, start_of_grace(member, invoiced) + 15 * DAY)
    said = all_that_is_said(member, shop, owner)
    assert {where: found[0] for where, text in said.items() if (found := OF_CARDS.search(text))} == {}
    letter = " ".join(said["access_ended"].split())
    day = day_of_invoice(member, invoiced)
    assert f"Your invoice of {day} was not paid, and the days to put that right are over." in letter
    assert "To come back, pay the invoice: it is in your account. To your account: http" in letter
    assert "The last invoice was not paid, and the days of grace were over on" in said["person"]
    assert "lost access to Studio Membership" in said["feed"]


def test_of_several_open_invoices_the_one_is_named_for_which_grace_ended(
    shop: Shop, member: Member, owner: User, invoiced: Json
) -> None:
    first = day_of_invoice(member, invoiced)
    go_to(shop, start_of_grace(member, invoiced) + 28 * DAY)
    later = day_of_invoice(member, invoiced)
    assert later != first
    said = all_that_is_said(member, shop, owner)
    assert member.why(shop.club) == "invoice_late_expired"
    assert f"That is €24.00, asked for on {first}." in said["person"]
    assert f"asked for on {later}" not in said["person"]
    assert f"Your invoice of {first} was not paid" in " ".join(said["access_ended"].split())


def test_without_grace_it_is_the_invoice_too(shop: Shop, member: Member, owner: User) -> None:
    AccessPolicy.objects.create(product=shop.club, knobs={"past_due_policy": "none"})
    invoiced = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=7)
    shop.deliver()
    shop.advance("8d")
    assert member.why(shop.club) == "invoice_late"
    said = all_that_is_said(member, shop, owner)
    assert {where: found[0] for where, text in said.items() if (found := OF_CARDS.search(text))} == {}
    assert f"Your invoice of {day_of_invoice(member, invoiced)} was not paid in time." in said["access_ended"]
    assert "Your last invoice was not paid in time. Pay it to come back." in said[shop.club.get_absolute_url()]


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        ("unpaid", "invoices_unpaid", "was not paid."),
        ("canceled", "canceled_invoice_unpaid", "was not paid, and your subscription was ended on"),
    ],
)
def test_what_stripe_ends_for_an_invoice_is_told_so(
    shop: Shop, member: Member, owner: User, invoiced: Json, status: str, reason: str, told: str
) -> None:
    close_by(shop, invoiced, status)
    assert member.why(shop.club) == reason
    said = all_that_is_said(member, shop, owner)
    assert {where: found[0] for where, text in said.items() if (found := OF_CARDS.search(text))} == {}
    assert f"Your invoice of {day_of_invoice(member, invoiced)} {told}" in " ".join(said["access_ended"].split())


def test_a_first_invoice_is_waited_for_in_its_own_words(shop: Shop, member: Member, owner: User) -> None:
    cast.ada()
    AccessPolicy.objects.create(product=shop.club, knobs={"require_first_payment": True})
    member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=7)
    shop.deliver()
    assert not member.has(shop.club)
    said = all_that_is_said(member, shop, owner)
    assert {where: found[0] for where, text in said.items() if (found := OF_CARDS.search(text))} == {}
    assert "Your first invoice is not paid yet. This opens when it is." in said[shop.club.get_absolute_url()]
    assert "The first invoice has not been paid yet." in said["person"]


def test_whoever_pays_by_card_reads_of_the_card(shop: Shop, member: Member, owner: User) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change_card("4000000000000341")
    shop.advance("32d")
    shop.advance("2h")
    said = all_that_is_said(member, shop, owner)
    silent = [where for where, text in said.items() if not OF_CARDS.search(text)]
    assert silent == []
    close_by(shop, subscription, "unpaid")
    assert member.why(shop.club) == "unpaid"
    assert "Your last payments failed." in member.letter("access_ended")
    assert "Your last payments failed. Update your card" in words(member.browser(), shop.club.get_absolute_url())
