"""What a product brings a month, while its subscribers come, change and go."""

from billing.insight.products import figures_of
from billing.models import RecurringLine
from tests.members import Member
from tests.shops import Shop


def test_it_follows_what_happens_at_stripe(shop: Shop, member: Member) -> None:
    def brings() -> list[str]:
        return [str(money) for _, told in figures_of([shop.club.pk]) for money in told.monthly]

    assert brings() == []
    made = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    assert brings() == ["€24.00"]
    item = shop.sandbox.api.subscriptions.retrieve(made["id"])["items"].data[0].id
    shop.sandbox.api.subscriptions.update(
        made["id"], {"items": [{"id": item, "price": shop.yearly.price_id}], "proration_behavior": "none"}
    )
    shop.deliver()
    assert brings() == ["€20.00"]
    shop.sandbox.api.subscriptions.cancel(made["id"])
    shop.deliver()
    assert brings() == []
    assert not RecurringLine.objects.exists()
