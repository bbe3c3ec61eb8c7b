"""Whatever happens at Stripe and to its deliveries, it ends with the grants that the policy wants, told once."""

import io
import math
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
from billing.intake.draining import drain, sweep
from billing.intake.inbox import look_again
from billing.models import AccessPolicy, Attention, InboxEvent, ProductLink, Subject
from billing.sweeping import reconcile
from hub.models import Grant, Ledger, User
from tests.properties.account import read_account
from tests.properties.histories import AFTER_RETRIES, History, steps
from tests.properties.news import News, refunds_left
from tests.properties.oracle import DEFAULTS, UNSURE, Opening, Oracle
from tests.sandboxes import Sandbox
from tests.shops import Json, Shop

Verb = Activity.Verb
EXAMPLES = int(os.environ.get("FOYER_EXAMPLES", "0"))
HOUR = 3600
OURS = (Verb.ACCESS_GRANTED, Verb.ACCESS_REMOVED, Verb.MEMBER_ADDED, Verb.STAFF_ACTION, Verb.EMAIL_SENT)
KNOBS: list[Json] = [
    {},
    {"past_due_policy": "none", "paused_collection_access": "suspend", "dispute_policy": "suspend_on_open"},
    {"past_due_policy": "until_stripe_gives_up", "dispute_policy": "ignore", "order_full_refund": "ignore"},
    {
        "trial_access": False,
        "past_due_grace_days": 3,
        "immediate_cancel": "end_of_paid_period",
        "sub_full_refund": "revoke",
        "order_partial_refund_percent": 50,
    },
]


@pytest.mark.timeout(60 * max(EXAMPLES, 30))
@hypothesis.settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    story=steps,
    seed=st.integers(0, 2**16),
    prompt=st.booleans(),
    knobs=st.sampled_from([{}, *KNOBS]),
    after_retries=st.sampled_from(AFTER_RETRIES),
    rest=st.sampled_from(["catch_up", "refresh", "full_pass"]),
)
def test_any_history_ends_as_the_policy_wants(
    sandbox: Sandbox,
    db: None,
    story: list[tuple[str, int]],
    seed: int,
    prompt: bool,
    knobs: Json,
    after_retries: str,
    rest: str,
) -> None:
    with transaction.atomic():
        sandbox.reset()
        AccessPolicy.objects.create(knobs=knobs)
        history = History(Shop.open(sandbox), chance=Random(seed), prompt=prompt)
        history.run(story, after_retries=after_retries)
        sandbox.advance("10m")
        history.waits_are_over()
        _come_to_rest(history, by=rest)
        oracle = _oracle(history, knobs=knobs)
        _grants_are_as_wanted(history, oracle)
        assert _verify() == ""
        _access_is_told_in_turns()
        _let_all_come_again(history)  # whoever became known late has their past told at the next look
        _all_that_is_told_happened_once(history, oracle)
        _each_mail_has_its_reason()
        _nothing_more_is_told_when_all_comes_again(history)
        transaction.set_rollback(True)


def _come_to_rest(history: History, *, by: str) -> None:
    """Catch-up finds what was lost; or everybody is looked at again, or compared with Stripe, where no inbox helps."""
    if by == "catch_up":
        reconcile.catch_up()
        if Attention.objects.filter(kind=Attention.Kind.BRAKE, resolved_at__isnull=True).exists():
            reconcile.full_pass(confirmed=True)  # the owner answers
    elif by == "full_pass":
        sweep()
        reconcile.full_pass(confirmed=True)
    else:
        for subject in _subjects(history):
            look_again(subject)
    sweep()
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert not Subject.objects.exclude(error="").exists()
    assert not Attention.objects.filter(kind__in=[Attention.Kind.MISSING, Attention.Kind.UNKNOWN_STATUS]).exists()


def _subjects(history: History) -> list[str]:
    """Every customer, and every payment of nobody's."""
    customers = [customer.id for customer in history.api.customers.list({"limit": 100}).data]
    sessions = history.api.checkout.sessions.list({"limit": 100}).data
    guests = [session for session in sessions if not session.customer and session.status == "complete"]
    return customers + [guest.payment_intent or guest.id for guest in guests]


