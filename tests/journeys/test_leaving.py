"""An account is shut, copied or erased, and Stripe goes on: what is charged is said, and nobody is a ghost."""

import json
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime
from djstripe.models import Customer, Invoice
from pytest_django import Settings

from activities.models import Activity, Delivery
from billing.models import Attention, InboxEvent, Order, Pass, Reference, StripeCustomer, Subscription
from billing.sweeping.retention import tidy
from hub.models import Grant, Ledger, Note, User
from hub.noting import write_note
from hub.reasons import last_moment
from hub.roles import Role
from tests import cast
from tests.hub.test_reentry import REENTER, prove
from tests.hub.test_signing_in import code_sent
from tests.members import Member
from tests.races.steps import at_step
from tests.shops import Shop

ADDRESS = "ada@example.org"


@pytest.fixture
def owner_at(shop: Shop, settings: Settings, owner: User) -> Client:
    """The owner's browser, in which she has just proved that it is her."""
    return proved(owner, settings)


def proved(user: User, settings: Settings) -> Client:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client = Client()
    client.force_login(user)
    prove(client)
    return client


def words_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def document_of(answer: Any) -> dict[str, Any]:
    pieces: Iterable[bytes] = answer.streaming_content
    found: dict[str, Any] = json.loads(b"".join(pieces))
    return found


def test_deactivating_says_what_goes_on_being_charged_and_where_it_is_ended(
    shop: Shop, member: Member, owner_at: Client
) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    theirs = member.browser()
    path = f"/console/people/{member.user.pk}/deactivate/"
    page = words_of(owner_at.get(path))
    assert "1 subscription goes on charging" in page
    assert '<b>Studio Membership</b>, <span class="num">€24.00 a month</span>' in page
    assert f'href="{shop.sandbox.url}/sandbox/subscriptions/{subscription["id"]}"' in page
    assert theirs.get("/account/").status_code == 200
    assert owner_at.post(path, {"reason": ""}).status_code == 422
    page = words_of(owner_at.post(path, {"reason": "shared the login"}, follow=True))
    assert "is deactivated, and signed out everywhere." in page
    assert "Deactivated: nobody signs in with this address" in page
    assert theirs.get("/account/").status_code == 302
    assert not member.has(shop.club) and member.states(shop.club) == ["active"]
    assert "Deactivated the account" in page and "shared the login" in page


def test_reactivating_gives_back_what_was_theirs_but_no_session(shop: Shop, member: Member, owner_at: Client) -> None:
    member.subscribe(shop.monthly.price_id)
    shop.deliver()
    theirs = Client()
    theirs.post("/accounts/login/", {"login": ADDRESS})
    theirs.post("/accounts/login/code/confirm/", {"code": code_sent()})
    assert theirs.get("/account/").status_code == 200
    owner_at.post(f"/console/people/{member.user.pk}/deactivate/", {"reason": "a mistake"})
    assert not member.user.is_active
    owner_at.post(f"/console/people/{member.user.pk}/reactivate/", {"reason": "talked to her"})
    assert member.user.is_active and member.has(shop.club)
    assert theirs.get("/account/").status_code == 302


def test_a_payment_of_somebody_deactivated_is_told_to_the_owner(shop: Shop, member: Member, owner_at: Client) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    owner_at.post(f"/console/people/{member.user.pk}/deactivate/", {"reason": "shared the login"})
    assert not Attention.objects.exists()
    shop.advance("32d")
    question = Attention.objects.get(kind=Attention.Kind.SHUT_OUT)
    assert (question.user, question.details["paid"]) == (member.user, "€24.00")
    page = words_of(owner_at.get("/console/decide/"))
    assert "Paid by somebody who is not let in" in page
    assert subscription["id"] in page
    assert "Paid by somebody who is not let in: it waits" in words_of(
        owner_at.get(f"/console/people/{member.user.pk}/")
    )
    assert "Paid by somebody who is not let in" in words_of(owner_at.get("/console/"))


def test_nobody_deactivates_themselves_the_last_owner_or_as_an_admin_an_owner(
    shop: Shop, owner_at: Client, owner: User, settings: Settings
) -> None:
    admin = cast.UserFactory(email="theo@example.org", role=Role.ADMIN)
    theo = proved(admin, settings)
    for client, person, why in (
        (owner_at, owner, "Nobody deactivates themselves."),
        (theo, admin, "Nobody deactivates themselves."),
        (theo, owner, "Only owners decide about staff."),
    ):
        page = words_of(client.post(f"/console/people/{person.pk}/deactivate/", {"reason": "x"}, follow=True))
        assert why in page
        person.refresh_from_db()
        assert person.is_active
    owner_at.post(f"/console/people/{admin.pk}/deactivate/", {"reason": "left"})
    admin.refresh_from_db()
    assert not admin.is_active


