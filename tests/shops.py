"""A small shop for the tests: what an owner has set up, and what happens to it."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.test import Client

from activities import clock
from billing.connection import connect
from billing.intake.draining import drain, sweep
from billing.models import Connection, Offer, ProductLink
from billing.shop.linking import link
from hub.access import can_open
from hub.models import Product, User
from tests import cast
from tests.sandboxes import KEY, Sandbox

Json = dict[str, Any]


@dataclass
class Shop:
    sandbox: Sandbox
    connection: Connection
    course: Product
    club: Product
    once: Offer
    monthly: Offer
    yearly: Offer

    @classmethod
    def open(cls, sandbox: Sandbox) -> "Shop":
        connection = connect(KEY, actor=None, now=clock.now())
        course = cast.ProductFactory(name="The Wheel", slug="the-wheel")
        club = cast.ProductFactory(name="Studio Membership", slug="studio")
        once = _sell(sandbox, course, [{"unit_amount": 18000}])[0]
        monthly, yearly = _sell(
            sandbox,
            club,
            [
                {"unit_amount": 2400, "recurring": {"interval": "month"}},
                {"unit_amount": 24000, "recurring": {"interval": "year"}},
            ],
        )
        sandbox.take_pending()
        sandbox.forget_calls()
        return cls(sandbox, connection, course, club, once, monthly, yearly)

    def sell(self, product: Product, *prices: Json) -> list[Offer]:
        """Links a further product with a new Stripe product of these prices."""
        return _sell(self.sandbox, product, list(prices))

    def buy(self, offer: Offer, *, email: str = "ada@example.org", **more: Any) -> Json:
        """A stranger pays on the offer's payment link. Returns the finished session."""
        session: Json = self.sandbox.pay_link(offer.payment_link_id, email=email, **more)["session"]
        return session

    def post_webhook(self, delivery: Json, **changes: Any) -> int:
        """One delivery, as Stripe posts it; returns the status it is answered with."""
        return post_webhook(self.connection, delivery, **changes)

    def deliver(self) -> list[str]:
        """Posts every held delivery in order and lets the worker work. Returns the event types."""
        held = self.sandbox.take_pending()
        for delivery in held:
            assert self.post_webhook(delivery) == 200
        drain()
        return [json.loads(delivery["body"])["type"] for delivery in held]

    def advance(self, by: str, *, deliver: bool = True) -> None:
        """Time passes at Stripe and here; the beat sweeps."""
        self.sandbox.advance(by)
        if deliver:
            self.deliver()
        sweep()

    def now(self) -> datetime:
        """Business time: Stripe's and ours."""
        return clock.now()

    def has(self, email: str, product: Product) -> bool:
        user = User.objects.filter(email=email).first()
        return user is not None and can_open(user, product, now=clock.now())


def stripe_settings(slug: str) -> str:
    """The address of a product's Stripe settings in the console."""
    return f"/console/products/{Product.objects.get(slug=slug).pk}/stripe/"


def press_unlink(desk: Client, slug: str, *, follow: bool = False) -> Any:
    """The button of the page that asks before a product's link ends; returns its answer."""
    made = ProductLink.objects.get(product__slug=slug, unlinked_at=None)
    return desk.post(f"{stripe_settings(slug)}unlink/", {"link": made.pk}, follow=follow)


def post_webhook(connection: Connection, delivery: Json, *, body: bytes | None = None, **headers: str) -> int:
    signature = headers.get("signature", delivery["headers"].get("Stripe-Signature", ""))
    return (
        Client()
        .post(
            f"/stripe/webhook/{connection.webhook_uuid}/",
            data=delivery["body"].encode() if body is None else body,
            content_type="application/json",
            headers={"stripe-signature": signature} if signature else {},
        )
        .status_code
    )


def _sell(sandbox: Sandbox, product: Product, prices: list[Json]) -> list[Offer]:
    stripe_product = sandbox.api.products.create({"name": product.name})
    made = [
        sandbox.api.prices.create({"product": stripe_product.id, "currency": "eur", **price}).id for price in prices
    ]
    linked = link(product, stripe_product=stripe_product.id, prices=made, actor=None)
    by_price = {offer.price_id: offer for offer in linked.offers.select_related("product", "link")}
    return [by_price[price] for price in made]
