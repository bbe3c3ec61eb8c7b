"""What is for sale, as Stripe has it now: names, prices and payment links of the linked products."""

from typing import Any

from django.db.models import Q

from billing.errors import StripeMissing
from billing.gateway import Gateway
from billing.models import Connection, Offer, ProductLink
from billing.refreshing import mirror
from billing.shop.selling import make_payment_link

Json = dict[str, Any]


def refresh_product(key: str, *, gateway: Gateway, connection: Connection) -> None:
    """Fetches a linked Stripe product, its prices and our links again; products that are not ours are passed over.

    A payment link that could not be made when its price was put on sale is made now.
    `key` names a Stripe product or the payment link of one of our offers: "product:…", "payment_link:…".
    """
    kind, _, name = key.partition(":")
    named = Q(stripe_product=name) if kind == "product" else Q(offers__payment_link_id=name)
    link = ProductLink.objects.filter(named, connection=connection, unlinked_at__isnull=True).first()
    if link is None:
        return
    try:
        product = gateway.product(link.stripe_product)
    except StripeMissing:
        product = {"active": False, "deleted": True}
    prices = {} if product.get("deleted") else {found["id"]: found for found in gateway.prices_of(link.stripe_product)}
    link.is_active_at_stripe = bool(product.get("active"))
    link.stripe_name = product.get("name") or link.stripe_name
    link.save(update_fields=["is_active_at_stripe", "stripe_name"])
    for offer in link.offers.all():
        _refresh_offer(offer, has_price=offer.price_id in prices, gateway=gateway)
    mirror.write([product, *prices.values()], connection=connection)


def _refresh_offer(offer: Offer, *, has_price: bool, gateway: Gateway) -> None:
    """Whether it sells, and what keeps it from that. `has_price`: its price is active at Stripe."""
    if not offer.link.is_active_at_stripe or not has_price:
        problem = Offer.Problem.PRICE_ARCHIVED if offer.link.is_active_at_stripe else ""
        return _keep(offer, is_live=False, problem=problem)
    if not offer.payment_link_id:
        return _keep(offer, is_live=make_payment_link(offer, gateway=gateway), problem="")
    try:
        sells = gateway.payment_link(offer.payment_link_id)["active"]
    except StripeMissing:
        return _keep(offer, is_live=False, problem=Offer.Problem.LINK_GONE)
    return _keep(offer, is_live=sells, problem="" if sells else Offer.Problem.LINK_OFF)


def _keep(offer: Offer, *, is_live: bool, problem: str) -> None:
    Offer.objects.filter(pk=offer.pk).update(is_live=is_live, problem=problem)
