"""What the sandbox's tests put on sale, and how they look at what happened."""

from dataclasses import dataclass
from typing import Any

from tests.sandboxes import Json, Sandbox

DAY = 86_400
GOOD, DECLINED, FAILS_LATER = "4242424242424242", "4000000000000002", "4000000000000341"
THANKS = "https://shop.example/thanks?session_id={CHECKOUT_SESSION_ID}"


@dataclass
class Shelf:
    """A club paid monthly and a course paid once."""

    sandbox: Sandbox
    club: str
    course: str
    monthly: str
    once: str

    @classmethod
    def stock(cls, sandbox: Sandbox) -> "Shelf":
        api = sandbox.api
        club = api.products.create({"name": "Club"})
        course = api.products.create({"name": "Course"})
        monthly = api.prices.create(
            {"product": club.id, "currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
        )
        once = api.prices.create({"product": course.id, "currency": "eur", "unit_amount": 18000})
        return cls(sandbox, club.id, course.id, monthly.id, once.id)

    def link(self, price: str, **more: Any) -> str:
        made = self.sandbox.api.payment_links.create({"line_items": [{"price": price, "quantity": 1}], **more})  # type: ignore[typeddict-item]
        return made.id

    def subscribe(self, *, email: str = "ada@example.org", card: str = GOOD, **more: Any) -> Json:
        """A stranger subscribes monthly on a payment link; returns the subscription."""
        session = self.sandbox.pay_link(self.link(self.monthly, **more), email=email, card=card)["session"]
        return self.subscription(session["subscription"])

    def buy(self, *, email: str = "ada@example.org", card: str = GOOD, **more: Any) -> Json:
        """A stranger buys the course on a payment link; returns the session."""
        session: Json = self.sandbox.pay_link(self.link(self.once, **more), email=email, card=card)["session"]
        return session

    def subscription(self, subscription: str) -> Json:
        return self.sandbox.api.subscriptions.retrieve(subscription).to_dict()

    def charge_of(self, session: Json) -> str:
        intent = self.sandbox.api.payment_intents.retrieve(session["payment_intent"])
        return str(intent.latest_charge)

    def events(self, **params: Any) -> list[str]:
        """Types of the newest hundred events, oldest first."""
        page = self.sandbox.api.events.list({"limit": 100, **params})  # type: ignore[typeddict-item]
        return [event.type for event in reversed(page.data)]


def item_of(subscription: Json) -> Json:
    """Its first item."""
    item: Json = subscription["items"]["data"][0]
    return item
