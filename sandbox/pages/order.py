"""What a checkout session sells, in the words and figures of its page."""

from dataclasses import dataclass
from typing import Any, Final

from sandbox.account import Account
from sandbox.coupons import take_off
from sandbox.pages.wording import day, every, money
from sandbox.pricing import amount_of, terms_in
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
    is_open: bool = False  # the buyer has yet to say how much

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
        if not self.rows:
            return f"Save a card with {merchant}"
        if self.trial_end:
            return f"Try {name or merchant}"
        if self.interval:
            return f"Subscribe to {name or merchant}"
        return name or f"Pay {merchant}"

    def figure(self) -> str:
        """The figure everybody looks for; none where nothing is bought."""
        if not self.rows or self.is_open:
            return ""
        if self.trial_end:
            return days_text(self.trial_end - self.now)
        return money(self.recurring - self.recurring_off if self.interval else self.due, self.currency)

    def then(self) -> str:
        """What is charged later, and what is charged once today beside it."""
        price = f"{money(self.recurring - self.recurring_off, self.currency)} {every(self.interval)}"
        if self.trial_end:
            return f"Then {price}, starting {day(self.trial_end)}"
        if self.interval and self.once:
            return f"{money(self.due, self.currency)} today, then {price}"
        return ""


def read_order(account: Account, session: Obj) -> Order:
    """Sum up a session as it stands, with the promotion code entered so far."""
    lines = account.notes(session["id"]).get("line_items", [])
    repeating = [line for line in lines if line["price"] and line["price"].get("recurring")]
    recurring = sum(full_amount(account, line) for line in repeating)
    codes = [account.find("promotion_code", entry["promotion_code"]) for entry in session["discounts"] or []]
    coupons = coupons_of(account, session)
    offered = [offer["price"] for offer in session["optional_items"] or []]
    ends = trial_end(account, session)
    free = days_text(ends - account.now()) if ends else ""
    lasting = [coupon for coupon in coupons if coupon["duration"] != "once"]
    return Order(
        currency=session["currency"] or "usd",
        names=list(dict.fromkeys(line["description"] or "Item" for line in lines)),
        rows=[
            line_row(account, line, free_days=free) | {"extra": bool(line["price"] and line["price"]["id"] in offered)}
            for line in lines
        ],
        subtotal=sum(full_amount(account, line) for line in lines),
        discount=taken_off(account, lines, coupons=coupons),
        once=sum(int(line["amount_total"]) for line in lines if line not in repeating),
        recurring=recurring,
        recurring_off=taken_off(account, repeating, coupons=lasting),
        interval=repeating[0]["price"]["recurring"] if repeating else None,
        trial_end=ends,
        now=account.now(),
        code=", ".join(code["code"] for code in codes if code),
        is_open=any(
            line["price"] and line["price"]["custom_unit_amount"] and not full_amount(account, line) for line in lines
        ),
    )


def extras_of(account: Account, session: Obj) -> list[dict[str, Any]]:
    """Optional items that are not on the order yet."""
    taken = [line["price"]["id"] for line in account.notes(session["id"]).get("line_items", []) if line["price"]]
    found = []
    for offer in session["optional_items"] or []:
        price = account.find("price", offer["price"])
        if price is None or price["id"] in taken:
            continue
        product = account.find("product", price["product"]) or {}
        cost = amount_of(account, price, offer["quantity"], currency=session["currency"])
        found.append(
            {
                "id": price["id"],
                "name": product.get("name") or "Item",
                "description": product.get("description") or "",
                "image": (product.get("images") or [""])[0],
                "quantity": offer["quantity"],
                "amount": f"{money(cost, session['currency'])} {every(price['recurring'])}".strip(),
            }
        )
    return found


def coupons_of(account: Account, session: Obj) -> list[Obj]:
    """The coupons behind a session's discounts."""
    found = []
    for entry in session["discounts"] or []:
        code = account.find("promotion_code", entry["promotion_code"])
        coupon = account.find("coupon", code["promotion"]["coupon"] if code else entry["coupon"])
        if coupon:
            found.append(coupon)
    return found


def full_amount(account: Account, line: Obj) -> int:
    """A line's amount before discounts and whatever a trial takes off."""
    price = line["price"]
    if price and not price["custom_unit_amount"]:
        return amount_of(account, price, line["quantity"] or 1, currency=line["currency"])
    return int(line["amount_subtotal"])


def unit_text(account: Account, line: Obj) -> str:
    """One unit's price in the currency of the line."""
    unit = terms_in(account, line["price"], line["currency"])["unit_amount"] if line["price"] else None
    return "Amount varies" if unit is None else money(unit, line["currency"])


def days_text(seconds: int) -> str:
    """A trial's length in words."""
    days = round(seconds / DAY)
    return f"{days} day{'s' if days != 1 else ''} free"


def line_row(account: Account, line: Obj, *, free_days: str = "") -> dict[str, Any]:
    """One line as the summary shows it; ``free_days`` stands in for a recurring amount on trial."""
    price = line["price"]
    product = account.find("product", price["product"]) if price else None
    recurring = price.get("recurring") if price else None
    free = bool(free_days and recurring)
    images = (product or {}).get("images") or []
    return {
        "id": line["id"],
        "price": price["id"] if price else "",
        "limits": adjustable(line),
        "name": line["description"] or "Item",
        "description": (product or {}).get("description") or "",
        "quantity": line["quantity"] or 1,
        "each": unit_text(account, line),
        "billed": "" if free else adverb(recurring),
        "then": f"{money(full_amount(account, line), line['currency'])} {every(recurring)} after" if free else "",
        "amount": free_days if free else money(full_amount(account, line), line["currency"]),
        "image": images[0] if images else "",
    }


def adjustable(line: Obj) -> dict[str, int] | None:
    """The bounds of a quantity that the buyer may change."""
    limits = line.get("adjustable_quantity")
    if not limits or not limits["enabled"]:
        return None
    return {"least": limits.get("minimum") or 0, "most": limits.get("maximum") or 99}


def adverb(recurring: Obj | None) -> str:
    """How often a line is billed, as an adverb."""
    if not recurring:
        return ""
    count = recurring.get("interval_count") or 1
    return ADVERBS[recurring["interval"]] if count == 1 else f"every {count} {recurring['interval']}s"


def taken_off(account: Account, lines: list[Obj], *, coupons: list[Obj]) -> int:
    """What the coupons take off these lines at their full amounts (a trial's lines cost nothing today)."""
    left = [full_amount(account, line) for line in lines]
    products = [line["price"]["product"] if line["price"] else None for line in lines]
    for coupon in coupons if lines else ():
        off = take_off(account, coupon, list(zip(left, products, strict=True)), currency=lines[0]["currency"])
        left = [amount - taken for amount, taken in zip(left, off, strict=True)]
    return sum(full_amount(account, line) for line in lines) - sum(left)


def trial_end(account: Account, session: Obj) -> int | None:
    """When the free days of a session that begins with some would end, if it were completed now."""
    data = account.notes(session["id"]).get("subscription_data") or {}
    if data.get("trial_period_days"):
        return account.now() + int(data["trial_period_days"]) * DAY
    return data.get("trial_end") or None