def test_a_copy_of_all_that_is_kept(shop: Shop, member: Member, owner_at: Client, owner: User) -> None:
    session = shop.buy(shop.once)
    member.subscribe(shop.monthly.price_id)
    shop.deliver()
    write_note(member.user, "Wants an invoice.", author=owner, now=shop.now())
    answer = owner_at.post(f"/console/people/{member.user.pk}/data/")
    assert answer["Content-Disposition"].startswith('attachment; filename="data-')
    found = document_of(answer)
    assert found["person"]["email"] == ADDRESS
    assert {grant["product"] for grant in found["grants"]} == {"The Wheel", "Studio Membership"}
    assert [order["amount"] for order in found["purchases"]] == [18000]
    assert ADDRESS in {row["email"] for row in found["stripe_customers"]}
    assert found["subscriptions"][0]["status"] == "active"
    assert found["notes"][0]["words"] == "Wants an invoice."
    assert {activity["verb"] for activity in found["activities"]} >= {"product_purchased", "member_added"}
    assert len(found["ledger"]) == Ledger.objects.count()
    assert session["payment_intent"] in json.dumps(found["purchases"])
    assert "Exported all that is known of this person" in words_of(owner_at.get(f"/console/people/{member.user.pk}/"))


def test_a_copy_says_each_invoice_and_what_it_was_for(shop: Shop, member: Member, settings: Settings) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.advance("32d")
    Subscription.objects.update(refunded_invoices=[Invoice.objects.earliest("created").id])
    somebody = Member(shop, "ben@example.org")
    somebody.subscribe(shop.yearly.price_id)
    shop.deliver()
    invoices = document_of(proved(member.user, settings).post("/account/data/"))["invoices"]
    assert [(row["amount_paid"], row["currency"], row["status"]) for row in invoices] == [(2400, "eur", "paid")] * 2
    assert [row["refunded"] for row in invoices] == [True, False]
    assert {row["subscription"] for row in invoices} == {subscription["id"]}
    assert invoices[0]["created"] < invoices[1]["created"]
    assert all("Studio Membership" in row["what_for"][0] for row in invoices)


def test_a_member_takes_a_copy_of_their_own_after_proving_that_it_is_them(
    shop: Shop, member: Member, settings: Settings
) -> None:
    shop.buy(shop.once)
    shop.deliver()
    assert 'href="/account/data/"' in member.account_page()
    answer = member.browser().post("/account/data/")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, REENTER)
    found = document_of(proved(member.user, settings).post("/account/data/"))
    assert found["person"]["email"] == ADDRESS and found["grants"][0]["product"] == "The Wheel"


def test_nobody_is_erased_while_a_subscription_charges_them(
    shop: Shop, member: Member, owner_at: Client, settings: Settings
) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    path = f"/console/people/{member.user.pk}/erase/"
    for client, where in ((owner_at, path), (proved(member.user, settings), "/account/erase/")):
        page = words_of(client.get(where))
        assert "A subscription goes on charging. It has to be cancelled first." in page
        assert "€24.00 a month" in page
        assert client.post(where, {"address": ADDRESS}).status_code == 409
    assert f"/sandbox/subscriptions/{subscription['id']}" in words_of(owner_at.get(path))
    assert member.user.erased_at is None
    shop.sandbox.api.subscriptions.update(subscription["id"], {"cancel_at_period_end": True})
    shop.deliver()
    ends_on = Subscription.objects.get().period_end
    assert ends_on is not None
    for client, where in ((owner_at, path), (proved(member.user, settings), "/account/erase/")):
        page = words_of(client.get(where))
        assert "Erase for good" in page
        told = page.partition("<b>Studio Membership</b>, otherwise open until")[2].partition("</li>")[0]
        assert date_format(localtime(last_moment(ends_on)), "j F Y") in told


def test_erasing_asks_for_the_address_and_for_who_asks(
    shop: Shop, member: Member, owner_at: Client, owner: User
) -> None:
    shop.buy(shop.once)
    shop.deliver()
    path = f"/console/people/{member.user.pk}/erase/"
    assert owner_at.post(path, {"address": "ada@example.com"}).status_code == 422
    fresh = Client()
    fresh.force_login(owner)
    assert fresh.post(path, {"address": ADDRESS})["Location"].partition("?")[0] == REENTER
    assert member.user.erased_at is None
    assert owner_at.post(path, {"address": " ADA@example.org "}).status_code == 303
    assert User.objects.exclude(erased_at=None).count() == 1


