"""What refunds, disputes and late money make of a subscription, as the owner's knobs say."""

import pytest

from billing.models import AccessPolicy, Attention
from hub import grants
from hub.models import User
from hub.reasons import say
from tests.members import Member, signed_in
from tests.shops import Json, Shop


def subscribed(member: Member, shop: Shop, **knobs: object) -> Json:
    AccessPolicy.objects.create(knobs=knobs)
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    return subscription


def newest_charge(shop: Shop) -> str:
    return str(shop.sandbox.api.charges.list({"limit": 1}).data[0].id)


def refund(shop: Shop, **params: object) -> str:
    made = shop.sandbox.api.refunds.create({"charge": newest_charge(shop), **params})
    shop.deliver()
    return str(made.id)


def test_a_refund_leaves_a_running_subscription_alone_by_default(shop: Shop, member: Member) -> None:
    subscribed(member, shop)
    refund(shop)
    assert member.has(shop.club)
    assert member.verbs("refunded") == ["refunded"]
    assert member.verbs("access_removed") == []


def test_where_the_owner_says_so_a_full_refund_ends_access_until_the_next_payment(shop: Shop, member: Member) -> None:
    subscribed(member, shop, sub_full_refund="revoke")
    refund(shop, amount=1000)
    assert member.has(shop.club)
    refund(shop)
    assert not member.has(shop.club)
    assert member.why(shop.club) == "refunded"
    assert member.verbs("refunded") == ["refunded", "refunded"]

    shop.advance("32d")
    assert member.has(shop.club)
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "refunded", "active"]


def test_a_refund_that_fails_gives_access_back(shop: Shop, member: Member) -> None:
    subscribed(member, shop, sub_full_refund="revoke")
    made = refund(shop)
    assert not member.has(shop.club)
    shop.sandbox.set_fields(made, status="failed")
    shop.deliver()
    assert member.has(shop.club)


def test_a_dispute_suspends_only_where_asked_and_a_lost_one_ends_access(shop: Shop, member: Member) -> None:
    subscribed(member, shop)
    dispute = shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "needs_response"})
    shop.deliver()
    assert member.has(shop.club)
    shop.sandbox.set_fields(dispute["id"], status="lost")
    shop.deliver()
    assert not member.has(shop.club)
    assert member.why(shop.club) == "disputed"
    shop.sandbox.set_fields(dispute["id"], status="won")
    shop.deliver()
    assert member.has(shop.club)
    assert member.verbs("disputed") == ["disputed"] * 3
    assert member.mails() == ["access", "access_ended"]


def test_a_win_restores_nothing_where_the_owner_says_so(shop: Shop, member: Member) -> None:
    subscribed(member, shop, restore_on_won=False)
    dispute = shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(dispute["id"], status="lost")
    shop.deliver()
    shop.sandbox.set_fields(dispute["id"], status="won")
    shop.deliver()
    assert not member.has(shop.club)


def test_an_inquiry_never_changes_access(shop: Shop, member: Member) -> None:
    subscribed(member, shop, dispute_policy="suspend_on_open")
    shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "warning_needs_response"})
    shop.deliver()
    assert member.has(shop.club)


@pytest.mark.parametrize(("knob", "stays"), [("end_now", False), ("end_of_paid_period", True)])
def test_an_immediate_cancellation_ends_now_or_with_what_was_paid(
    shop: Shop, member: Member, knob: str, stays: bool
) -> None:
    subscription = subscribed(member, shop, immediate_cancel=knob)
    shop.advance("3d")
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert member.row(subscription).status == "canceled"
    assert member.has(shop.club) is stays
    shop.advance("30d")
    assert not member.has(shop.club)
    assert member.states(shop.club) == ["ended"]


def test_access_may_wait_for_the_first_money(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(product=shop.club, knobs={"require_first_payment": True})
    shop.buy(shop.once, email=member.email)
    shop.deliver()
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=30)
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert not member.has(shop.club)
    assert member.why(shop.club) == "awaiting_first_invoice"

    shop.advance("2h")
    invoice = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    shop.sandbox.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    shop.deliver()
    assert member.has(shop.club)
    assert member.mails() == ["access", "access"]


def test_a_trial_is_no_first_money(shop: Shop, member: Member) -> None:
    """Stripe opens a trial with a paid invoice of nothing; a bank debit for the first month is still on its way."""
    AccessPolicy.objects.create(product=shop.club, knobs={"require_first_payment": True})
    subscription = member.subscribe(
        shop.monthly.price_id, trial_period_days=7, collection_method="send_invoice", days_until_due=30
    )
    shop.deliver()
    assert member.why(shop.club) == "trial" and member.has(shop.club)
    shop.advance("8d")
    assert member.row(subscription).status == "active"
    assert member.why(shop.club) == "awaiting_first_invoice" and not member.has(shop.club)
    invoice = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    shop.sandbox.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    shop.deliver()
    assert member.has(shop.club)


