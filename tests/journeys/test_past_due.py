"""A payment that fails: the days of grace, their end, and the way back."""

from datetime import timedelta

import pytest

from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import StripeCustomer, Subscription
from billing.sweeping.reconcile import differences
from hub.access import explain
from tests.members import Member
from tests.shops import Json, Shop

FAILING = "4000000000000341"
ASKED_BY_THE_BANK = "4000002760003184"
TOLD = ("product_purchased", "payment_failed", "payment_recovered", "access_granted", "access_removed")


def fall_behind(member: Member, shop: Shop, *, then: str, card: str = FAILING) -> Json:
    """Subscribes, and the first renewal fails. `then`: what Stripe makes of it when every retry has failed."""
    shop.sandbox.post("/sandbox/settings", {"after_retries": then})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change_card(card)
    shop.advance("32d")
    shop.advance("2h")  # the draft invoice is finalised after an hour, and then collected
    return subscription


def start_of_grace(member: Member, subscription: Json) -> float:
    since = member.row(subscription).past_due_since
    assert since is not None
    return since.timestamp()


def go_to(shop: Shop, moment: float) -> None:
    seconds = int(moment - shop.now().timestamp())
    assert seconds > 0
    shop.advance(f"{seconds}s")


DAY = 86_400


def test_case_08_past_due_has_access_on_day_13_and_none_on_day_15(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    since = start_of_grace(member, subscription)
    assert member.row(subscription).status == "past_due"
    assert member.states(shop.club) == ["grace"]

    go_to(shop, since + 13 * DAY)
    assert member.has(shop.club)
    page = member.account_page()
    assert "Your payment of €24.00 for Studio Membership failed" in page
    assert "You keep access until" in page
    assert member.mails() == ["access", "payment_failed"]

    shop.sandbox.advance("2d")
    assert shop.deliver() == []  # no Stripe event: our own clock does it
    shop.advance("0s")
    assert not member.has(shop.club)
    assert member.verbs("access_removed") == ["access_removed"]
    assert member.mails() == ["access", "payment_failed", "access_ended"]

    go_to(shop, since + 20 * DAY)
    member.change_card("4242424242424242")
    shop.deliver()
    assert member.has(shop.club)
    assert member.row(subscription).status == "active"
    assert "Your payment of" not in member.account_page()
    assert member.verbs("product_purchased", "payment_recovered") == ["product_purchased", "payment_recovered"]
    assert member.mails() == ["access", "payment_failed", "access_ended"]  # a card that works again is nothing new
    reasons = [reason for *_, reason in member.steps(shop.club)]
    assert reasons == ["active", "past_due_grace", "past_due_expired", "active"]


def test_the_gate_closes_at_the_end_of_grace_even_if_nothing_sweeps(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    go_to(shop, start_of_grace(member, subscription) + 13 * DAY)
    shop.sandbox.advance("2d")
    assert not member.has(shop.club)


def test_each_failed_try_is_told_and_one_mail_goes_out_for_the_invoice(shop: Shop, member: Member) -> None:
    fall_behind(member, shop, then="past_due")
    for _ in range(4):
        shop.advance("2d")
    assert len(member.verbs("payment_failed")) == 4
    assert member.mails() == ["access", "payment_failed"]


def test_a_payment_that_the_bank_asks_about_is_led_to_where_it_is_confirmed(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due", card=ASKED_BY_THE_BANK)
    invoice = member.row(subscription).data["latest_invoice"]["hosted_invoice_url"]
    account, library = member.account_page(), member.browser().get("/").content.decode()
    for page in (account, library):
        assert page.index(f'href="{invoice}">Pay or confirm') < page.index("Update card")
        assert "If your bank wants you to confirm the payment" in page
    assert "Newest invoice" not in account, "once is enough"
    assert member.mails() == ["access", "payment_failed"], "one letter, of the two events of one attempt"
    letter = member.letter("payment_failed")
    assert "if your bank wants you to confirm the payment" in letter and "Pay or confirm:" in letter

    go_to(shop, start_of_grace(member, subscription) + 15 * DAY)
    assert f'href="{invoice}">Pay or confirm' in _door(member, shop)
    StripeCustomer.objects.update(bound_by=StripeCustomer.Binding.REFERENCE, email="payer@example.org")
    assert invoice not in member.account_page() + _door(member, shop), "somebody else's invoice"


def test_case_09_unpaid_and_active_again_is_no_second_purchase(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="unpaid")
    for _ in range(4):
        shop.advance("2d")
    assert member.row(subscription).status == "unpaid"
    assert not member.has(shop.club)
    assert member.mails() == ["access", "payment_failed", "access_ended"]

    member.change_card("4242424242424242")
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert member.has(shop.club)
    assert member.verbs("product_purchased") == ["product_purchased"]
    assert member.verbs("subscription_started") == ["subscription_started"]
    reasons = [reason for *_, reason in member.steps(shop.club)]
    assert reasons == ["active", "past_due_grace", "unpaid", "active"]
    assert member.mails() == ["access", "payment_failed", "access_ended"]


def test_a_retry_that_works_within_grace_changes_nothing_at_the_gate(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="cancel")
    member.change_card("4242424242424242")
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert member.verbs("access_granted", "access_removed") == ["access_granted"]
    assert member.verbs("payment_failed", "payment_recovered") == ["payment_failed", "payment_recovered"]


def test_stripe_giving_up_ends_access(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="cancel")
    for _ in range(4):
        shop.advance("2d")
    assert member.row(subscription).status == "canceled"
    assert not member.has(shop.club)
    assert member.states(shop.club) == ["ended"]
    assert member.why(shop.club) == "canceled_unpaid"
    assert len(member.verbs("payment_failed")) == 4  # the last one too, with which it ended
    assert member.mails() == ["access", "payment_failed", "access_ended"]
    assert "Your payments failed" in member.letter("access_ended")


@pytest.mark.parametrize("knobs", [{"past_due_policy": "none"}])
def test_a_strict_owner_gives_no_grace(shop: Shop, member: Member, knobs: Json) -> None:
    from billing.models import AccessPolicy

    AccessPolicy.objects.create(product=shop.club, knobs=knobs)
    fall_behind(member, shop, then="past_due")
    assert not member.has(shop.club)
    assert member.mails() == ["access", "access_ended"]
    assert "Your last payment failed." in member.letter("access_ended")


def test_case_25_an_invoice_sent_by_mail_is_active_while_open_and_past_due_afterwards(
    shop: Shop, member: Member
) -> None:
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=7)
    shop.deliver()
    assert member.states(shop.club) == ["active"]
    shop.advance("5d")
    assert member.states(shop.club) == ["active"]
    shop.advance("4d")
    assert member.row(subscription).status == "past_due"
    assert member.steps(shop.club) == [("", "active", "active_invoiced"), ("active", "grace", "invoice_late_grace")]
    assert member.has(shop.club)
    page = member.account_page()
    assert "Your invoice of €24.00 for Studio Membership was to be paid by" in page
    assert f'href="{member.row(subscription).data["latest_invoice"]["hosted_invoice_url"]}"' in page
    assert "failed" not in page
    assert "Update card" not in page
    invoice = member.row(subscription).data["latest_invoice"]["hosted_invoice_url"]
    for path in ("/", shop.club.get_absolute_url()):
        page = member.browser().get(path).content.decode()
        assert "Your invoice for Studio Membership is due." in page and "You keep access until" in page
        assert f'href="{invoice}"' in page
        assert "failed" not in page and "Update card" not in page
    shop.sandbox.api.invoices.pay(member.row(subscription).data["latest_invoice"]["id"], {"paid_out_of_band": True})
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert member.steps(shop.club)[-1][:2] == ("grace", "active")
    assert member.verbs("product_purchased", "access_granted", "access_removed") == [
        "product_purchased",
        "access_granted",
    ]


def test_an_invoice_that_stays_unpaid_is_what_the_closed_door_asks_for(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=7)
    shop.deliver()
    shop.advance("8d")
    go_to(shop, start_of_grace(member, subscription) + 15 * DAY)
    assert member.why(shop.club) == "invoice_late_expired"
    invoice = member.row(subscription).data["latest_invoice"]["hosted_invoice_url"]
    door = member.browser().get(shop.club.get_absolute_url()).content.decode()
    assert "Your last invoice was not paid, and your access ended on" in door
    assert f'href="{invoice}">Pay invoice' in door
    library = member.browser().get("/").content.decode()
    assert "Your invoice for Studio Membership is due." in library and "Pay your invoice to come back" in library
    assert f'href="{invoice}"' in library
    assert "failed" not in door + library and "Update" not in door + library
    StripeCustomer.objects.update(bound_by=StripeCustomer.Binding.REFERENCE, email="payer@example.org")
    door, library = (member.browser().get(path).content.decode() for path in (shop.club.get_absolute_url(), "/"))
    assert "Your last invoice was not paid" in door and "Your invoice for Studio Membership is due." in library
    assert invoice not in door + library, "somebody else's invoice, with their name and address"
    assert "Update card" not in door + library


@pytest.mark.parametrize("act", ["void_invoice", "mark_uncollectible"])
def test_case_26_a_closed_invoice_changes_access_only_through_the_status(shop: Shop, member: Member, act: str) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    invoice = member.row(subscription).data["latest_invoice"]["id"]
    getattr(shop.sandbox.api.invoices, act)(invoice)
    shop.deliver()
    status = shop.sandbox.api.subscriptions.retrieve(subscription["id"]).status
    assert (status, member.row(subscription).status) == ("active", "active")
    assert member.steps(shop.club) == [
        ("", "active", "active"),
        ("active", "grace", "past_due_grace"),
        ("grace", "active", "active_written_off"),
    ]
    assert member.verbs(*TOLD) == ["product_purchased", "access_granted", "payment_failed"]
    assert member.mails() == ["access", "payment_failed"]


@pytest.mark.parametrize("act", ["void_invoice", "mark_uncollectible"])
def test_case_26_closing_another_invoice_than_the_newest_changes_nothing(shop: Shop, member: Member, act: str) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    api = shop.sandbox.api
    extra = api.invoices.create({"customer": subscription["customer"], "auto_advance": False})
    item = {"customer": subscription["customer"], "invoice": extra.id, "amount": 500, "currency": "eur"}
    api.invoice_items.create(item)  # type: ignore[arg-type]
    api.invoices.finalize_invoice(str(extra.id))
    getattr(api.invoices, act)(str(extra.id))
    shop.deliver()
    assert member.row(subscription).status == "past_due"
    assert member.states(shop.club) == ["grace"]
    assert member.verbs("access_removed") == []


def test_asking_to_end_while_behind_ends_when_stripe_says(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    member.cancel(subscription)
    assert member.states(shop.club) == ["grace"]
    assert member.verbs("subscription_cancelled") == ["subscription_cancelled"]
    member.change_card("4242424242424242")
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert [reason for *_, reason in member.steps(shop.club)][-1] == "ending"
    shop.advance("33d")
    assert not member.has(shop.club)
    assert member.why(shop.club) == "canceled"


def test_a_second_subscription_carries_the_member_over_a_failed_first(shop: Shop, member: Member) -> None:
    fall_behind(member, shop, then="unpaid")
    member.subscribe(shop.yearly.price_id)
    shop.deliver()
    for _ in range(4):
        shop.advance("2d")
    assert member.states(shop.club) == ["ended", "active"]
    assert member.has(shop.club)
    assert "access_ended" not in member.mails()
    assert member.verbs("access_removed") == []


def test_grace_that_nobody_saw_ended_on_its_own_day(shop: Shop, member: Member) -> None:
    """The site was away for longer than the whole of it: from active at once to over."""
    shop.sandbox.post("/sandbox/settings", {"after_retries": "past_due"})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change_card(FAILING)
    shop.advance("52d", deliver=False)
    shop.deliver()
    since = start_of_grace(member, subscription)
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "past_due_expired"]
    found = explain(member.user, shop.club, at=shop.now(), now=shop.now())
    assert found.until is not None and found.until.timestamp() == since + 14 * DAY
    assert {line.sentence for line in found.ledger[1:]} == {found.sentence}
    assert f"{found.until:%-d %B}" in _door(member, shop)


def test_the_door_follows_a_subscription_that_is_cancelled_when_grace_is_long_over(shop: Shop, member: Member) -> None:
    """A new card cannot bring back what Stripe has ended: only then can it be bought again."""
    subscription = fall_behind(member, shop, then="past_due")
    go_to(shop, start_of_grace(member, subscription) + 15 * DAY)
    assert member.why(shop.club) == "past_due_expired"
    assert "Update card" in _door(member, shop)
    told = member.verbs("access_removed")

    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert member.why(shop.club) == "canceled"
    assert member.steps(shop.club)[-2:] == [
        ("grace", "ended", "past_due_expired"),
        ("ended", "ended", "canceled"),
    ]
    door = _door(member, shop)
    assert "Update card" not in door and 'name="offer"' in door
    assert member.verbs("access_removed") == told == ["access_removed"]
    assert member.mails() == ["access", "payment_failed", "access_ended"]
    shop.advance("1d")
    assert len(member.steps(shop.club)) == 4, "and it is written once"


def _door(member: Member, shop: Shop) -> str:
    return member.browser().get(shop.club.get_absolute_url()).content.decode()


def test_an_invoice_from_before_the_last_payment_begins_no_grace(shop: Shop, member: Member) -> None:
    """One month was never paid, the next one was; when a third fails, its own days of grace begin."""
    subscription = fall_behind(member, shop, then="past_due")
    shop.advance("31d")
    api = shop.sandbox.api
    newest, unpaid, _first = api.invoices.list({"subscription": subscription["id"]}).data
    card = api.payment_methods.attach("pm_card_visa", {"customer": subscription["customer"]})
    api.invoices.pay(newest.id, {"payment_method": card.id})
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert api.invoices.retrieve(unpaid.id).status == "open"

    shop.advance("30d")
    shop.advance("2h")
    row = member.row(subscription)
    assert row.status == "past_due"
    assert row.past_due_since is not None
    assert row.past_due_since > shop.now() - timedelta(days=5)
    assert member.has(shop.club)
    assert list(differences()) == []
    Subscription.objects.filter(pk=row.pk).update(last_paid_invoice="", last_paid_at=None)  # as an import finds it
    look_again(subscription["customer"])
    drain()
    assert member.row(subscription).past_due_since == row.past_due_since
    assert member.has(shop.club)
