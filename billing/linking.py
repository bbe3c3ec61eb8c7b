"""Linking a product of ours with a Stripe product, and putting its prices on sale."""

import json
from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from activities import clock
from activities.models import Activity
from activities.record import Happening, record_one
from billing import catalogue, mirror
from billing.connection import SITE_KEY, required_connection
from billing.errors import StripeError, StripeInvalid
from billing.facts import sid
from billing.gateway import Gateway, gateway_for
from billing.models import Connection, Offer, ProductLink, Subscription
from hub.models import Grant, Product, User

LIVE = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete")
Json = dict[str, Any]
# The feed adds a comma and the name of our product.
WORDS = {
    "linked": "linked the Stripe product “{}” with our product",
    "unlinked": "ended the link of the Stripe product “{}” with our product",
}


class AlreadyLinked(StripeError):
    """One product of ours, one Stripe product: this one is taken."""


class StillLive(StripeError):
    """The link cannot change while subscriptions live on it."""


class NotPublished(StripeError):
    """A draft cannot be put on sale: its buyers would see nothing."""


def selectable_prices(gateway: Gateway, stripe_product: str) -> list[Json]:
    """The prices that can be put on sale: active, and not metered. The smallest amount first."""
    return _selectable(gateway.prices_of(stripe_product))


def selectable_by_product(gateway: Gateway) -> dict[str, list[Json]]:
    """The same for every Stripe product that has any: one listing."""
    found: dict[str, list[Json]] = defaultdict(list)
    for price in _selectable(gateway.prices()):
        found[sid(price["product"])].append(price)
    return dict(found)


def _selectable(prices: list[Json]) -> list[Json]:
    licensed = [price for price in prices if (price.get("recurring") or {}).get("usage_type", "licensed") == "licensed"]
    return sorted(licensed, key=lambda price: (price["currency"], price.get("unit_amount") or 0, price["id"]))


def create_stripe_product(
    product: Product, *, amount: int, currency: str, interval: str = "", interval_count: int = 1
) -> tuple[str, str]:
    """A Stripe product for ours, with this price (minor units), made once. Returns the ids of both.

    The product's id is ours to choose: who asks twice, at once or a year later, gets the same product, and the same
    price while it is on sale. Raises billing.errors.
    """
    connection = required_connection()
    gateway = gateway_for(connection, waiting=True)
    price: Json = {"currency": currency.lower(), "unit_amount": amount}
    if interval:
        price["recurring"] = {"interval": interval, "interval_count": interval_count}
    wanted = f"prod_{connection.webhook_uuid.hex}_{product.pk}"
    params = _product_params(product) | {"id": wanted, "default_price_data": price}
    try:
        made = gateway.create_product(params, idempotency_key=_fingerprint("product", params))
        return wanted, sid(made["default_price"])
    except StripeInvalid as error:
        if error.code != "resource_already_exists":
            raise
    for known in selectable_prices(gateway, wanted):
        if _same_price(known, price):
            return wanted, str(known["id"])
    params = {**price, "product": wanted}
    return wanted, str(gateway.create_price(params, idempotency_key=_fingerprint("price", params))["id"])


def link(product: Product, *, stripe_product: str, prices: Sequence[str], actor: User | None) -> ProductLink:
    """Links, and makes a payment link for each chosen price. Raises AlreadyLinked, NotPublished, billing.errors."""
    if prices and not product.is_live:
        raise NotPublished("Publish it first: buyers would see nothing. Without prices it can be linked now.")
    connection = required_connection()
    gateway = gateway_for(connection, waiting=True)
    _refuse_taken(product, stripe_product, connection=connection)
    found = gateway.product(stripe_product)
    on_sale = [price for price in selectable_prices(gateway, stripe_product) if price["id"] in prices]
    with transaction.atomic():
        made = ProductLink.objects.create(
            connection=connection, product=product, stripe_product=stripe_product, stripe_name=found["name"]
        )
        for position, price in enumerate(on_sale):
            Offer.objects.create(
                link=made,
                product=product,
                price_id=price["id"],
                position=position,
                is_live=False,
                label=price.get("nickname") or "",
                **catalogue.describe_offer(price),
            )
        _tell(made, actor=actor, what="linked")
    mirror.write([found, *on_sale], connection=connection)
    put_on_sale(made, gateway=gateway)
    return made


def put_on_sale(made: ProductLink, *, gateway: Gateway) -> None:
    """Makes the payment links that are missing. Safe to repeat: Stripe answers a repeated key with the same link."""
    for offer in made.offers.filter(payment_link_id=""):
        answer = gateway.create_payment_link(
            _payment_link_params(made, offer), idempotency_key=f"offer-{made.connection.webhook_uuid}-{offer.pk}"
        )
        offer.payment_link_id, offer.url, offer.is_live = answer["id"], answer["url"], answer["active"]
        offer.save(update_fields=["payment_link_id", "url", "is_live"])


