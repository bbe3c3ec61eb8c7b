"""The owner's rules: what each page says, who would gain or lose access, and that saving does what was shown."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from activities.models import Activity, Delivery
from billing.connection import disconnect
from billing.forms import PolicyForm
from billing.intake.draining import drain
from billing.models import AccessPolicy, Connection, Subscription
from billing.rules import policy_change
from billing.rules.knobs import DEFAULTS
from billing.rules.policies import load
from billing.rules.policy_change import Change
from hub.models import Grant, Ledger, Product, User
from tests import cast
from tests.members import Member
from tests.shops import Shop

SITE = "/console/stripe/policy/"
USUAL: dict[str, Any] = {
    "trial_access": "True",
    "past_due_policy": "grace_days",
    "past_due_grace_days": "14",
    "paused_collection_access": "keep",
    "require_first_payment": "False",
    "immediate_cancel": "end_now",
    "sub_full_refund": "ignore",
    "order_full_refund": "revoke",
    "order_partial_refund_percent": "",
    "dispute_policy": "revoke_on_lost",
    "restore_on_won": "True",
}
AS_THE_SITE = dict.fromkeys(USUAL, "")
Rows = list[tuple[str, str, str]]


def rules_of(product: Product) -> str:
    return f"{SITE}{product.pk}/"


@pytest.fixture
def late(shop: Shop) -> Shop:
    """Ada pays, Ben's card fails at the renewal, Cleo has bought the course and got her money back."""
    shop.buy(shop.monthly, email="ada@example.org")
    shop.buy(shop.monthly, email="ben@example.org")
    cleo = shop.buy(shop.once, email="cleo@example.org")
    shop.deliver()
    ben = Subscription.objects.get(user__email="ben@example.org")
    shop.sandbox.post(f"/sandbox/customers/{ben.customer_id}/card", {"card": "4000000000000341"})
    shop.sandbox.api.refunds.create({"payment_intent": cleo["payment_intent"]})
    shop.advance("32d")
    assert opened() == {("ada@example.org", "Studio Membership"), ("ben@example.org", "Studio Membership")}
    return shop


def test_while_stripe_is_disconnected_nobody_is_named_and_that_is_said(late: Shop, browser: Client) -> None:
    disconnect(Connection.objects.get(), actor=None, now=late.now())
    given = USUAL | {"past_due_policy": "none"}
    page = browser.post(SITE, given).content.decode()
    assert "Stripe is disconnected, so nobody can be named here." in page
    assert "would lose access now" not in page
    found = re.search(r'name="fingerprint" value="([^"]+)"', page)
    assert found
    saved = browser.post(SITE, given | {"fingerprint": found[1]}, follow=True).content.decode()
    assert "whom it concerns is decided when it is connected again" in saved


def opened() -> set[tuple[str, str]]:
    return set(Grant.objects.filter(state__in=Grant.OPEN).values_list("user__email", "product__name"))


def endings() -> set[tuple[str, str]]:
    """Whom a letter tells of which end."""
    letters = Delivery.objects.filter(notice="access_ended")
    return set(letters.values_list("user__email", "product__name"))


def rows_of(page: str) -> Rows:
    """Who, which product and what becomes of it, as the preview shows them."""
    body = re.search(r"<tbody>(.*?)</tbody>", page, re.S)
    found = re.findall(r"<tr>(.*?)</tr>", body[1], re.S) if body else []
    return [
        (
            unescape(re.findall(r"[\w.]+@[\w.]+", row)[0]),
            unescape(re.findall(r'data-label="Product">([^<]+)</td>', row)[0]),
            "gains" if "Gains access" in row else "loses",
        )
        for row in found
    ]


def sent_back(page: str) -> dict[str, str]:
    return {name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}


