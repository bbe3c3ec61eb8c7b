"""Linking a product of ours with a Stripe product, and putting its prices on sale."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, transaction

from activities import clock
from activities.models import Activity
from activities.record import Happening, record_one
from billing import mirror, selling
from billing.connection import required_connection
from billing.errors import StripeError, StripeInvalid
from billing.facts import sid
from billing.gateway import Gateway, fingerprint_of, gateway_for
from billing.models import Connection, Order, ProductLink, Subscription
from billing.prices import selectable
from hub.models import Grant, Product, User

MANY = 1_000
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


def selectable_by_product(gateway: Gateway) -> dict[str, list[Json]]:
    """The prices that can be put on sale, of every Stripe product that has any: one listing."""
    found: dict[str, list[Json]] = defaultdict(list)
    for price in selectable(gateway.prices()):
        found[sid(price["product"])].append(price)
    return dict(found)


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
        made = gateway.create_product(params, idempotency_key=fingerprint_of("product", params))
        return wanted, sid(made["default_price"])
    except StripeInvalid as error:
        if error.code != "resource_already_exists":
            raise
    for known in selectable(gateway.prices_of(wanted)):
        if _same_price(known, price):
            return wanted, str(known["id"])
    params = {**price, "product": wanted}
    return wanted, str(gateway.create_price(params, idempotency_key=fingerprint_of("price", params))["id"])


def link(
    product: Product,
    *,
    stripe_product: str,
    prices: Sequence[str],
    actor: User | None,
    trial_days: Mapping[str, int] = MappingProxyType({}),
) -> ProductLink:
    """Links, and puts the chosen prices on sale, now or as soon as Stripe can. `trial_days`: by price.

    Raises AlreadyLinked, NotPublished and billing.errors, each with nothing changed.
    """
    connection = required_connection()
    gateway = gateway_for(connection, waiting=True)
    selling.refuse_draft(product, prices)
    _refuse_taken(product, stripe_product, connection=connection)
    found = gateway.product(stripe_product)
    on_sale = [price for price in selectable(gateway.prices_of(stripe_product)) if price["id"] in prices]
    try:
        with transaction.atomic():
            made = ProductLink.objects.create(
                connection=connection, product=product, stripe_product=stripe_product, stripe_name=found["name"]
            )
            selling.add_offers(made, on_sale, trial_days=trial_days)
            _tell(made, actor=actor, what="linked")
    except IntegrityError as error:  # from a second tab, in the same moment
        raise AlreadyLinked("Somebody was faster: one of the two is linked already.") from error
    mirror.write([found, *on_sale], connection=connection)
    selling.put_on_sale_or_later(made, gateway=gateway)
    return made


def unlink(made: ProductLink, *, actor: User | None) -> None:
    """Ends a link. Grants and history stay; our payment links are switched off, and checkouts that are open there
    are closed. Raises StillLive with the count.

    Who has paid, or has ordered a debit whose money comes later, gets what was bought. Where the account is
    disconnected, nothing is asked of Stripe, and its payment links stay as they are.
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
    _refuse_while_live(made, gateway=gateway)
    ours = list(made.offers.exclude(payment_link_id=""))
    for offer in ours:
        selling.switch_off(offer, gateway=gateway)
    _close_checkouts(made, gateway=gateway)
    try:
        _refuse_while_live(made, gateway=gateway)
    except StillLive:  # somebody subscribed just now
        for offer in ours:
            gateway.update_payment_link(offer.payment_link_id, {"active": offer.is_live})
        raise


def _refuse_while_live(made: ProductLink, *, gateway: Gateway) -> None:
    if live := count_live(made, gateway=gateway):
        many = f"More than {MANY:,}" if live > MANY else f"{live:,}"
        raise StillLive(
            f"{many} subscription{'s are' if live != 1 else ' is'} still live on {made.stripe_name}. "
            "Its link can be changed when they have ended."
        )


def _close_checkouts(made: ProductLink, *, gateway: Gateway) -> None:
    """Nobody pays for what will open nothing: the checkouts that ours began and nobody finished."""
    marks = selling.marks_of(made.product_id)
    for session in gateway.open_sessions():
        if marks.items() <= session["metadata"].items():
            with suppress(StripeInvalid):  # paid in this moment, or over
                gateway.expire_session(session["id"])


def count_on_the_way(made: ProductLink) -> int:
    """Purchases whose money has not come yet: they open the product when it does."""
    waiting = Order.objects.filter(connection=made.connection, state=Order.State.PENDING)
    return sum(made.stripe_product in order.products for order in waiting)


def count_live(made: ProductLink, *, gateway: Gateway) -> int:
    """Subscriptions that still live on the linked product: ours as last decided, else those that Stripe knows of.

    A person waits: nothing is listed to its end, and ours are counted no further than one more than MANY.
    """
    key = str(made.product_id)
    decided = Subscription.objects.filter(connection=made.connection, status__in=LIVE, reasons__has_key=key)
    reasons = decided.order_by("pk").values_list("reasons", flat=True).iterator(chunk_size=MANY)
    ours = (found for found in reasons if found[key]["reason"] != "not_on_subscription")
    if known := sum(1 for _ in islice(ours, MANY + 1)):
        return known
    for price in gateway.prices_of(made.stripe_product) + gateway.prices_of(made.stripe_product, active=False):
        if price["type"] == "recurring" and (live := gateway.live_subscriptions_on(price["id"])):
            return len(live)
    return 0


def count_past_buyers(made: ProductLink) -> int:
    """The people who had bought it before it was linked, and were let in without an e-mail."""
    let_in = Grant.objects.filter(product=made.product_id, batch=made.batch)
    return let_in.values("user").distinct().count()


def _product_params(product: Product) -> Json:
    """What a Stripe product inherits from ours."""
    params: Json = {
        "name": product.name,
        "metadata": selling.marks_of(product.pk),
    }
    if product.summary:
        params["description"] = product.summary
    return params


def _same_price(known: Json, price: Json) -> bool:
    recurring = known.get("recurring") or {}
    wanted = price.get("recurring") or {}
    return (
        known["currency"] == price["currency"]
        and known.get("unit_amount") == price["unit_amount"]
        and all(recurring.get(name) == wanted.get(name) for name in ("interval", "interval_count"))
    )


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
