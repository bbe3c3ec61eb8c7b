"""Linking a product of ours with a Stripe product, and putting its prices on sale."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType

from django.db import IntegrityError, transaction

from activities import clock
from activities.models import Activity
from activities.record import Happening, record_one
from billing.connection import active_connection, required_connection
from billing.errors import StripeError, StripeInvalid
from billing.gateway import Gateway, gateway_for
from billing.models import Connection, Order, ProductLink
from billing.refreshing import mirror
from billing.shop import selling
from billing.shop.counting import count_known_live, count_live
from billing.shop.prices import selectable
from hub.models import Product, User

# The feed adds a comma and the name of our product.
WORDS = {
    "linked": "linked the Stripe product “{}” with our product",
    "unlinked": "ended the link of the Stripe product “{}” with our product",
}


class AlreadyLinked(StripeError):
    """One product of ours, one Stripe product: this one is taken."""


class StillLive(StripeError):
    """The link cannot change while subscriptions live on it: `count` of them, MANY and one for more than that."""

    def __init__(self, made: ProductLink, *, count: int) -> None:
        super().__init__(f"{count} subscription{'s are' if count != 1 else ' is'} still live on {made.stripe_name}.")
        self.count = count


def product_opened_by(stripe_product: str) -> Product | None:
    """Ours that this Stripe product is linked with."""
    connection = required_connection()
    links = ProductLink.objects.filter(connection=connection, unlinked_at__isnull=True, stripe_product=stripe_product)
    made = links.select_related("product").first()
    return made.product if made else None


def link(
    product: Product,
    *,
    stripe_product: str,
    prices: Sequence[str],
    actor: User | None,
    trial_days: Mapping[str, int] = MappingProxyType({}),
    had_buyers: bool = True,
) -> ProductLink:
    """Links, and puts the chosen prices on sale, now or as soon as Stripe can. `trial_days`: by price; `had_buyers`:
    false where it is known that nobody bought it before.

    Raises AlreadyLinked, NotPublished and billing.errors, each with nothing changed.
    """
    connection = required_connection()
    gateway = gateway_for(connection, waiting=True)
    selling.refuse_draft(product, prices)
    _refuse_taken(product, stripe_product)
    found = gateway.product(stripe_product)
    on_sale = [price for price in selectable(gateway.prices_of(stripe_product)) if price["id"] in prices]
    try:
        with transaction.atomic():
            made = ProductLink.objects.create(
                connection=connection,
                product=product,
                stripe_product=stripe_product,
                stripe_name=found["name"],
                had_buyers=had_buyers,
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
    disconnected, nothing is asked of Stripe, and its payment links stay as they are: what we know to be live keeps
    the link, unless another account has taken its place.
    """
    if made.connection.state != Connection.State.OFF:
        _end_at_stripe(made)
    elif live := count_that_keeps(made):
        raise StillLive(made, count=live)
    with transaction.atomic():
        made.offers.update(is_live=False)
        made.unlinked_at = clock.now()
        made.save(update_fields=["unlinked_at"])
        _tell(made, actor=actor, what="unlinked")


def count_that_keeps(made: ProductLink) -> int:
    """Live subscriptions of a disconnected account for which the link stays, because it may be connected again."""
    return 0 if active_connection() else count_known_live(made)


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
        raise StillLive(made, count=live)


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


def _refuse_taken(product: Product, stripe_product: str) -> None:
    if ProductLink.objects.filter(product=product, unlinked_at__isnull=True).exists():
        raise AlreadyLinked(f"{product} is linked already: unlink it first.")
    if taken := product_opened_by(stripe_product):
        raise AlreadyLinked(f"This Stripe product already opens {taken}.")


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