def moved(before: set[tuple[str, str]], after: set[tuple[str, str]]) -> Rows:
    return [
        *((*pair, "loses") for pair in sorted(before - after)),
        *((*pair, "gains") for pair in sorted(after - before)),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"past_due_policy": "none"}, [("ben@example.org", "Studio Membership", "loses")]),
        ({"past_due_grace_days": "0"}, [("ben@example.org", "Studio Membership", "loses")]),
        ({"order_full_refund": "ignore"}, [("cleo@example.org", "The Wheel", "gains")]),
        (
            {"past_due_policy": "none", "order_full_refund": "ignore"},
            [("ben@example.org", "Studio Membership", "loses"), ("cleo@example.org", "The Wheel", "gains")],
        ),
        ({"trial_access": "False"}, []),
    ],
)
def test_what_is_previewed_is_what_comes_row_for_row(
    late: Shop, desk: Client, owner: User, change: dict[str, str], expected: Rows
) -> None:
    before = opened()
    preview = desk.post(SITE, USUAL | change)
    page = preview.content.decode()
    assert rows_of(page) == expected
    assert opened() == before and not AccessPolicy.objects.exists()

    answer = desk.post(SITE, sent_back(page), follow=True)
    assert answer.redirect_chain == [(SITE, 303)]
    drain()
    assert moved(before, opened()) == expected
    row = AccessPolicy.objects.get()
    assert (row.product, row.version, row.changed_by) == (None, 1, owner)
    assert "changed the access rules" in Activity.objects.get(key=f"policy:{row.pk}:1").details["reason"]


def test_the_rules_can_be_turned_back_and_so_does_access(late: Shop, desk: Client) -> None:
    before = opened()
    for change in ({"past_due_policy": "none"}, {}):
        desk.post(SITE, sent_back(desk.post(SITE, USUAL | change).content.decode()))
        drain()
    assert opened() == before
    assert (AccessPolicy.objects.get().version, AccessPolicy.objects.get().knobs) == (2, {})


def test_who_pays_meanwhile_is_not_shut_out_by_an_old_preview(late: Shop, desk: Client) -> None:
    page = desk.post(SITE, USUAL | {"past_due_policy": "none"}).content.decode()
    ben = Subscription.objects.get(user__email="ben@example.org")
    card = {"card": "4242424242424242", "retry": True}
    late.sandbox.post(f"/sandbox/customers/{ben.customer_id}/card", card)
    late.deliver()
    answer = desk.post(SITE, sent_back(page))
    assert answer.status_code == 409
    assert "Things have changed since you looked" in answer.content.decode()
    assert rows_of(answer.content.decode()) == []
    assert not AccessPolicy.objects.exists()


def test_a_product_differs_and_follows_the_site_in_the_rest(late: Shop, desk: Client) -> None:
    page = desk.post(rules_of(late.club), AS_THE_SITE | {"past_due_policy": "none"}).content.decode()
    assert rows_of(page) == [("ben@example.org", "Studio Membership", "loses")]
    desk.post(rules_of(late.club), sent_back(page))
    drain()
    assert AccessPolicy.objects.get().knobs == {"past_due_policy": "none"}
    assert ("ben@example.org", "Studio Membership") not in opened()
    assert "When a renewal is not paid: Close at once" in unescape(desk.get(SITE).content.decode())

    desk.post(SITE, sent_back(desk.post(SITE, USUAL | {"order_full_refund": "ignore"}).content.decode()))
    assert load().of(late.club.pk).order_full_refund == "ignore"
    assert load().of(late.club.pk).past_due_policy == "none"

    page = desk.post(rules_of(late.club), AS_THE_SITE).content.decode()
    assert "When a renewal is not paid: Close at once → as the site" in unescape(page)
    assert rows_of(page) == [("ben@example.org", "Studio Membership", "gains")]


