"""One person as a test follows them: what they do at Stripe and on the site, and what is written about it."""

import time
from dataclasses import dataclass
from typing import Any

from django.test import Client

from activities.letters import render
from activities.models import Activity, Delivery
from billing.models import Offer, StripeCustomer, Subscription
from hub.access import explain
from hub.models import Grant, Ledger, Product, User
from tests.shops import Json, Shop

Step = tuple[str, str, str]


def signed_in(user: User) -> Client:
    """A browser of their own in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def just_came_in(client: Client) -> Client:
    """As if they had come in by a code a moment ago: nothing asks who they are once more."""
    session = client.session
    session["account_authentication_methods"] = [{"method": "code", "at": time.time()}]
    session["account_authentication_methods_user"] = session["_auth_user_id"]
    session.save()
    return client


def press_buy(user: User, offer: Offer) -> Any:
    """The product page's button for this offer; returns its answer."""
    return signed_in(user).post(f"/checkout/{offer.product.slug}/", {"offer": offer.pk})


@dataclass
class Member:
    shop: Shop
    email: str = "ada@example.org"

    # What they do

    def subscribe(self, *prices: str, card: str = "pm_card_visa", **params: Any) -> Json:
        """A subscription made by the API, with its customer and a card. Nothing is delivered yet."""
        return self.subscribe_to(*({"price": price} for price in prices), card=card, **params)

    def subscribe_to(self, *items: Json, card: str = "pm_card_visa", **params: Any) -> Json:
        """As `subscribe`, of Stripe's own items; an empty `card` leaves the customer without one."""
        api = self.shop.sandbox.api
        default = {"payment_method": card, "invoice_settings": {"default_payment_method": card}} if card else {}
        customer = api.customers.create({"email": self.email, **default})
        found: Json = api.subscriptions.create({"customer": customer.id, "items": list(items), **params}).to_dict()
        return found

    def change(self, subscription: Json, **params: Any) -> Json:
        """An update of the subscription by the API, delivered."""
        found: Json = self.shop.sandbox.api.subscriptions.update(subscription["id"], params).to_dict()
        self.shop.deliver()
        return found

    def switch_once_paid(self, subscription: Json, *, price: str) -> Json:
        """Changes the price, to begin when its difference is paid; which the card cannot."""
        customer = subscription["customer"]
        self.shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": "4000000000000341"})
        item = {"id": self.item(subscription), "price": price}
        terms = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
        return self.change(subscription, items=[item], **terms)

    def press(self, flow: str, subscription: Json) -> str:
        """The portal's button on the account page; returns where it leads."""
        answer = self.browser().post(
            "/portal/",
            {"flow": flow, "customer": subscription["customer"], "subscription": subscription["id"]},
        )
        assert answer.status_code == 303, answer.content
        return str(answer["Location"])

    def cancel(self, subscription: Json) -> None:
        """Cancels in Stripe's portal, by the button on the account page."""
        self._in_portal("cancel", subscription)

    def resume(self, subscription: Json) -> None:
        self._in_portal("resume", subscription)

    def _in_portal(self, action: str, subscription: Json) -> None:
        url = self.press("", subscription)
        self.shop.sandbox.in_portal(url, action, subscription=subscription["id"])
        self.shop.deliver()

    def change_card(self, card: str) -> None:
        """A new card at Stripe; open invoices are tried with it at once."""
        customer = StripeCustomer.objects.get(user=self.user).stripe_id
        self.shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": card, "retry": True})

    def browser(self) -> Client:
        return signed_in(self.user)

    # What there is

    @property
    def nobody(self) -> bool:
        """No account, no grant, nothing told and nothing mailed."""
        return not User.objects.exists() and not Activity.objects.exclude(verb="staff_action").exists()

    @property
    def user(self) -> User:
        return User.objects.get(email=self.email)

    def has(self, product: Product) -> bool:
        return self.shop.has(self.email, product)

    def account_page(self) -> str:
        """The account page's words, white space folded."""
        return " ".join(self.browser().get("/account/").content.decode().split())

    def verbs(self, *only: str) -> list[str]:
        """What was told of them, in the order it was written; `only` some."""
        found = Activity.objects.filter(user__email=self.email).order_by("pk").values_list("verb", flat=True)
        return [verb for verb in found if verb in only or not only]

    def mails(self) -> list[str]:
        """The kinds of e-mail queued for them, oldest first."""
        return list(Delivery.objects.filter(user__email=self.email).order_by("pk").values_list("notice", flat=True))

    def letter(self, notice: str) -> str:
        """The words of the newest e-mail of a kind."""
        queued = Delivery.objects.select_related("user", "product").filter(user__email=self.email, notice=notice)
        return str(render(queued.latest("pk")).body)

    def steps(self, product: Product) -> list[Step]:
        """The ledger of their grants to a product: (from, to, reason)."""
        rows = Ledger.objects.filter(grant__user__email=self.email, grant__product=product).order_by("pk")
        return list(rows.values_list("from_state", "to_state", "reason"))

    def states(self, product: Product) -> list[str]:
        """Their grants to a product, first made first: a state each."""
        rows = Grant.objects.filter(user__email=self.email, product=product).order_by("pk")
        return list(rows.values_list("state", flat=True))

    def grants(self) -> list[Grant]:
        return list(Grant.objects.filter(user__email=self.email).select_related("product").order_by("pk"))

    def ledger(self, *products: Product) -> list[Ledger]:
        return list(Ledger.objects.filter(grant__user__email=self.email, grant__product__in=products).order_by("pk"))

    def why(self, product: Product) -> str:
        """The reason code that the console and `manage.py why` give now."""
        now = self.shop.now()
        return explain(self.user, product, at=now, now=now).reason

    def item(self, subscription: Json) -> str:
        """The id of the first item that the subscription has now."""
        found: str = self.row(subscription).data["items"]["data"][0]["id"]
        return found

    def row(self, subscription: Json) -> Subscription:
        return Subscription.objects.get(stripe_id=subscription["id"])
