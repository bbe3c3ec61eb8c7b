"""Stripe products and prices that are made from here, once however often the button is pressed."""

from typing import Any

from django.conf import settings

from billing.connection import required_connection
from billing.errors import StripeInvalid
from billing.gateway import Gateway, fingerprint_of, gateway_for
from billing.shop import selling
from billing.shop.prices import selectable
from billing.stripe_objects import sid
from hub.models import Product
from hub.pictures.keeping import is_public, url_of_cover

Json = dict[str, Any]


def create_stripe_product(
    product: Product, *, amount: int, currency: str, interval: str = "", interval_count: int = 1, wish: str = ""
) -> tuple[str, str]:
    """A Stripe product for ours, with this price (minor units), made once. Returns the ids of both.

    The product's id is ours to choose: who asks twice, at once or a year later, gets the same product, on sale again
    where it was archived, and the same price while it is on sale. `wish`: names one filled-in form. Raises
    billing.errors.
    """
    connection = required_connection()
    gateway = gateway_for(connection, waiting=True)
    price = price_params(amount=amount, currency=currency, interval=interval, interval_count=interval_count)
    wanted = f"prod_{connection.webhook_uuid.hex}_{product.pk}"
    params = _product_params(product) | {"id": wanted, "default_price_data": price}
    try:
        made = gateway.create_product(params, idempotency_key=fingerprint_of("product", params))
        return wanted, sid(made["default_price"])
    except StripeInvalid as error:
        if error.code != "resource_already_exists":
            raise
    if not gateway.product(wanted)["active"]:
        gateway.update_product(wanted, {"active": True})
    return wanted, find_or_create_price(gateway, wanted, price, wish=wish)


def find_or_create_price(gateway: Gateway, stripe_product: str, price: Json, *, wish: str) -> str:
    """The id of a price like this that can be put on sale, made where there is none. Raises billing.errors."""
    for known in selectable(gateway.prices_of(stripe_product)):
        if _same_price(known, price):
            return str(known["id"])
    params = {**price, "product": stripe_product}
    return str(gateway.create_price(params, idempotency_key=fingerprint_of(f"price-{wish}", params))["id"])


def price_params(*, amount: int, currency: str, interval: str = "", interval_count: int = 1) -> Json:
    """`amount` in minor units; without an interval it is paid once."""
    price: Json = {"currency": currency.lower(), "unit_amount": amount}
    if interval:
        price["recurring"] = {"interval": interval, "interval_count": interval_count}
    return price


def _product_params(product: Product) -> Json:
    """What a Stripe product inherits from ours."""
    params: Json = {"name": product.name, "metadata": selling.marks_of(product.pk)}
    if product.summary:
        params["description"] = product.summary
    if images := _images_of(product):
        params["images"] = images
    return params


def _images_of(product: Product) -> list[str]:
    """Its cover, where everybody may fetch it: Stripe shows a picture from the address that it is given."""
    cover = product.cover
    if cover is None or not settings.SITE_URL.startswith("https://") or not is_public(cover):
        return []
    return [url_of_cover(product)]


def _same_price(known: Json, price: Json) -> bool:
    recurring = known.get("recurring") or {}
    wanted = price.get("recurring") or {}
    return (
        known["currency"] == price["currency"]
        and known.get("unit_amount") == price["unit_amount"]
        and all(recurring.get(name) == wanted.get(name) for name in ("interval", "interval_count"))
    )