def _oracle(history: History, *, knobs: Json) -> Oracle:
    links = ProductLink.objects.select_related("product")
    return Oracle(
        account=read_account(history.api),
        linked={link.stripe_product: link.product.slug for link in links},
        knobs={**DEFAULTS, **knobs},
        now=int(history.shop.now().timestamp()),
    )


# Grants


def _grants_are_as_wanted(history: History, oracle: Oracle) -> None:
    """Each row: its state, its source, its end; none missing, none too many."""
    wanted = oracle.openings()
    rows = Grant.objects.exclude(source=Grant.Source.MANUAL).select_related("user", "product")
    for row in rows:
        found = _opening_of(row, wanted)
        if row.pk in history.revoked:
            assert row.state == Grant.State.REVOKED, row
        elif found is None:
            assert row.state == Grant.State.ENDED, (row, row.source_ref, row.reason)
            assert row.closed_at is not None and row.closed_at <= history.shop.now()
        else:
            assert (row.state, row.source) == (found.state, _source_of(found)), (row, found)
            _ends_as_wanted(row, found, now=oracle.now)
        if found is not None:
            wanted.remove(found)
    assert wanted == []
    _gifts_stand(history)
    for email in {row.email for row in User.objects.all()}:
        for product in history.products():
            openings = [found for found in oracle.openings() if (found.email, found.product) == (email, product.slug)]
            assert history.shop.has(email, product) is _has_open(history, email, product.slug, openings)


def _opening_of(row: Grant, openings: list[Opening]) -> Opening | None:
    key = (row.user.email, row.product.slug)
    return next(
        (found for found in openings if (found.email, found.product) == key and row.source_ref in found.names), None
    )


def _source_of(found: Opening) -> str:
    by_subscription = any(name.startswith("sub_") for name in found.names)
    return Grant.Source.SUBSCRIPTION if by_subscription else Grant.Source.ORDER


def _ends_as_wanted(row: Grant, found: Opening, *, now: int) -> None:
    """`until` to the second. The gate closes then, or later where Stripe is asked first."""
    if found.until == UNSURE:
        return
    assert (row.until and int(row.until.timestamp())) == found.until, (row, row.reason, found)
    closes = int(row.ends_at.timestamp()) if row.ends_at else None
    if row.source == Grant.Source.ORDER or row.reason == "canceled_paid_through":
        assert closes == found.until
    elif found.until is None:
        assert found.state == Grant.State.GRACE
    else:
        assert closes is not None and max(found.until, now) < closes <= max(found.until, now) + 144 * HOUR


def _gifts_stand(history: History) -> None:
    """No machine changes what a person gave; its own end and a person alone do."""
    rows = {row.pk: row for row in Grant.objects.filter(source=Grant.Source.MANUAL)}
    assert rows.keys() == history.gifts.keys()
    for pk, gift in history.gifts.items():
        over = gift.until is not None and gift.until <= history.shop.now()
        state = Grant.State.REVOKED if pk in history.revoked else Grant.State.ENDED if over else Grant.State.ACTIVE
        assert (rows[pk].state, rows[pk].until) == (state, gift.until)


def _has_open(history: History, email: str, product: str, openings: list[Opening]) -> bool:
    rows = Grant.objects.filter(user__email=email, product__slug=product)
    revoked = set(rows.filter(pk__in=history.revoked).values_list("source_ref", flat=True))
    by_hand = rows.filter(pk__in=history.gifts, state=Grant.State.ACTIVE).exists()
    return by_hand or any(not found.names & revoked for found in openings)


def _verify() -> str:
    """What `manage.py verify` complains about."""
    out = io.StringIO()
    try:
        call_command("verify", stdout=out)
    except SystemExit:
        return out.getvalue()
    return ""


# What is told