def test_a_product_never_closes_for_partial_refunds_where_the_site_does(shop: Shop, desk: Client) -> None:
    AccessPolicy.objects.create(knobs={"order_partial_refund_percent": 50})
    path = rules_of(shop.club)
    desk.post(path, sent_back(desk.post(path, AS_THE_SITE | {"order_partial_refund_percent": "0"}).content.decode()))
    assert load().of(shop.club.pk).order_partial_refund_percent is None
    assert load().of(shop.course.pk).order_partial_refund_percent == 50
    assert 'value="0"' in desk.get(path).content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"past_due_grace_days": "61"}, "less than or equal to 60"),
        ({"past_due_grace_days": ""}, "required"),
        ({"order_partial_refund_percent": "101"}, "less than or equal to 100"),
        ({"dispute_policy": "sometimes"}, "not one of the available choices"),
    ],
)
def test_what_no_rule_can_be_is_refused(db: None, desk: Client, change: dict[str, str], words: str) -> None:
    answer = desk.post(SITE, USUAL | change)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_a_preset_is_filled_in_and_not_saved(db: None, desk: Client) -> None:
    page = desk.get(SITE, {"preset": "strict"}).content.decode()
    assert re.search(r'value="none"[^>]*checked', page) and "not saved yet" in page
    assert not AccessPolicy.objects.exists()


def test_saving_nothing_new_is_not_offered(db: None, desk: Client) -> None:
    page = desk.post(SITE, USUAL).content.decode()
    assert "these are the rules in force" in page and "fingerprint" not in page


@pytest.mark.parametrize("whose", ["the site's", "a product's"])
def test_only_the_owner_sets_rules(shop: Shop, client: Client, dan: User, whose: str) -> None:
    path = SITE if whose == "the site's" else rules_of(shop.club)
    assert client.post(path, USUAL)["Location"].startswith("/accounts/login/")
    for person in (
        dan,
        cast.UserFactory(role=User.Role.SUPPORT),
        cast.UserFactory(role=User.Role.ADMIN),
    ):
        client.force_login(person)
        assert client.get(path).status_code == 403
        assert client.post(path, USUAL).status_code == 403


KNOB_BY_KNOB: list[dict[str, str]] = [
    {"trial_access": "False"},
    {"past_due_policy": "none"},
    {"past_due_policy": "until_stripe_gives_up"},
    {"past_due_grace_days": "3"},
    {"paused_collection_access": "suspend"},
    {"require_first_payment": "True"},
    {"immediate_cancel": "end_of_paid_period"},
    {"sub_full_refund": "revoke"},
    {"order_full_refund": "ignore"},
    {"order_partial_refund_percent": "25"},
    {"dispute_policy": "suspend_on_open"},
    {"dispute_policy": "ignore"},
    {"restore_on_won": "False"},
]


def test_every_knob_is_turned_here() -> None:
    assert {name for change in KNOB_BY_KNOB for name in change} == set(DEFAULTS) == set(USUAL)


@pytest.fixture
def everything(shop: Shop) -> Shop:
    """One person in every state that a knob speaks of, each of another address."""
    api = shop.sandbox.api
    people = {name: Member(shop, f"{name}@example.org") for name in ("trial", "late", "paused", "ended", "refunded")}
    people["trial"].subscribe(shop.monthly.price_id, trial_period_days=60)
    paused = people["paused"].subscribe(shop.monthly.price_id)
    ended = people["ended"].subscribe(shop.yearly.price_id)
    refunded = people["refunded"].subscribe(shop.yearly.price_id)
    shop.buy(shop.monthly, email="late@example.org")
    bought = {
        name: shop.buy(shop.once, email=f"{name}@example.org") for name in ("back", "part", "open", "lost", "won")
    }
    shop.deliver()
    late = Subscription.objects.get(user__email="late@example.org")
    shop.sandbox.post(f"/sandbox/customers/{late.customer_id}/card", {"card": "4000000000000341"})
    shop.advance("35d")
    api.subscriptions.update(paused["id"], {"pause_collection": {"behavior": "void"}})
    api.subscriptions.cancel(ended["id"])
    api.refunds.create({"payment_intent": bought["back"]["payment_intent"]})
    api.refunds.create({"payment_intent": bought["part"]["payment_intent"], "amount": 9000})
    invoice = api.subscriptions.retrieve(refunded["id"]).latest_invoice
    paid = api.invoice_payments.list({"invoice": str(invoice)}).data[0].payment.payment_intent
    api.refunds.create({"payment_intent": str(paid)})
    for name, status in (("open", "needs_response"), ("lost", "lost"), ("won", "won")):
        charge = api.payment_intents.retrieve(bought[name]["payment_intent"]).latest_charge
        shop.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
        if status != "needs_response":
            disputed = api.disputes.list({"charge": str(charge)}).data[0].id
            shop.sandbox.set_fields(disputed, status=status)
    shop.deliver()
    return shop