def test_who_paid_before_we_looked_is_not_shut_out_while_the_newest_invoice_is_open(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"require_first_payment": True})
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=30)
    shop.sandbox.advance("2h")
    invoice = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    shop.sandbox.api.invoices.pay(invoice.id, {"paid_out_of_band": True})
    shop.sandbox.advance("32d")
    shop.sandbox.take_pending()  # nothing of all this was heard
    shop.sandbox.api.subscriptions.update(subscription["id"], {"metadata": {"seat": "4"}})
    shop.deliver()
    newest = shop.sandbox.api.invoices.list({"subscription": subscription["id"], "limit": 1}).data[0]
    assert newest.status == "open" and member.row(subscription).status == "active"
    assert member.has(shop.club)


def test_a_product_may_have_knobs_of_its_own(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"trial_access": False})
    AccessPolicy.objects.create(product=shop.club, knobs={"trial_access": True})
    member.subscribe(shop.monthly.price_id, trial_period_days=7)
    shop.deliver()
    assert member.has(shop.club)


def test_a_trial_without_access_opens_when_it_is_over(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"trial_access": False})
    member.subscribe(shop.monthly.price_id, trial_period_days=7)
    shop.deliver()
    assert member.nobody
    shop.advance("8d")
    assert member.has(shop.club)
    assert member.mails() == ["access"]


def lose_a_dispute(shop: Shop) -> str:
    """Of the newest payment; returns the dispute's id."""
    made = shop.sandbox.post(f"/sandbox/charges/{newest_charge(shop)}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(made["id"], status="lost")
    shop.deliver()
    return str(made["id"])


def asked(member: Member) -> list[Attention]:
    """What waits for somebody to decide: who is charged for nothing."""
    waiting = Attention.objects.filter(kind=Attention.Kind.CHARGED, resolved_at__isnull=True)
    return list(waiting.filter(user=member.user))


def test_who_is_charged_on_after_a_lost_dispute_is_put_before_a_person_and_told(
    shop: Shop, member: Member, owner: User
) -> None:
    subscription = subscribed(member, shop)
    assert asked(member) == []
    dispute = lose_a_dispute(shop)
    shop.advance("32d")
    assert not member.has(shop.club)
    [question] = asked(member)
    assert (question.subject, question.details["charges"]) == (subscription["id"], "€24.00 a month")

    staff, ada = signed_in(owner), signed_in(member.user)
    page = staff.get("/console/decide/").content.decode()
    assert "Stripe goes on charging this person though access is over." in page
    assert f'href="{shop.sandbox.url}/sandbox/subscriptions/{subscription["id"]}"' in page
    assert "Charged without access" in staff.get("/console/").content.decode()
    person = staff.get(f"/console/people/{member.user.pk}/").content.decode()
    assert "Stripe goes on charging for it all the same." in person
    assert "Your access to it is closed, and its payments go on until you cancel it." in member.account_page()
    assert "Its payments go on all the same." in ada.get(shop.club.get_absolute_url()).content.decode()

    shop.sandbox.set_fields(dispute, status="won")
    shop.deliver()
    assert member.has(shop.club)
    assert asked(member) == []
    assert "its payments go on" not in member.account_page()


def test_it_is_no_question_any_more_when_the_subscription_is_to_end(shop: Shop, member: Member) -> None:
    subscription = subscribed(member, shop)
    lose_a_dispute(shop)
    assert len(asked(member)) == 1
    member.change(subscription, cancel_at_period_end=True)
    assert asked(member) == []
    assert "its payments go on" not in member.account_page()
    member.change(subscription, cancel_at_period_end=False)
    assert len(asked(member)) == 1
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert asked(member) == []


def test_whatever_rule_closes_what_is_charged_on_is_asked_about(shop: Shop, member: Member) -> None:
    subscribed(member, shop, sub_full_refund="revoke")
    refund(shop)
    assert [question.details["why"] for question in asked(member)] == [say("refunded")]
    shop.advance("32d")
    assert asked(member) == []


def test_who_was_let_in_by_hand_is_not_charged_for_nothing(shop: Shop, member: Member, owner: User) -> None:
    subscribed(member, shop)
    grants.give(member.user, shop.club, actor=owner, reason="made up", now=shop.now())
    lose_a_dispute(shop)
    assert member.has(shop.club)
    assert asked(member) == []


def test_who_is_let_in_by_hand_is_asked_about_no_more_until_that_is_taken_back(
    shop: Shop, member: Member, owner: User
) -> None:
    subscribed(member, shop)
    lose_a_dispute(shop)
    assert len(asked(member)) == 1
    elsewhere = grants.give(member.user, shop.course, actor=owner, reason="sorry", now=shop.now())
    assert len(asked(member)) == 1
    given = grants.give(member.user, shop.club, actor=owner, reason="made up", now=shop.now())
    assert asked(member) == []
    for grant in (elsewhere, given):
        grants.revoke(grant, actor=owner, reason="not made up", now=shop.now())
    shop.advance("32d")  # charged again, for nothing
    assert len(asked(member)) == 1
    grants.restore(given, actor=owner, reason="made up after all", now=shop.now())
    assert asked(member) == []


def test_a_debit_that_is_awaited_and_a_late_card_are_other_questions(shop: Shop, member: Member) -> None:
    subscription = subscribed(member, shop, past_due_policy="none")
    shop.sandbox.post(f"/sandbox/customers/{subscription['customer']}/card", {"card": "4000000000000341"})
    shop.advance("32d")
    assert not member.has(shop.club)
    assert asked(member) == []
