"""The writer of grants, whoever asks it: what a person took no machine gives, and nothing ends before its time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub import grants
from hub.access import can_open
from hub.grants import IMPORT_UNDONE, Wanted
from hub.models import Grant, Ledger, Product, User

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
IMPORT = "import:7"


def wanted(user: User, product: Product, **changes: object) -> Wanted:
    want = Wanted(
        user_id=user.pk,
        product_id=product.pk,
        source="subscription",
        source_ref="sub_1",
        state="active",
        reason="active",
        rule="subscription:10",
        true_at=NOW,
        starts_at=NOW - 30 * DAY,
    )
    return replace(want, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("batch", ["", IMPORT])
def test_what_a_person_took_back_is_given_by_no_machine(ada: User, owner: User, product: Product, batch: str) -> None:
    want = wanted(ada, product)
    grants.apply([want], cause="evt_1", now=NOW)
    grants.revoke(Grant.objects.get(), actor=owner, reason="shared it", now=NOW)
    again = replace(want, batch=batch, reason="ending")
    assert grants.unlike([again]) == []
    assert grants.apply([again], cause="evt_2", now=NOW + DAY) == []
    assert not can_open(ada, product, now=NOW + DAY)


def test_what_an_undone_import_took_back_comes_by_an_import_alone(ada: User, owner: User, product: Product) -> None:
    want = wanted(ada, product, batch=IMPORT)
    grants.apply([want], cause="import", now=NOW)
    grants.undo_import(Grant.objects.all(), batch=IMPORT, actor=owner, now=NOW)
    assert Grant.objects.get().close_reason == IMPORT_UNDONE
    assert grants.apply([replace(want, batch="")], cause="evt_1", now=NOW) == []
    assert grants.apply([replace(want, batch="import:8")], cause="import", now=NOW)
    assert can_open(ada, product, now=NOW)


def test_undoing_an_import_leaves_what_was_open_before_it(ada: User, owner: User, product: Product) -> None:
    grants.apply([wanted(ada, product)], cause="evt_1", now=NOW)
    grants.apply([wanted(ada, product, reason="ending", batch=IMPORT)], cause="import", now=NOW)
    assert Ledger.objects.filter(batch=IMPORT).count() == 1
    assert not grants.given_by_import(IMPORT).exists()
    assert grants.undo_import(Grant.objects.all(), batch=IMPORT, actor=owner, now=NOW) == []
    assert can_open(ada, product, now=NOW)


def test_another_day_is_for_subscriptions_alone(ada: User, product: Product) -> None:
    """What was bought for a number of days ends on its day, whether Stripe answers or not."""
    soon = NOW + timedelta(hours=1)
    for source, ref in (("subscription", "sub_1"), ("order", "pi_1")):
        want = wanted(ada, product, source=source, source_ref=ref, until=soon, ends_at=soon)
        grants.apply([want], cause="evt_1", now=NOW)
    given = grants.give(ada, product, actor=None, reason="a gift", now=NOW, ends_at=soon)
    held = grants.hold(Grant.objects.all(), now=NOW, cause="stripe_not_asked", reason="held_stripe_unreachable")
    assert [row.grant.source for row in held] == ["subscription"]
    ends = dict(Grant.objects.values_list("source", "ends_at"))
    assert ends == {"subscription": NOW + grants.HOLD, "order": soon, "manual": soon}
    assert given.ends_at == soon


def test_what_ended_while_it_was_taken_back_is_not_opened_by_giving_it_back(
    ada: User, owner: User, product: Product
) -> None:
    given = grants.give(ada, product, actor=owner, reason="a week", now=NOW, ends_at=NOW + 7 * DAY)
    grants.revoke(given, actor=owner, reason="a mistake", now=NOW + DAY)
    back = grants.restore(given, actor=owner, reason="after all", now=NOW + 7 * DAY)
    assert (back.state, back.close_reason) == ("ended", "gift_over")
    assert not can_open(ada, product, now=NOW + 7 * DAY)


def test_the_gate_is_shut_from_the_very_moment_of_its_end(ada: User, product: Product) -> None:
    grants.give(ada, product, actor=None, reason="a week", now=NOW, ends_at=NOW + 7 * DAY)
    assert can_open(ada, product, now=NOW + 7 * DAY - timedelta(microseconds=1))
    assert not can_open(ada, product, now=NOW + 7 * DAY)
    ada.is_active = False
    assert not can_open(ada, product, now=NOW)
