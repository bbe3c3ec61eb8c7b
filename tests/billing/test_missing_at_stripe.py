"""What Stripe does not know: held for thirty days while staff are asked, and then it ends by time; each time anew."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.desk import attention
from billing.intake.draining import drain, sweep
from billing.intake.inbox import look_again
from billing.models import Attention, InboxEvent, Order, Subject, Subscription
from billing.sweeping import renewal_day
from billing.sweeping.reconcile import differences, full_pass
from hub.models import Grant, Ledger, User
from tests.members import signed_in
from tests.shops import Shop

ADA = "ada@example.org"
PERIOD_AND_SLACK = 35


@pytest.fixture
def subscribed(shop: Shop) -> Shop:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    assert shop.has(ADA, shop.club)
    return shop


@pytest.fixture
def customer(subscribed: Shop) -> str:
    return Subscription.objects.get().customer_id


@pytest.fixture
def gone(subscribed: Shop, customer: str) -> Shop:
    """Ada's customer is known and her subscription is not; what she had at Stripe besides has ended."""
    subscribed.sandbox.api.subscriptions.cancel(Subscription.objects.get().stripe_id)
    subscribed.sandbox.take_pending()
    Subscription.objects.update(stripe_id="sub_gone")
    Grant.objects.update(source_ref="sub_gone")
    return subscribed


def questions() -> list[Attention]:
    return list(Attention.objects.filter(kind=Attention.Kind.MISSING).order_by("pk"))


def open_questions() -> list[str]:
    return [found.subject for found in questions() if found.resolved_at is None]


def days(shop: Shop, count: int) -> None:
    """Days pass, and the beat sweeps twice in each."""
    for _ in range(count * 2):
        shop.sandbox.advance("12h")
        shop.sandbox.take_pending()
        Subject.objects.update(retry_at=None)
        sweep()


def mine() -> Grant:
    return Grant.objects.get(source_ref="sub_gone")


def test_a_subscription_that_its_customers_list_leaves_out_ends_after_thirty_days(gone: Shop, customer: str) -> None:
    Grant.objects.update(ends_at=gone.now() + timedelta(hours=6))
    look_again(customer)
    drain()
    assert open_questions() == ["sub_gone"]
    assert Attention.objects.get().user == mine().user
    days(gone, 29)
    assert gone.has(ADA, gone.club)
    days(gone, 3)
    assert not gone.has(ADA, gone.club)
    assert (mine().state, mine().close_reason) == ("ended", "no_word_from_stripe")
    assert open_questions() == ["sub_gone"], "staff were told once"
    days(gone, 3)
    assert Ledger.objects.filter(grant=mine(), to_state="ended").count() == 1


def test_what_a_list_leaves_out_and_its_id_finds_is_not_missing(subscribed: Shop, customer: str) -> None:
    subscribed.sandbox.answer_with(500, path="/v1/subscriptions/sub_")
    Subscription.objects.create(
        stripe_id="sub_unlisted", connection=subscribed.connection, customer_id=customer, status="active", data={},
        created=subscribed.now(), fetched_at=timezone.now(),
    )  # fmt: skip
    look_again(customer)
    drain()
    assert not Subscription.objects.filter(missing_since__isnull=False).exists(), "no list alone proves anything"
    subscribed.sandbox.behave()
    Subject.objects.update(retry_at=None)
    drain()
    assert Subscription.objects.get(missing_since__isnull=False).stripe_id == "sub_unlisted"
    assert not questions(), "it opened nothing"


def test_what_stripe_knows_again_is_as_stripe_says(gone: Shop, customer: str) -> None:
    look_again(customer)
    drain()
    assert Subscription.objects.get(stripe_id="sub_gone").missing_since is not None
    found = gone.sandbox.api.subscriptions.create(
        {"customer": customer, "items": [{"price": gone.monthly.price_id}], "trial_period_days": 9}
    )
    gone.sandbox.take_pending()
    Subscription.objects.filter(stripe_id="sub_gone").update(stripe_id=found.id)
    Grant.objects.filter(source_ref="sub_gone").update(source_ref=found.id)
    Attention.objects.update(subject=found.id, key=f"missing:{found.id}")
    full_pass()
    drain()
    assert Subscription.objects.get(stripe_id=found.id).missing_since is None
    assert open_questions() == []
    assert Grant.objects.get(source_ref=found.id).reason == "trial"
    assert list(differences()) == []