def test_staff_are_not_erased(shop: Shop, owner_at: Client, owner: User) -> None:
    page = words_of(owner_at.post(f"/console/people/{owner.pk}/erase/", {"address": owner.email}))
    assert "Staff are not erased: an owner lets them go first." in page
    owner.refresh_from_db()
    assert owner.erased_at is None


@pytest.mark.parametrize("asked_by", ["owner", "themselves"])
def test_who_becomes_staff_while_they_are_being_erased_stays_and_it_is_said(
    shop: Shop, member: Member, owner_at: Client, settings: Settings, asked_by: str
) -> None:
    shop.buy(shop.once)
    shop.deliver()
    person = member.user
    by = (owner_at, f"/console/people/{person.pk}/erase/")
    client, where = by if asked_by == "owner" else (proved(person, settings), "/account/erase/")
    hired = User.objects.filter(pk=person.pk)
    sys.setprofile(at_step("hub.erasing:check:return", lambda: hired.update(role=Role.SUPPORT)))
    try:
        answer = client.post(where, {"address": ADDRESS})
    finally:
        sys.setprofile(None)
    assert answer.status_code == 409
    assert "Staff are not erased: an owner lets them go first." in words_of(answer)
    assert member.user.erased_at is None and member.has(shop.course)


def everything_kept() -> str:
    """Each row of ours and of the mirror as text, but the ledger's, which is what it is."""
    rows: list[Any] = []
    ours = (User, Activity, Delivery, Note, Grant, StripeCustomer, Order, Subscription, InboxEvent, Attention)
    for model in (*ours, Pass, LogEntry):
        rows += model.objects.values()  # type: ignore[attr-defined]
    for model in (Customer, Invoice):
        rows += model.objects.values()
    return json.dumps(rows, default=str)


def test_after_erasing_nothing_of_them_is_left_but_money_and_ledger(
    shop: Shop, member: Member, owner_at: Client, owner: User, settings: Settings
) -> None:
    shop.buy(shop.once, name="Ada Augusta Lind")
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    write_note(member.user, "Ada calls often.", author=owner, now=shop.now())
    proved(member.user, settings)
    pk, ledger = member.user.pk, Ledger.objects.count()
    orders = list(Order.objects.values_list("key", "amount", "state"))
    assert ADDRESS in everything_kept() and Reference.objects.filter(subject=subscription["customer"]).exists()
    theirs = member.browser()
    listed = [{"email": address, "product": "studio", "reason": "ended"} for address in (ADDRESS, "ben@example.org")]
    for kind in (Attention.Kind.BRAKE, Attention.Kind.LEFT_BEHIND):
        Attention.objects.create(kind=kind, key=kind, details={"closing": listed}, opened_at=shop.now())
    Pass.objects.create(kind="full", started_at=shop.now(), found=listed)
    owner_at.post(f"/admin/hub/user/{pk}/change/", {"name": "Ada Lind", "timezone": ""})
    assert "Ada Lind" in LogEntry.objects.get().object_repr
    owner_at.post(f"/console/people/{pk}/erase/", {"address": ADDRESS})
    kept = everything_kept()
    for word in (ADDRESS, "Ada", "Augusta"):
        assert word not in kept, kept[max(0, kept.index(word) - 300) :][:400]
    left = [question.details["closing"] for question in Attention.objects.filter(details__has_key="closing")]
    for rows in (*left, Pass.objects.get().found):
        assert [row["email"] for row in rows] == [f"erased-{pk}@erased.invalid", "ben@example.org"]
    assert list(Order.objects.values_list("key", "amount", "state")) == orders
    assert not Reference.objects.exists()
    assert Ledger.objects.count() > ledger
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()
    assert theirs.get("/account/").status_code == 302
    page = words_of(owner_at.get(f"/console/people/{pk}/"))
    assert f"Erased person {pk}" in page and "Erased this person" in page