def _all_that_is_told_happened_once(history: History, oracle: Oracle) -> None:
    """Nothing is told that Stripe did not tell; and who hears of everything at once tells it all."""
    history.hear_of_the_rest()
    news = _news(history, oracle)
    told = set(Activity.objects.exclude(verb__in=OURS).values_list("key", flat=True))
    known = news.certain | news.possible
    assert told - known == set()
    purchases = Activity.objects.filter(verb=Verb.PRODUCT_PURCHASED)
    names = [purchase.names for purchase in oracle.purchases()]
    for row in purchases.filter(details__has_key="order"):
        (one,) = [found for found in names if row.details["order"] in found]
        assert purchases.filter(details__order__in=one, product=row.product_id).count() == 1
    if history.prompt:
        assert news.certain - told == set()


def _news(history: History, oracle: Oracle) -> News:
    numbers: dict[str, int] = {}
    for link in ProductLink.objects.select_related("product"):
        numbers |= {link.stripe_product: link.product_id, link.product.slug: link.product_id}
    added = Activity.objects.filter(verb=Verb.MEMBER_ADDED).select_related("user")
    since = {row.user.email: math.ceil(row.recorded_at.timestamp()) for row in added if row.user}
    news = News(oracle.account, numbers, since)
    news.read(history.events.values(), purchases=oracle.purchases())
    refunds = history.api.refunds.list({"limit": 100}).to_dict(for_json=True)["data"]
    news.possible |= refunds_left(refunds)
    return news


def _access_is_told_in_turns() -> None:
    """Come in, gone, come in: never the same twice in a row, and the last as it is now."""
    for user in User.objects.all():
        open_now = set(user.grants.filter(state__in=Grant.OPEN).values_list("product_id", flat=True))
        about = user.activities.filter(verb__in=[Verb.ACCESS_GRANTED, Verb.ACCESS_REMOVED])
        told = set(about.values_list("product_id", flat=True))
        for product_id in told | open_now:
            verbs = list(about.filter(product_id=product_id).order_by("pk").values_list("verb", flat=True))
            assert verbs == [(Verb.ACCESS_GRANTED, Verb.ACCESS_REMOVED)[n % 2] for n in range(len(verbs))]
            assert (len(verbs) % 2 == 1) is (product_id in open_now)
    added = Activity.objects.filter(verb=Verb.MEMBER_ADDED)
    assert added.count() == added.values("user").distinct().count()


def _each_mail_has_its_reason() -> None:
    """No mail twice for one thing, and none for nothing."""
    reasons = {
        "access": Verb.ACCESS_GRANTED,
        "access_ended": Verb.ACCESS_REMOVED,
        "payment_failed": Verb.PAYMENT_FAILED,
        "payment_bounced": Verb.PAYMENT_FAILED,
    }
    sent: Counter[Any] = Counter()
    for delivery in Delivery.objects.exclude(notice__in=["payment_pending", "trial_ending"]).select_related("activity"):
        activity = delivery.activity
        assert activity is not None and activity.verb == reasons[delivery.notice]
        assert (activity.user_id, activity.product_id) == (delivery.user_id, delivery.product_id)
        once = activity.details["invoice"] if delivery.notice == "payment_failed" else activity.pk
        sent[(delivery.notice, once)] += 1
    assert [twice for twice, count in sent.items() if count > 1] == []
    for user in User.objects.all():
        granted = set(user.activities.filter(verb=Verb.ACCESS_GRANTED).values_list("product_id", flat=True))
        assert granted == set(user.deliveries.filter(notice="access").values_list("product_id", flat=True))


def _nothing_more_is_told_when_all_comes_again(history: History) -> None:
    before = Activity.objects.count(), Delivery.objects.count(), Ledger.objects.count()
    _let_all_come_again(history)
    assert (Activity.objects.count(), Delivery.objects.count(), Ledger.objects.count()) == before


def _let_all_come_again(history: History) -> None:
    for delivery in history.held + history.sent:
        assert history.shop.post_webhook(delivery) == 200
    for subject in list(Subject.objects.values_list("key", flat=True)):
        look_again(subject)
    drain()
    sweep()