@pytest.mark.parametrize("change", KNOB_BY_KNOB, ids=lambda change: "-".join(f"{k}={v}" for k, v in change.items()))
def test_of_every_knob_the_preview_is_the_result(everything: Shop, desk: Client, change: dict[str, str]) -> None:
    """Row for row, through the pages."""
    before, now = opened(), everything.now()
    form = PolicyForm(USUAL | change, knobs={})
    assert form.is_valid()
    asked = Change(None, form.knobs())
    shown = policy_change.preview(asked, connection=everything.connection, now=now)
    page = desk.post(SITE, USUAL | change).content.decode()
    rows = rows_of(page)
    assert len(rows) == len(shown.effects)
    assert ("Nobody is written to." in page) is bool(shown.losing and not shown.letters)
    written = endings()
    desk.post(SITE, sent_back(page))
    drain()
    assert sorted(moved(before, opened())) == sorted(rows)
    assert endings() - written == {(e.email, e.product) for e in shown.effects if e.is_told}
    for effect in shown.effects:
        lines = Ledger.objects.filter(grant__user__email=effect.email, grant__product__name=effect.product)
        assert lines.latest("pk").reason == effect.reason


def test_whoever_nobody_knows_yet_is_named_when_they_gain(shop: Shop, desk: Client) -> None:
    """A trial that opens nothing makes nobody: who is let in by the change is found by doing it."""
    AccessPolicy.objects.create(knobs={"trial_access": False})
    customer = shop.sandbox.api.customers.create({"email": "nora@example.org"})
    trial: Any = {"customer": customer.id, "items": [{"price": shop.monthly.price_id}], "trial_period_days": 60}
    shop.sandbox.api.subscriptions.create(trial)
    shop.deliver()
    assert not User.objects.filter(email="nora@example.org").exists()
    page = desk.post(SITE, USUAL).content.decode()
    assert rows_of(page) == [("nora@example.org", "Studio Membership", "gains")]
    assert not User.objects.filter(email="nora@example.org").exists()
    desk.post(SITE, sent_back(page))
    drain()
    assert ("nora@example.org", "Studio Membership") in opened()


def test_a_purchase_that_counts_from_another_moves_with_it(shop: Shop, desk: Client) -> None:
    """Ten days, given back, and ten more bought two days later: if a refund closes nothing, they add up."""
    shop.course.access_days = 10
    shop.course.save()
    first = shop.buy(shop.once, email="olga@example.org")
    shop.deliver()
    shop.sandbox.api.refunds.create({"payment_intent": first["payment_intent"]})
    shop.advance("2d")
    shop.buy(shop.once, email="olga@example.org")
    shop.deliver()
    shop.advance("14d")
    assert ("olga@example.org", "The Wheel") not in opened()
    page = desk.post(SITE, USUAL | {"order_full_refund": "ignore"}).content.decode()
    assert rows_of(page) == [("olga@example.org", "The Wheel", "gains")]