def unlink(made: ProductLink, *, actor: User | None) -> None:
    """Ends a link. Grants and history stay; our payment links are switched off. Raises StillLive with the count.

    Where the account is disconnected, nothing is asked of Stripe, and its payment links stay as they are.
    """
    if made.connection.state != Connection.State.OFF:
        _end_at_stripe(made)
    with transaction.atomic():
        made.offers.update(is_live=False)
        made.unlinked_at = clock.now()
        made.save(update_fields=["unlinked_at"])
        _tell(made, actor=actor, what="unlinked")


def _end_at_stripe(made: ProductLink) -> None:
    gateway = gateway_for(made.connection, waiting=True)
    if live := count_live(made, gateway=gateway):
        raise StillLive(
            f"{live} subscription{'s are' if live != 1 else ' is'} still live on {made.stripe_name}. "
            "Its link can be changed when they have ended."
        )
    for offer in made.offers.exclude(payment_link_id=""):
        gateway.update_payment_link(offer.payment_link_id, {"active": False})


def count_live(made: ProductLink, *, gateway: Gateway) -> int:
    """Subscriptions that still live on the linked product: ours as last seen, and Stripe's by each price."""
    ours = {
        row.stripe_id
        for row in Subscription.objects.filter(connection=made.connection, status__in=LIVE)
        if made.stripe_product in {item["price"]["product"] for item in row.data["items"]["data"]}
    }
    for price in gateway.prices_of(made.stripe_product) + gateway.prices_of(made.stripe_product, active=False):
        if price["type"] == "recurring":
            ours |= {sub["id"] for sub in gateway.live_subscriptions_on(price["id"])}
    return len(ours)


def count_past_buyers(made: ProductLink) -> int:
    """The people who had bought it before it was linked, and were let in without an e-mail."""
    let_in = Grant.objects.filter(product=made.product_id, batch=made.batch)
    return let_in.values("user").distinct().count()


def return_url() -> str:
    """Where Checkout sends buyers; Stripe fills in the session's id."""
    return f"{urljoin(settings.SITE_URL, reverse('billing:return'))}?session_id={{CHECKOUT_SESSION_ID}}"


def _product_params(product: Product) -> Json:
    """What a Stripe product inherits from ours."""
    params: Json = {
        "name": product.name,
        "metadata": {SITE_KEY: settings.SITE_URL, "foyer_product": str(product.pk)},
    }
    if product.summary:
        params["description"] = product.summary
    return params


def _fingerprint(what: str, params: Json) -> str:
    """An idempotency key that is the same for the same wish, and another for another."""
    return f"{what}-{sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()}"


def _same_price(known: Json, price: Json) -> bool:
    recurring = known.get("recurring") or {}
    wanted = price.get("recurring") or {}
    return (
        known["currency"] == price["currency"]
        and known.get("unit_amount") == price["unit_amount"]
        and all(recurring.get(name) == wanted.get(name) for name in ("interval", "interval_count"))
    )


def _payment_link_params(made: ProductLink, offer: Offer) -> Json:
    marks = {SITE_KEY: settings.SITE_URL, "foyer_product": str(made.product_id)}
    params: Json = {
        "line_items": [{"price": offer.price_id, "quantity": 1}],
        "after_completion": {"type": "redirect", "redirect": {"url": return_url()}},
        "metadata": marks,
    }
    if offer.is_recurring:
        params["subscription_data"] = {"metadata": marks}
        if offer.trial_days:
            params["subscription_data"]["trial_period_days"] = offer.trial_days
    else:
        params["customer_creation"] = "always"
        params["payment_intent_data"] = {"metadata": marks}
    return params


def _refuse_taken(product: Product, stripe_product: str, *, connection: Connection) -> None:
    links = ProductLink.objects.filter(unlinked_at__isnull=True)
    if links.filter(product=product).exists():
        raise AlreadyLinked(f"{product} is linked already: unlink it first.")
    taken = links.filter(connection=connection, stripe_product=stripe_product).select_related("product").first()
    if taken:
        raise AlreadyLinked(f"This Stripe product already opens {taken.product}.")


def _tell(made: ProductLink, *, actor: User | None, what: str) -> None:
    now = clock.now()
    record_one(
        Happening(
            verb=Activity.Verb.STAFF_ACTION,
            key=f"{what}:{made.pk}",
            at=now,
            product_id=made.product_id,
            actor_id=actor.pk if actor else None,
            details={"reason": WORDS[what].format(made.stripe_name)},
        ),
        now=now,
    )
