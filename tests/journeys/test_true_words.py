"""What staff and members are told is so: dates that lie ahead, what nobody knows yet, what was given back."""

from datetime import timedelta

import pytest

from activities import clock
from activities.days import last_moment
from billing.models import AccessPolicy
from billing.sweeping.reconcile import differences
from hub import grants
from hub.access import explain
from hub.models import Product, User
from hub.reasons import say_day
from tests.members import Member
from tests.shops import Shop


def told(member: Member, product: Product) -> tuple[str, str]:
    """The staff's sentence, and what the closed door (or the open page) says to the member."""
    sentence = explain(member.user, product, at=clock.now(), now=clock.now()).sentence
    page = " ".join(member.browser().get(f"/products/{product.slug}/").content.decode().split())
    return sentence, page


def test_a_pause_has_the_day_on_which_it_is_over(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"paused_collection_access": "suspend"})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    for days in (10, 20):
        resumes = clock.now() + timedelta(days=days)
        member.change(subscription, pause_collection={"behavior": "void", "resumes_at": int(resumes.timestamp())})
        sentence, page = told(member, shop.club)
        assert sentence == f"Payments are paused until {say_day(resumes)}."
        assert f"The payments of your subscription are paused until {say_day(resumes)}" in page
    assert list(differences()) == []


def test_a_cancelled_trial_that_opened_nothing_is_not_waited_for(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, trial_period_days=10)
    shop.deliver()
    AccessPolicy.objects.create(knobs={"trial_access": False})
    member.change(subscription, description="looked at by the new rule")
    assert "opens when the trial ends" in told(member, shop.club)[0]
    member.change(subscription, cancel_at_period_end=True)
    sentence, page = told(member, shop.club)
    assert "It was cancelled, and ends on" in sentence
    assert "you have cancelled it for" in page
    assert list(differences()) == []
    member.change(subscription, cancel_at_period_end=False)
    assert "opens when the trial ends" in told(member, shop.club)[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pause_collection": {"behavior": "keep_as_draft"}}, "its payments are paused"),
        ({"description": "nothing else"}, "is paid and renews on"),
    ],
)
def test_only_what_is_paid_is_called_paid(shop: Shop, member: Member, change: dict[str, object], said: str) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change(subscription, **change)
    assert said in told(member, shop.club)[0]


def test_an_invoice_that_was_written_off_is_not_called_paid(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, collection_method="send_invoice", days_until_due=30)
    shop.deliver()
    (invoice,) = shop.sandbox.api.invoices.list({"subscription": subscription["id"]}).data
    if invoice.status == "draft":
        invoice = shop.sandbox.api.invoices.finalize_invoice(invoice.id)
    shop.sandbox.api.invoices.void_invoice(invoice.id)
    shop.deliver()
    assert "its newest invoice was written off" in told(member, shop.club)[0]


def test_an_upgrade_that_waits_for_its_card_leaves_the_month_paid(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.switch_once_paid(subscription, price=shop.yearly.price_id)
    assert "is paid and renews on" in told(member, shop.club)[0]


def test_a_gift_that_is_over_was_not_bought(shop: Shop, owner: User, ada: User) -> None:
    ends_at = clock.now() + timedelta(days=2)
    grants.give(ada, shop.course, actor=owner, reason="a present", now=clock.now(), ends_at=ends_at)
    shop.advance("3d")
    sentence = explain(ada, shop.course, at=clock.now(), now=clock.now()).sentence
    assert sentence == f"It was given until {say_day(last_moment(ends_at))}, and that time is over."


def test_while_nobody_works_no_end_is_made_up(shop: Shop, member: Member) -> None:
    """Renewed and paid at Stripe, and no worker has heard of it: the gate closes in the end, and says why."""
    member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.advance("36d")
    sentence, page = told(member, shop.club)
    assert sentence == "Stripe could not tell us that it was renewed."
    assert "Stripe has not told us that it goes on. If you have paid, it opens by itself soon." in page
    assert "/checkout/" not in page
    shop.deliver()
    assert member.has(shop.club)


def test_a_credit_note_for_all_of_it_gives_a_subscriptions_payment_back(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    subscription = member.subscribe(shop.yearly.price_id)
    shop.deliver()
    api = shop.sandbox.api
    (invoice,) = api.invoices.list({"subscription": subscription["id"]}).data
    half = invoice.amount_paid // 2
    api.credit_notes.create({"invoice": invoice.id, "amount": half, "out_of_band_amount": half})
    shop.deliver()
    assert member.has(shop.club)
    rest = invoice.amount_paid - half
    api.credit_notes.create({"invoice": invoice.id, "amount": rest, "out_of_band_amount": rest})
    shop.deliver()
    assert not member.has(shop.club)
    assert list(differences()) == []
