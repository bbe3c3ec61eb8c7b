"""A price at Stripe never changes: another one takes its place, in the order in which nobody finds a closed door."""

import structlog

from billing.errors import StripeError, StripeInvalid
from billing.gateway import Gateway, gateway_for
from billing.models import ProductLink
from billing.shop import selling
from billing.shop.making import find_or_create_price, price_params
from billing.stripe_objects import sid
from hub.models import User

log = structlog.get_logger(__name__)


def put_price_on_sale(
    made: ProductLink,
    *,
    amount: int,
    currency: str,
    interval: str = "",
    interval_count: int = 1,
    instead_of: str = "",
    archive: bool = False,
    wish: str,
    actor: User | None,
) -> bool:
    """A new price (minor units) of the linked Stripe product on sale, beside the others or in the place of one.

    The new price, the product's default price, the new payment link, the site's buttons, the old link, and at last
    the old price, which `archive` closes for everybody but those who subscribe at it. `wish`: names one filled-in
    form, which may be sent again. Raises billing.errors; what was done by then stands. Returns whether the old price
    is closed as wished: by then it is on sale here no more, and the form could not name it again.
    """
    selling.refuse_draft(made.product, ["new"])
    gateway = gateway_for(made.connection, waiting=True)
    price = price_params(amount=amount, currency=currency, interval=interval, interval_count=interval_count)
    new = find_or_create_price(gateway, made.stripe_product, price, wish=wish)
    if new == instead_of:
        raise StripeInvalid("It costs that already.")
    offers = {offer.price_id: offer.trial_days for offer in made.offers.all()}
    free = offers.pop(instead_of, 0)
    if instead_of:
        _move_default_price(gateway, made.stripe_product, old=instead_of, new=new)
    chosen = {new: free} | offers
    selling.change_offers(made, prices=list(chosen), trial_days=chosen, actor=actor)
    return not (instead_of and archive) or _archive(gateway, instead_of)


def _archive(gateway: Gateway, price: str) -> bool:
    try:
        gateway.update_price(price, {"active": False})
    except StripeError as error:
        log.warning("old_price_not_archived", price=price, error=str(error))
        return False
    return True


def _move_default_price(gateway: Gateway, stripe_product: str, *, old: str, new: str) -> None:
    """Stripe archives no price that is its product's default one."""
    if sid(gateway.product(stripe_product).get("default_price")) == old:
        gateway.update_product(stripe_product, {"default_price": new})
