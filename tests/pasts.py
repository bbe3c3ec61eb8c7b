"""What a Stripe account has behind it when Foyer comes."""

from typing import Any

from activities import clock
from billing.connection import connect
from billing.shop.linking import link
from hub.models import Product
from tests import cast
from tests.sandboxes import KEY, Sandbox


class Past:
    """A Stripe account with customers, before Foyer is connected to it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.api = sandbox, sandbox.api
        self.product = self.api.products.create({"name": "Studio Membership"}).id
        self.other = self.api.products.create({"name": "Clay by post"}).id
        self.monthly = self._price(self.product, recurring={"interval": "month"})
        self.once = self._price(self.product)
        self.unlinked = self._price(self.other, recurring={"interval": "month"})

    def _price(self, product: str, **more: Any) -> str:
        return self.api.prices.create({"product": product, "currency": "eur", "unit_amount": 2400, **more}).id

    def subscribe(self, email: str, *, price: str = "", card: str = "pm_card_visa", trial_days: int = 0) -> str:
        customer = self.api.customers.create({"email": email} if email else {})
        method = self.api.payment_methods.attach(card, {"customer": customer.id})
        made = self.api.subscriptions.create(
            {
                "customer": customer.id,
                "items": [{"price": price or self.monthly}],
                "default_payment_method": method.id,
                **({"trial_period_days": trial_days} if trial_days else {}),
            }
        )
        return str(made.id)

    def buy_once(self, email: str) -> None:
        made = self.api.payment_links.create({"line_items": [{"price": self.once, "quantity": 1}]})
        self.sandbox.pay_link(made.id, email=email)

    def bill(self, email: str) -> str:
        """An invoice for the one-time price, paid elsewhere. Returns the customer."""
        customer = self.api.customers.create({"email": email}).id
        self.api.invoice_items.create({"customer": customer, "pricing": {"price": self.once}})
        invoice = self.api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
        self.api.invoices.finalize_invoice(str(invoice.id))
        self.api.invoices.pay(str(invoice.id), {"paid_out_of_band": True})
        return str(customer)

    def connect(self) -> Product:
        """Foyer comes two days later, and the owner links the one product."""
        self.sandbox.advance("2d")
        self.sandbox.take_pending()
        connection = connect(KEY, actor=None, now=clock.now())
        connection.created_at = clock.now()  # by Stripe's clock, that the test has moved
        connection.save()
        club = cast.ProductFactory(name="Studio Membership", slug="studio")
        link(club, stripe_product=self.product, prices=[self.monthly], actor=None)
        self.sandbox.take_pending()
        self.sandbox.forget_calls()
        return club
