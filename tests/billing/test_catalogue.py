"""What is for sale follows Stripe, whatever the owner calls it there."""

from billing.models import InboxEvent, Offer
from billing.refreshing.refresh import Outcome, refresh
from billing.shop.linking import link
from tests import cast
from tests.shops import Shop


def test_a_product_with_an_id_of_the_owners_own_leaves_the_sale_when_it_is_archived(shop: Shop) -> None:
    api, name = shop.sandbox.api, "kiln-course"
    api.products.create({"id": name, "name": "Kiln"})
    price = api.prices.create({"product": name, "currency": "eur", "unit_amount": 900}).id
    offer = link(cast.ProductFactory(), stripe_product=name, prices=[price], actor=None).offers.get()
    shop.deliver()
    assert offer.is_live
    api.products.update(name, {"active": False})
    shop.deliver()
    assert not Offer.objects.get(pk=offer.pk).is_live
    event = InboxEvent.objects.get(type="product.updated", state=InboxEvent.State.DONE)
    assert refresh(event.subject) is Outcome.DONE, "also when no event says that it is a product"