def test_what_stripe_tells_after_erasing_brings_nobody_back(shop: Shop, member: Member, owner_at: Client) -> None:
    subscription = member.subscribe(shop.monthly.price_id, description="For Ada")
    shop.buy(shop.once)
    shop.deliver()
    customer, pk = subscription["customer"], member.user.pk
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    owner_at.post(f"/console/people/{pk}/erase/", {"address": ADDRESS})
    people, paid = User.objects.count(), Order.objects.get()
    shop.sandbox.api.customers.update(customer, {"name": "Ada Lind"})
    shop.sandbox.api.subscriptions.create({"customer": customer, "items": [{"price": shop.monthly.price_id}]})
    shop.sandbox.api.refunds.create({"payment_intent": paid.payment_intent})
    shop.deliver()
    assert User.objects.count() == people
    assert not User.objects.filter(email=ADDRESS).exists()
    assert Subscription.objects.latest("pk").user_id == pk
    assert not Grant.objects.filter(user__erased_at=None).exists()
    assert Attention.objects.get(kind=Attention.Kind.SHUT_OUT).user_id == pk
    assert Order.objects.get().fully_refunded
    tidy()
    assert not Reference.objects.exists()
    kept = everything_kept()
    for word in (ADDRESS, "Ada"):
        assert word not in kept, kept[max(0, kept.index(word) - 300) :][:400]


def keep_events(shop: Shop, subject: str) -> None:
    """One that is worked off, and one that could not be."""
    for state in (InboxEvent.State.DONE, InboxEvent.State.DEAD):
        InboxEvent.objects.create(
            event_id=f"evt_{state}",
            connection=shop.connection,
            type="charge.succeeded",
            subject=subject,
            state=state,
            created=shop.now(),
            received_at=shop.now(),
            payload={"billing_details": {"email": ADDRESS}},
        )


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("name", ["payment_intent", "session_id"])
def test_no_event_about_a_payment_of_a_customer_keeps_who_paid(
    shop: Shop, member: Member, owner_at: Client, name: str, later: bool
) -> None:
    """Not all of a customer's events name the customer; one that needs a person is no exception."""
    subscription = member.subscribe(shop.monthly.price_id)
    shop.buy(shop.once)
    shop.deliver()
    pk = member.user.pk
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    subject = "pi_1" if name == "payment_intent" else "cs_1"
    Order.objects.update(subject=subscription["customer"], **{name: subject})
    if not later:
        keep_events(shop, subject)
    owner_at.post(f"/console/people/{pk}/erase/", {"address": ADDRESS})
    if later:
        keep_events(shop, subject)
        tidy()
    assert set(InboxEvent.objects.filter(subject=subject).values_list("state", flat=True)) == {"done", "dead"}
    assert not InboxEvent.objects.filter(subject=subject).exclude(payload={}).exists()


def test_a_member_erases_themselves_and_may_join_anew(shop: Shop, member: Member, settings: Settings) -> None:
    shop.buy(shop.once)
    shop.deliver()
    before = member.user.pk
    client = proved(member.user, settings)
    answer = client.post("/account/erase/", {"address": ADDRESS}, follow=True)
    assert answer.redirect_chain == [("/", 303)]
    assert "Your account is erased." in answer.content.decode()
    assert client.get("/account/").status_code == 302
    shop.buy(shop.once)
    shop.deliver()
    assert member.user.pk != before and member.has(shop.course)


def test_the_page_of_somebody_erased_offers_nothing_to_do(shop: Shop, member: Member, owner_at: Client) -> None:
    shop.buy(shop.once)
    shop.deliver()
    pk = member.user.pk
    owner_at.post(f"/console/people/{pk}/erase/", {"address": ADDRESS})
    assert f"/console/people/{pk}/" not in words_of(owner_at.get("/console/people/"))
    for ref in (Order.objects.get().key, Order.objects.get().customer_id):
        if ref:
            assert f"Erased person {pk}" in words_of(owner_at.get("/console/people/", {"q": ref}))
    page = owner_at.post(f"/console/people/{pk}/reactivate/", {"reason": "she is back"}, follow=True)
    assert "Whoever is erased does not come back: they join anew." in page.content.decode()
    assert not User.objects.get(pk=pk).is_active
    for act in ("erase", "deactivate", "reactivate", "data", "address", "give", "notes", "see"):
        assert f"/console/people/{pk}/{act}/" not in page.content.decode()
    given = {"product": shop.course.pk, "reason": "again", "words": "again", "address": "new@example.org", "why": "x"}
    for act in ("give", "notes", "address"):
        assert owner_at.post(f"/console/people/{pk}/{act}/", given).status_code == 404
    owner_at.post(f"/console/staff/{pk}/role/", {"role": "owner"})
    assert User.objects.get(pk=pk).role == Role.MEMBER
