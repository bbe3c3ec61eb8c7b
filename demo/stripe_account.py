"""The demo's Stripe account: the official SDK for what an owner does there, the sandbox's controls for the rest."""

import json
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any

import stripe

from demo.place import KEY

Json = dict[str, Any]
CARD = "4242424242424242"


class StripeAccount:
    def __init__(self, url: str) -> None:
        self._url = url
        self.api = stripe.StripeClient(
            KEY, base_addresses={"api": url}, http_client=stripe.RequestsClient(timeout=30)
        ).v1

    def call_itself(self, name: str) -> None:
        self._post("settings", {"display_name": name, "retry_days": [3, 7, 15]})

    def sell(self, name: str, *, description: str, prices: list[Json]) -> tuple[str, list[str]]:
        """A new product with its prices: their ids. Amounts in euro cents."""
        product = self.api.products.create({"name": name, "description": description})
        made = [
            self.api.prices.create({"product": product.id, "currency": "eur", **price})  # type: ignore[typeddict-item]
            for price in prices
        ]
        return product.id, [price.id for price in made]

    def subscribe(self, *, email: str, name: str, price: str, trial_days: int) -> None:
        """A subscription with a trial, made in the dashboard for a new customer with a card."""
        customer = self.api.customers.create(
            {
                "email": email,
                "name": name,
                "payment_method": "pm_card_visa",
                "invoice_settings": {"default_payment_method": "pm_card_visa"},
            }
        )
        self.api.subscriptions.create(
            {"customer": customer.id, "items": [{"price": price}], "trial_period_days": trial_days}
        )

    def refund(self, payment_intent: str, *, cents: int | None) -> None:
        """All of a payment, or `cents` of it."""
        params: stripe.params.RefundCreateParams = {"payment_intent": payment_intent}
        if cents is not None:
            params["amount"] = cents
        self.api.refunds.create(params)

    # What people do on Stripe's pages

    def pay_link(self, payment_link: str, *, email: str, name: str, card: str = CARD, reference: str = "") -> Json:
        """Somebody pays on a payment link's page: the finished Checkout Session."""
        wishes = {"email": email, "name": name, "card": card, "client_reference_id": reference}
        session: Json = self._post(f"links/{payment_link}/pay", wishes)["session"]
        return session

    def pay_session(self, url: str, *, card: str = CARD, name: str = "") -> Json:
        session: Json = self._post(f"checkout/{_last_part(url)}/pay", {"card": card, "name": name})["session"]
        return session

    def in_portal(self, url: str, act: str, **wishes: str) -> None:
        self._post(f"portal/{_last_part(url)}/{act}", wishes)

    # Time and post

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._get("clock")["now"], UTC)

    def move_to(self, moment: datetime) -> None:
        """Forward only; an earlier moment changes nothing."""
        if moment > self.now():
            self._post("clock", {"to": int(moment.timestamp())})

    def next_due(self) -> datetime | None:
        """When something is due at Stripe next: a renewal, a retry, the end of a trial."""
        at = self._get("clock")["next"]
        return datetime.fromtimestamp(at, UTC) if at else None

    def catch_up_with_real_time(self) -> None:
        offset = self._get("clock")["offset"]
        if offset < 0:
            self._post("clock", {"advance": str(-offset)})

    def wait_for_the_post(self, *, seconds: float = 20) -> None:
        """Until every webhook is delivered."""
        deadline = time.monotonic() + seconds
        while any(self._get(f"deliveries?state={state}")["data"] for state in ("waiting", "sending")):
            if time.monotonic() > deadline:
                raise TimeoutError("webhooks are not being delivered")
            time.sleep(0.05)

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/sandbox/{path}", timeout=30) as answer:  # noqa: S310 - our own address
            return json.load(answer)

    def _post(self, path: str, wishes: Json) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self._url}/sandbox/{path}",
            data=json.dumps({name: wish for name, wish in wishes.items() if wish != ""}).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


def _last_part(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2].partition("?")[0]
