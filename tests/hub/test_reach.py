"""How far a grant reaches: the product itself, what a collection names, and everything where it holds everything."""

from datetime import timedelta

from hub import grants
from hub.access import can_open, explain, open_products
from hub.models import Grant, Product, User
from tests import cast
from tests.hub.conftest import Studio


def test_a_collection_of_everything_opens_every_product_and_no_other_collection(studio: Studio, ada: User) -> None:
    everything = cast.ProductFactory(name="All of it", kind=Product.Kind.COLLECTION, contains_all=True)
    studio.give(ada, everything)
    assert can_open(ada, studio.course, now=studio.now)
    assert can_open(ada, studio.kit, now=studio.now)
    assert studio.club.kind == Product.Kind.COLLECTION
    assert not can_open(ada, studio.club, now=studio.now)
    assert open_products(ada, now=studio.now).keys() == {everything.pk, studio.course.pk, studio.kit.pk}
    assert explain(ada, studio.kit, at=studio.now, now=studio.now).via == everything


def test_what_was_taken_back_meanwhile_is_not_closed_by_the_clock(studio: Studio, ada: User, dan: User) -> None:
    """Whoever found it overdue may have looked before a person decided."""
    studio.give(ada, studio.course, days=1)
    studio.give(dan, studio.course, days=1)
    overdue = list(Grant.objects.order_by("pk"))
    grants.revoke(overdue[0], actor=None, reason="shared it", now=studio.now)
    later = studio.now + timedelta(days=2)
    grants.close_overdue(overdue, now=later)
    assert list(Grant.objects.order_by("pk").values_list("state", flat=True)) == ["revoked", "ended"]


def test_a_gift_whose_time_ran_out_while_it_was_taken_back_is_over_when_given_back(studio: Studio, ada: User) -> None:
    studio.give(ada, studio.course, days=1)
    grant = grants.revoke(Grant.objects.get(), actor=None, reason="shared it", now=studio.now)
    given = grants.restore(grant, actor=None, reason="a mistake", now=studio.now + timedelta(days=2))
    assert (given.state, given.close_reason) == (Grant.State.ENDED, "gift_over")


def test_what_is_open_is_a_better_reason_than_what_is_in_grace(studio: Studio, ada: User) -> None:
    studio.subscribe(ada, studio.club, state="grace", reason="past_due_grace", days=20)
    studio.give(ada, studio.kit, days=2)
    assert open_products(ada, now=studio.now)[studio.kit.pk].source == Grant.Source.MANUAL
    assert explain(ada, studio.kit, at=studio.now, now=studio.now).state == "open"
