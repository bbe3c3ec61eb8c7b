"""Whatever happens at Stripe and to its deliveries, it ends with the grants that the policy wants, told once."""

import io
import os
from collections import Counter
from random import Random
from typing import Any

import hypothesis
import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from activities.models import Activity, Delivery
from billing.draining import drain, sweep
from billing.models import InboxEvent, Subject
from billing.reconcile import catch_up
from billing.refresh import look_again
from hub.models import Ledger, User
from tests.properties.histories import EMAILS, History, should_open, steps
from tests.sandboxes import Sandbox
from tests.shops import Shop

Verb = Activity.Verb
EXAMPLES = int(os.environ.get("FOYER_EXAMPLES", "10"))


@pytest.mark.timeout(60 * EXAMPLES)
@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(story=steps, seed=st.integers(0, 2**16), by_refresh=st.booleans())
def test_any_history_ends_as_the_policy_wants(
    sandbox: Sandbox, db: None, story: list[tuple[str, int]], seed: int, by_refresh: bool
) -> None:
    with transaction.atomic():
        sandbox.reset()
        history = History(Shop.open(sandbox), Random(seed))
        history.run(story)
        sandbox.advance("10m")
        _come_to_rest(history, by_refresh=by_refresh)
        assert _verify() == ""
        for email in EMAILS:
            products = (history.shop.course, history.shop.club)
            assert {product.slug for product in products if history.shop.has(email, product)} == should_open(
                history.shop, email
            )
        _nothing_is_told_twice()
        _nothing_more_is_told_when_all_comes_again(history)
        transaction.set_rollback(True)


def _come_to_rest(history: History, *, by_refresh: bool) -> None:
    """Catch-up finds what was lost; or, where the inbox is no help, everybody is looked at again."""
    if by_refresh:
        for customer in history.shop.sandbox.api.customers.list({"limit": 100}).data:
            look_again(customer.id)
    else:
        catch_up()
    sweep()
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert not Subject.objects.exclude(error="").exists()


def _verify() -> str:
    """What `manage.py verify` complains about."""
    out = io.StringIO()
    try:
        call_command("verify", stdout=out)
    except SystemExit:
        return out.getvalue()
    return ""


def _nothing_is_told_twice() -> None:
    told: Counter[Any] = Counter()
    for activity in Activity.objects.all():
        details = activity.details
        purchase = details.get("subscription") or details.get("order")
        if activity.verb in {Verb.SUBSCRIPTION_STARTED, Verb.SUBSCRIPTION_ENDED, Verb.PRODUCT_PURCHASED}:
            told[(activity.verb, purchase, activity.product_id)] += 1
        if activity.verb == Verb.PAYMENT_FAILED and "attempt" in details:
            told[(activity.verb, details["invoice"], details["attempt"])] += 1
        if activity.verb in {Verb.SUBSCRIPTION_RENEWED, Verb.PAYMENT_RECOVERED}:
            told[(activity.verb, details["invoice"])] += 1
    for delivery in Delivery.objects.filter(notice="payment_failed"):
        told[("mail", delivery.activity.details["invoice"] if delivery.activity else delivery.key)] += 1
    assert [twice for twice, count in told.items() if count > 1] == []
    for user in User.objects.all():
        for product_id in set(user.activities.filter(verb=Verb.ACCESS_GRANTED).values_list("product_id", flat=True)):
            turns = user.activities.filter(product_id=product_id, verb__in=[Verb.ACCESS_GRANTED, Verb.ACCESS_REMOVED])
            verbs = list(turns.order_by("pk").values_list("verb", flat=True))
            assert verbs == [(Verb.ACCESS_GRANTED, Verb.ACCESS_REMOVED)[n % 2] for n in range(len(verbs))]


def _nothing_more_is_told_when_all_comes_again(history: History) -> None:
    """Whoever became known late has their past told at the next look; after that, silence."""
    ledger = Ledger.objects.count()
    _let_all_come_again(history)
    before = Activity.objects.count(), Delivery.objects.count()
    _let_all_come_again(history)
    assert (Activity.objects.count(), Delivery.objects.count()) == before
    assert Ledger.objects.count() == ledger


def _let_all_come_again(history: History) -> None:
    for delivery in history.held + history.sent:
        assert history.shop.post_webhook(delivery) == 200
    for subject in list(Subject.objects.values_list("key", flat=True)):
        look_again(subject)
    drain()
    sweep()
