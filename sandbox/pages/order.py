"""What a checkout session sells, in the words and figures of its page."""

from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.account import Account
from sandbox.discounts import reduction
from sandbox.pages.wording import day, every, money, price_text
from sandbox.types import DAY, Obj

ADVERBS: Final = {"day": "daily", "week": "weekly", "month": "monthly", "year": "yearly"}


@dataclass
class Order:
    """Amounts are minor units of ``currency``."""

    currency: str
    names: list[str]
    rows: list[dict[str, Any]]
    subtotal: int
    discount: int
    once: int
    recurring: int
    recurring_off: int
    interval: Obj | None
    trial_end: int | None
    now: int
    code: str = ""
    bought: list[Obj] = field(default_factory=list)

    @property
    def due(self) -> int:
        """What is paid today."""
        return self.once if self.trial_end else self.subtotal - self.discount

    def as_context(self, *, merchant: str) -> dict[str, Any]:
        """What the summary template shows."""
        return {
            "headline": self.headline(merchant),
            "figure": self.figure(),
            "figure_unit": "" if self.trial_end else every(self.interval),
            "then": self.then(),
            "lines": self.rows,
            "subtotal": money(self.once if self.trial_end else self.subtotal, self.currency),
            "discount": money(-self.discount, self.currency) if self.discount and not self.trial_end else "",
            "code": self.code,
            "total_label": "Total due today" if self.interval else "Total due",
            "total": money(self.due, self.currency),
        }

    def headline(self, merchant: str) -> str:
        """The first line: what one is about to do."""
        name = self.names[0] if len(self.names) == 1 else ""
        if self.trial_end:
            return f"Try {name or merchant}"
        if self.interval:
            return f"Subscribe to {name or merchant}"
        return name or f"Pay {merchant}"

    def figure(self) -> str:
        """The figure everybody looks for."""
        if self.trial_end:
            days = round((self.trial_end - self.now) / DAY)
            return f"{days} day{'s' if days != 1 else ''} free"
        return money(self.recurring - self.recurring_off if self.interval else self.due, self.currency)

    def then(self) -> str:
        """What is charged later, and what is charged once today beside it."""
        price = f"{money(self.recurring - self.recurring_off, self.currency)} {every(self.interval)}"
        if self.trial_end:
            return f"Then {price}, starting {day(self.trial_end)}"
        if self.interval and self.once:
            return f"{money(self.due, self.currency)} today, then {price}"
        return ""


def read_order(account: Account, session: Obj, *, coupon: Obj | None = None, code: str = "") -> Order:
    """Sum up a session, as it would be with a promotion code's ``coupon`` where one was typed."""
    lines = account.notes(session["id"]).get("line_items", [])
    repeating = [line for line in lines if line["price"] and line["price"].get("recurring")]
    recurring = sum(full_amount(line) for line in repeating)
    subtotal = sum(full_amount(line) for line in lines)
    lasting = coupon is not None and coupon["duration"] != "once"
    return Order(
        currency=session["currency"] or "usd",
        names=list(dict.fromkeys(line["description"] or "Item" for line in lines)),
        rows=[line_row(account, line) for line in lines],
        subtotal=subtotal,
        discount=discount_of(account, session, lines, coupon=coupon),
        once=subtotal - recurring,
        recurring=recurring,
        recurring_off=discount_of(account, session, repeating, coupon=coupon) if lasting else 0,
        interval=repeating[0]["price"]["recurring"] if repeating else None,
        trial_end=trial_end(account, session),
        now=account.now(),
        code=code,
        bought=lines,
    )


def full_amount(line: Obj) -> int:
    """A line's amount before discounts and whatever a trial takes off."""
    price = line["price"]
    if price and price.get("unit_amount") is not None:
        return int(price["unit_amount"]) * int(line["quantity"] or 1)
    return int(line["amount_subtotal"])


def line_row(account: Account, line: Obj) -> dict[str, Any]:
    """One line as the summary shows it."""
    price = line["price"]
    product = account.find("product", price["product"]) if price else None
    images = (product or {}).get("images") or []
    return {
        "name": line["description"] or "Item",
        "description": (product or {}).get("description") or "",
        "quantity": line["quantity"] or 1,
        "each": price_text(price).split(" ")[0],
        "billed": adverb(price.get("recurring") if price else None),
        "amount": money(full_amount(line), line["currency"]),
        "image": images[0] if images else "",
    }


def adverb(recurring: Obj | None) -> str:
    """How often a line is billed, as an adverb."""
    if not recurring:
        return ""
    count = recurring.get("interval_count") or 1
    return ADVERBS[recurring["interval"]] if count == 1 else f"every {count} {recurring['interval']}s"


def discount_of(account: Account, session: Obj, lines: list[Obj], *, coupon: Obj | None) -> int:
    """What is taken off these lines: by the typed coupon, else by the session's own discounts."""
    if coupon is None:
        return sum(int(line["amount_discount"]) for line in lines)
    off, left = 0, coupon["amount_off"]
    for line in lines:
        product = line["price"]["product"] if line["price"] else None
        part = reduction(account, coupon, amount=full_amount(line), product=product, left=left)
        left = left - part if left is not None else None
        off += part
    return off


def trial_end(account: Account, session: Obj) -> int | None:
    """When the free days of a session that begins with some would end, if it were completed now."""
    data = account.notes(session["id"]).get("subscription_data") or {}
    if data.get("trial_period_days"):
        return account.now() + int(data["trial_period_days"]) * DAY
    return data.get("trial_end") or None