def test_the_night_marks_what_stripe_does_not_know_and_verifying_agrees(gone: Shop) -> None:
    full_pass()
    assert Subscription.objects.get(stripe_id="sub_gone").missing_since is not None
    assert open_questions() == ["sub_gone"]
    assert {found.reason for found in differences()} == {"unknown_at_stripe"}
    full_pass()
    drain()
    assert len(questions()) == 1 and gone.has(ADA, gone.club)


def test_asking_stripe_about_a_missing_subscription_asks_about_its_customer(gone: Shop, owner: User) -> None:
    full_pass()
    path = f"/console/decide/{questions()[0].pk}/ask/"
    assert signed_in(owner).post(path).status_code == 303
    assert not Subject.objects.filter(key="sub_gone").exists()
    assert open_questions() == ["sub_gone"]


@pytest.mark.parametrize("settled_by_a_person", [False, True])
def test_what_is_missing_a_second_time_is_held_as_long_as_the_first(
    subscribed: Shop, customer: str, settled_by_a_person: bool
) -> None:
    miss(subscribed, customer)
    if settled_by_a_person:
        Attention.objects.update(resolved_at=subscribed.now())
    subscribed.sandbox.behave()
    Subject.objects.update(retry_at=None)
    drain()
    assert open_questions() == [] and not attention.missing().exists()
    subscribed.advance("40d")
    Grant.objects.update(ends_at=subscribed.now() + timedelta(hours=6))
    miss(subscribed, customer)
    assert open_questions() == [customer]
    assert not attention.given_up(now=subscribed.now()).exists()
    days(subscribed, 5)
    assert subscribed.has(ADA, subscribed.club)
    assert Ledger.objects.filter(reason="held_not_understood").exists()


def test_who_settles_the_question_by_hand_does_not_begin_it_anew(subscribed: Shop, customer: str) -> None:
    miss(subscribed, customer)
    Attention.objects.update(resolved_at=subscribed.now())
    days(subscribed, PERIOD_AND_SLACK)
    assert len(questions()) == 1 and open_questions() == []
    assert not subscribed.has(ADA, subscribed.club)


def test_a_renewal_days_listing_settles_what_was_missing(subscribed: Shop, customer: str) -> None:
    miss(subscribed, customer)
    subscribed.sandbox.behave()
    made = Subscription.objects.get()
    subscribed.sandbox.api.subscriptions.update(made.stripe_id, {"metadata": {"seat": "4"}})
    for delivery in subscribed.sandbox.take_pending():
        assert subscribed.post_webhook(delivery) == 200
    named = set(InboxEvent.objects.filter(state=InboxEvent.State.PENDING).values_list("pk", flat=True))
    planned = renewal_day.Plan({customer: {made.stripe_id}}, named, made.created, made.created)
    assert renewal_day.refresh_by_listing(planned, connection=subscribed.connection, seconds=30) == 1
    assert open_questions() == []


def test_an_order_that_stripe_knows_again_is_settled_when_it_is_looked_at(shop: Shop, owner: User) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    order = Order.objects.get()
    real = {"key": order.key, "payment_intent": order.payment_intent, "session_id": order.session_id}
    Order.objects.update(key="pi_gone", payment_intent="pi_gone", session_id="cs_gone")
    Grant.objects.update(source_ref="pi_gone")
    full_pass()
    assert open_questions() == ["pi_gone"]
    Order.objects.update(**real)
    Grant.objects.filter(source_ref="pi_gone").update(source_ref=real["key"])
    look_again(order.subject)
    drain()
    assert open_questions() == ["pi_gone"], "Stripe said nothing of that one"
    Attention.objects.update(subject=real["key"], key=f"missing:{real['key']}")
    signed_in(owner).post(f"/console/decide/{questions()[0].pk}/ask/")
    assert open_questions() == [] and not attention.missing().exists()


def miss(shop: Shop, customer: str) -> None:
    """Stripe answers 404 whatever is asked."""
    shop.sandbox.answer_with(404)
    look_again(customer)
    drain()
    assert open_questions() == [customer]
