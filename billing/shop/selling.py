"""Prices on sale: an offer for each, with its payment link at Stripe. What Stripe left half done is done later."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.urls import reverse

from activities import clock
from activities.record import record_deed
from billing.errors import StripeError, StripeInvalid, StripeMissing
from billing.gateway import Gateway, fingerprint_of, gateway_for
from billing.intake.inbox import look_again
from billing.models import Offer, ProductLink
from billing.shop.prices import offer_columns, selectable
from billing.stripe_objects import SITE_KEY
from hub.models import Product, SalesPage, User

log = structlog.get_logger(__name__)
Problem = Offer.Problem
Json = dict[str, Any]


class NotPublished(StripeError):
    """A draft cannot be put on sale: its buyers would see nothing."""


class ChangedElsewhere(StripeError):
    """Two people change what is on sale at once."""


def refuse_draft(product: Product, prices: Sequence[str]) -> None:
    if prices and not product.is_live:
        raise NotPublished("Publish it first: buyers would see nothing.")


def add_offers(made: ProductLink, prices: list[Json], *, trial_days: Mapping[str, int]) -> None:
    """Offers for these Stripe prices, below those that are there; they sell when `put_on_sale` has seen to it."""
    if prices:
        _fill_purchase_method(made.product)
    last = made.offers.aggregate(last=Max("position"))["last"]
    for position, price in enumerate(prices, start=0 if last is None else last + 1):
        Offer.objects.create(
            link=made,
            product=made.product,
            price_id=price["id"],
            position=position,
            is_live=False,
            label=price.get("nickname") or "",
            trial_days=trial_days.get(price["id"], 0) if price.get("recurring") else 0,
            **offer_columns(price),
        )


def put_on_sale_or_later(made: ProductLink, *, gateway: Gateway) -> None:
    """What Stripe does not answer to now is asked for again by the worker."""
    try:
        put_on_sale(made, gateway=gateway)
    except StripeError as error:
        log.warning("not_put_on_sale", link=made.pk, error=str(error))
        look_again(f"product:{made.stripe_product}")


def put_on_sale(made: ProductLink, *, gateway: Gateway) -> None:
    """Makes the payment links that are missing, and switches on again what somebody switched off in Stripe.

    Safe to repeat: Stripe answers a repeated wish with the same link. Raises billing.errors, with those kept that
    were made.
    """
    for offer in made.offers.filter(Q(payment_link_id="") | Q(problem__in=[Problem.LINK_OFF, Problem.LINK_GONE])):
        if offer.problem != Problem.LINK_OFF or not _switch_on(offer, gateway=gateway):
            make_payment_link(offer, gateway=gateway)


def make_payment_link(offer: Offer, *, gateway: Gateway) -> bool:
    """Whether what was made sells; a link that it had is left behind. Raises billing.errors."""
    params = _payment_link_params(offer)
    key = fingerprint_of(f"offer-{offer.link.connection.webhook_uuid}-{offer.pk}-{offer.payment_link_id}", params)
    return _keep_link(offer, gateway.create_payment_link(params, idempotency_key=key))


def switch_off(offer: Offer, *, gateway: Gateway) -> None:
    """Its payment link sells no more, wherever it is published. Raises billing.errors."""
    if not offer.payment_link_id:
        return
    try:
        gateway.update_payment_link(offer.payment_link_id, {"active": False})
    except StripeMissing:  # gone with the account's test data
        log.warning("payment_link_missing", payment_link=offer.payment_link_id)


def change_offers(
    made: ProductLink, *, prices: Sequence[str], trial_days: Mapping[str, int], actor: User | None
) -> None:
    """What is on sale from now on, and how many days are free first.

    In the order in which nobody finds a closed door: new links first, then the site's own buttons, then the old
    links are switched off. Who subscribes keeps their price. Raises NotPublished, ChangedElsewhere and
    billing.errors; what was done by then stands, and may be asked for again.
    """
    refuse_draft(made.product, prices)
    gateway = gateway_for(made.connection, waiting=True)
    on_sale = [price for price in selectable(gateway.prices_of(made.stripe_product)) if price["id"] in prices]
    before = {offer.price_id: offer for offer in made.offers.all()}
    try:
        with transaction.atomic():
            add_offers(made, [price for price in on_sale if price["id"] not in before], trial_days=trial_days)
    except IntegrityError as error:
        raise ChangedElsewhere("Somebody was faster: look at what is on sale now.") from error
    put_on_sale(made, gateway=gateway)
    chosen = {price["id"] for price in on_sale}
    for price_id, offer in before.items():
        days = trial_days.get(price_id, 0) if offer.is_recurring else 0
        if price_id in chosen and offer.trial_days != days:
            _change_trial(offer, days, gateway=gateway)
    left = [offer for price_id, offer in before.items() if price_id not in chosen]
    for offer in left:
        switch_off(offer, gateway=gateway)
    with transaction.atomic():
        made.offers.filter(pk__in=[offer.pk for offer in left]).delete()
        _tell(made, actor=actor)


def marks_of(product_id: int) -> dict[str, str]:
    """The metadata that tells at Stripe that something is this site's, and of which product."""
    return {SITE_KEY: settings.SITE_URL, "foyer_product": str(product_id)}


def return_url() -> str:
    """Where Checkout sends buyers; Stripe fills in the session's id."""
    return f"{urljoin(settings.SITE_URL, reverse('billing:return'))}?session_id={{CHECKOUT_SESSION_ID}}"


def _switch_on(offer: Offer, *, gateway: Gateway) -> bool:
    """Whether its own link sells again, so that wherever it was published it leads somewhere."""
    try:
        return _keep_link(offer, gateway.update_payment_link(offer.payment_link_id, {"active": True}))
    except (StripeMissing, StripeInvalid) as error:
        log.warning("payment_link_stays_off", payment_link=offer.payment_link_id, error=str(error))
        return False


def _keep_link(offer: Offer, link: Json) -> bool:
    offer.payment_link_id, offer.url, offer.is_live, offer.problem = link["id"], link["url"], link["active"], ""
    offer.save(update_fields=["payment_link_id", "url", "is_live", "problem"])
    return offer.is_live


def _fill_purchase_method(product: Product) -> None:
    """What is put on sale has a way to be bought: by its sales page, where one is live. What the owner chose stays."""
    has_page = SalesPage.objects.filter(product=product, is_live=True).exists()
    way = Product.Purchase.SALES_PAGE if has_page else Product.Purchase.CHECKOUT
    Product.objects.filter(pk=product.pk, purchase=Product.Purchase.NONE).update(purchase=way)


def _change_trial(offer: Offer, days: int, *, gateway: Gateway) -> None:
    if offer.payment_link_id:
        params = {"subscription_data": {"trial_period_days": days or ""}}
        gateway.update_payment_link(offer.payment_link_id, params)
    offer.trial_days = days
    offer.save(update_fields=["trial_days"])


def _payment_link_params(offer: Offer) -> Json:
    marks = marks_of(offer.product_id)
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


def _tell(made: ProductLink, *, actor: User | None) -> None:
    words = ", ".join(
        f"{offer.price_text}{f' after {offer.trial_days} free days' if offer.trial_days else ''}"
        for offer in made.offers.all()
    )
    deed = f"put on sale: {words}" if words else "took everything off sale"
    record_deed(deed, actor_id=actor.pk if actor else None, product_id=made.product_id, now=clock.now())