def test_a_trial_that_is_shut_out_is_told_that_it_opens_by_itself(shop: Shop, desk: Client, member: Member) -> None:
    member.subscribe(shop.monthly.price_id, trial_period_days=60)
    shop.deliver()
    page = desk.post(SITE, USUAL | {"trial_access": "False"}).content.decode()
    assert "1 e-mail that says so is sent to whoever loses access." in page
    desk.post(SITE, sent_back(page))
    drain()
    letter = member.letter("access_ended")
    assert "Your free trial does not include it any more." in letter
    assert "it opens by itself when the trial is over" in letter and "ome back" not in letter


def clone(row: Subscription, *, of: User, stripe_id: str) -> Subscription:
    """The same for somebody else."""
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    values |= {"id": None, "user_id": of.pk, "stripe_id": stripe_id, "customer_id": f"cus_{of.email}"}
    return Subscription(**values)


def test_many_are_shown_a_page_at_a_time(late: Shop, desk: Client) -> None:
    """Of 320 whose card fails 200 stand on the first page; no page but the button that says so saves anything."""
    ben = Subscription.objects.get(user__email="ben@example.org")
    people = User.objects.bulk_create(User(email=f"late{number:03}@example.org") for number in range(319))
    ref = "sub_{}".format
    Subscription.objects.bulk_create(clone(ben, of=person, stripe_id=ref(person.email)) for person in people)
    grant = Grant.objects.get(source_ref=ben.stripe_id)
    fields = {"product": grant.product, "source": grant.source, "state": grant.state, "reason": grant.reason}
    fields |= {"starts_at": grant.starts_at, "until": grant.until, "ends_at": grant.ends_at}
    Grant.objects.bulk_create(Grant(user=person, source_ref=ref(person.email), **fields) for person in people)
    given = USUAL | {"past_due_policy": "none"}
    first, second = (desk.post(SITE, given | {"page": str(number)}).content.decode() for number in (1, 2))
    assert "Page 1 of 2" in first and "Page 2 of 2" in second and "close it for 320" in second
    listed = [row[0] for row in rows_of(first) + rows_of(second)]
    assert (len(rows_of(first)), len(listed), len(set(listed))) == (200, 320, 320)
    assert not AccessPolicy.objects.exists()
    assert desk.post(SITE, sent_back(second)).status_code == 303
    assert AccessPolicy.objects.get().knobs == {"past_due_policy": "none"}


def test_who_may_have_paid_before_anything_was_heard_is_named_with_that_doubt(shop: Shop, browser: Client) -> None:
    """Ada's first invoice was paid while nothing arrived here, Ben's never was: a first payment is asked for now."""
    given = USUAL | {"require_first_payment": "True"}
    doubt = "an earlier payment may be unknown here"
    ada, ben = Member(shop), Member(shop, "ben@example.org")
    by_invoice: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 30}
    paid = ada.subscribe(shop.monthly.price_id, **by_invoice)
    shop.sandbox.advance("2h")
    shop.sandbox.api.invoices.pay(paid["latest_invoice"], {"paid_out_of_band": True})
    shop.sandbox.advance("31d")
    ben.subscribe(shop.monthly.price_id, **by_invoice)
    shop.sandbox.advance("2h")
    shop.sandbox.take_pending()
    for subscription in shop.sandbox.api.subscriptions.list({}).data:
        shop.sandbox.api.subscriptions.update(subscription.id, {"metadata": {"heard": "of"}})
    shop.deliver()
    assert opened() == {(member.email, "Studio Membership") for member in (ada, ben)}
    page = browser.post(SITE, given).content.decode()
    rows = re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2], re.S)
    assert {member.email: doubt in row for row in rows for member in (ada, ben) if member.email in row} == {
        ada.email: True,
        ben.email: False,
    }
    found = re.search(r'name="fingerprint" value="([^"]+)"', page)
    assert found
    browser.post(SITE, given | {"fingerprint": found[1]})
    drain()
    assert opened() == {(ada.email, "Studio Membership")}
