"""What people do at Stripe: buy in every way there is, subscribe, change their minds, fail to pay, ask for it back."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from billing.models import Offer
from hub.models import Product
from tests import cast
from tests.shops import Json, Shop

EMAILS = ("ada@example.org", "ben@example.org", "Ada@Example.org", "cleo@example.org", "ben@example.org")
GOOD, BAD = "4242424242424242", "4000000000000341"  # the second can be kept, and cannot be charged later
CARDS = (GOOD, GOOD, "sepa_debit", GOOD, "4000000000005126", "sepa_debit", "4000000000007726")
RECURRING = {"interval": "month"}
THANKS = "https://elsewhere.example/thanks"
GLAZES_DAYS = 30


@dataclass
class People:
    """Each thing takes a number that chooses who and how; what is not possible now raises or does nothing."""

    shop: Shop
    circle: Product = field(init=False)
    glazes: Product = field(init=False)
    small: Offer = field(init=False)  # the circle, monthly
    short: Offer = field(init=False)  # the glazes: bought once, open for thirty days

    def __post_init__(self) -> None:
        self.circle = cast.ProductFactory(name="Kiln Circle", slug="circle")
        self.glazes = cast.ProductFactory(name="Glazes", slug="glazes", access_days=GLAZES_DAYS)
        (self.small,) = self.shop.sell(self.circle, {"unit_amount": 900, "recurring": RECURRING})
        (self.short,) = self.shop.sell(self.glazes, {"unit_amount": 3000})

    # Buying

    def buy(self, number: int) -> None:
        """On a payment link of ours; a number in five fails to come through where it is a bank debit."""
        shop = self.shop
        offer = (shop.once, shop.monthly, shop.yearly, self.small)[number % 4]
        outcome = "fail" if number % 5 == 4 else "succeed"
        shop.buy(offer, email=EMAILS[number % 5], card=CARDS[number % 7], outcome=outcome)

    def buy_time(self, number: int) -> None:
        self._apart()
        self.shop.buy(self.short, email=EMAILS[number % 5])

    def buy_as_guest(self, number: int) -> None:
        """On a link that is not ours: Stripe makes no customer."""
        card = CARDS[number % 7]
        self.shop.sandbox.pay_link(self._foreign_link, email=EMAILS[number % 5], card=card)

    def buy_for_nothing(self, number: int) -> None:
        coupon = self.api.coupons.create({"percent_off": 100, "duration": "once"})
        self._check_out(number, [self.shop.once], discounts=[{"coupon": coupon.id}])

    def buy_cart(self, number: int) -> None:
        self._apart()
        invoiced = {"invoice_creation": {"enabled": True}} if number % 2 else {}
        self._check_out(number, [self.shop.once, self.short], **invoiced)

    def buy_mixed(self, number: int) -> None:
        """A course with the first month of a membership."""
        self._check_out(number, [self.shop.monthly, self.shop.once], mode="subscription")

    def pay_bill(self, number: int) -> None:
        """An invoice written by hand, paid by card or over the counter."""
        customer = self._customer(number, card=GOOD)
        bill = str(self.api.invoices.create({"customer": customer}).id)
        line: Any = {"customer": customer, "invoice": bill, "pricing": {"price": self.shop.once.price_id}}
        self.api.invoice_items.create(line)
        self.api.invoices.finalize_invoice(bill)
        self.api.invoices.pay(bill, {"paid_out_of_band": True} if number % 2 else {})

    # Subscribing, other than by our links

    def subscribe(self, number: int) -> None:
        at_end = {"missing_payment_method": ("pause", "cancel", "create_invoice")[number % 3]}
        ways: list[tuple[str, Json]] = [
            (GOOD, {"trial_period_days": 7}),
            ("", {"trial_period_days": 7, "trial_settings": {"end_behavior": at_end}}),
            (GOOD, {"billing_mode": {"type": "classic"}}),
            (GOOD, {"collection_method": "send_invoice", "days_until_due": 7}),
            (BAD, {}),
            (GOOD, {"items": [{"price": self.shop.monthly.price_id}, {"price": self.small.price_id}]}),
            (GOOD, {"items": [{"price": self.shop.yearly.price_id}, {"price": self.small.price_id}]}),
        ]
        card, wishes = ways[number % 7]
        params: Any = {"items": [{"price": self.shop.monthly.price_id}], **wishes}
        self.api.subscriptions.create({"customer": self._customer(number, card=card), **params})

    def subscribe_again(self, number: int) -> None:
        """A second subscription of a customer that Stripe knows."""
        if sub := self._subscription(number):
            offer = (self.small, self.shop.monthly)[number % 2]
            self.api.subscriptions.create({"customer": sub.customer, "items": [{"price": offer.price_id}]})

    # Changing their minds

    def cancel_at_period_end(self, number: int) -> None:
        self._update(number, {"cancel_at_period_end": True})

    def cancel_in_portal(self, number: int) -> None:
        self._in_portal(number, "cancel")

    def resume(self, number: int) -> None:
        if number % 2:
            self._in_portal(number, "resume")
        else:
            self._update(number, {"cancel_at_period_end": False})

    def cancel_now(self, number: int) -> None:
        if sub := self._subscription(number):
            self.api.subscriptions.cancel(sub.id)

    def switch_plan(self, number: int) -> None:
        if sub := self._subscription(number):
            item = self.api.subscription_items.list({"subscription": sub.id}).data[0]
            offers = (self.shop.monthly, self.shop.yearly, self.small)
            price = offers[number % 3].price_id
            self._update(number, {"items": [{"id": item.id, "price": price}]})

    def add_item(self, number: int) -> None:
        self._update(number, {"items": [{"price": (self.small, self.shop.monthly)[number % 2].price_id}]})

    def remove_item(self, number: int) -> None:
        if sub := self._subscription(number):
            item = self.api.subscription_items.list({"subscription": sub.id}).data[-1]
            self.api.subscription_items.delete(item.id)

    def pause(self, number: int) -> None:
        behavior = ("void", "keep_as_draft", "mark_uncollectible")[number % 3]
        resumes: Json = {"resumes_at": int(self.shop.now().timestamp()) + 20 * 86_400} if number % 2 else {}
        self._update(number, {"pause_collection": {"behavior": behavior, **resumes} if number % 4 else ""})

    def wake(self, number: int) -> None:
        """Of a trial that ended without a card: here is one."""
        if sub := self._subscription(number):
            self._put_card(sub.customer, GOOD, retry=False)
            self.api.subscriptions.resume(sub.id)

    # Paying badly, and back

    def break_card(self, number: int) -> None:
        if sub := self._subscription(number):
            self._put_card(sub.customer, BAD, retry=False)

    def mend_card(self, number: int) -> None:
        if sub := self._subscription(number):
            self._put_card(sub.customer, GOOD, retry=True)

    def close_invoice(self, number: int) -> None:
        """The owner gives an open invoice up, or was paid in cash."""
        invoices = self.api.invoices
        if found := invoices.list({"status": "open", "limit": 100}).data:
            invoice = str(found[number % len(found)].id)
            if number % 3 == 0:
                invoices.void_invoice(invoice)
            elif number % 3 == 1:
                invoices.mark_uncollectible(invoice)
            else:
                invoices.pay(invoice, {"paid_out_of_band": True})

    def refund(self, number: int) -> None:
        if charge := self._charge(number):
            left = charge.amount - charge.amount_refunded
            part: Any = {"amount": max(1, left // 2)} if number % 2 else {}
            self.api.refunds.create({"charge": charge.id, **part})

    def dispute(self, number: int) -> None:
        if (charge := self._charge(number)) and not charge.disputed:
            status = ("needs_response", "warning_needs_response", "needs_response")[number % 3]
            self.shop.sandbox.post(f"/sandbox/charges/{charge.id}/dispute", {"status": status})

    def settle_dispute(self, number: int) -> None:
        if disputes := self.api.disputes.list().data:
            dispute = disputes[number % len(disputes)]
            inquiry = dispute.status.startswith("warning_")
            verdicts = ("warning_closed", "needs_response") if inquiry else ("won", "lost", "under_review", "lost")
            self.shop.sandbox.set_fields(dispute.id, status=verdicts[number % len(verdicts)])

    # How they find what they act on

    @property
    def api(self) -> Any:
        return self.shop.sandbox.api

    @cached_property
    def _foreign_link(self) -> str:
        line = {"price": self.shop.once.price_id, "quantity": 1}
        return str(self.api.payment_links.create({"line_items": [line]}).id)

    @cached_property
    def _portal(self) -> str:
        features = {"subscription_cancel": {"enabled": True, "mode": "at_period_end"}}
        return str(self.api.billing_portal.configurations.create({"features": features}).id)

    def _check_out(self, number: int, offers: list[Offer], *, mode: str = "payment", **params: Any) -> None:
        lines = [{"price": offer.price_id, "quantity": 1} for offer in offers]
        made = self.api.checkout.sessions.create({"mode": mode, "line_items": lines, "success_url": THANKS, **params})
        self.shop.sandbox.pay_session(str(made.id), email=EMAILS[number % 5])

    def _customer(self, number: int, *, card: str) -> str:
        customer = str(self.api.customers.create({"email": EMAILS[number % 5]}).id)
        if card:
            self._put_card(customer, card, retry=False)
        return customer

    def _subscription(self, number: int) -> Any:
        found = self.api.subscriptions.list({"limit": 100}).data
        return found[number % len(found)] if found else None

    def _charge(self, number: int) -> Any:
        found = [charge for charge in self.api.charges.list({"limit": 100}).data if charge.paid]
        return found[number % len(found)] if found else None

    def _update(self, number: int, params: Json) -> None:
        if sub := self._subscription(number):
            self.api.subscriptions.update(sub.id, params)

    def _in_portal(self, number: int, action: str) -> None:
        if sub := self._subscription(number):
            visit = {"customer": sub.customer, "configuration": self._portal, "return_url": THANKS}
            url = self.api.billing_portal.sessions.create(visit).url
            self.shop.sandbox.in_portal(url, action, subscription=sub.id)

    def _put_card(self, customer: str, card: str, *, retry: bool) -> None:
        self.shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": card, "retry": retry})

    def _apart(self) -> None:
        """No two purchases of a limited time in the same second: nobody could say which came first."""
        self.shop.sandbox.advance("2s")
