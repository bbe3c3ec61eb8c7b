"""Discounts: coupons redeemed for a customer, a subscription, an item or an invoice, and what they take off lines."""

from sandbox.account import Account
from sandbox.coupons import Found, Purchase, count_redemption, find_coupon, take_off
from sandbox.errors import InvalidRequest
from sandbox.periods import add_months
from sandbox.pricing import amount_of
from sandbox.types import Obj, Params


def new_discount(
    account: Account,
    coupon: Obj,
    *,
    customer: str | None,
    code: Obj | None = None,
    session: str | None = None,
    owner: dict[str, str] | None = None,
) -> Obj:
    """Redeem a coupon. `owner`: subscription, subscription_item, invoice or invoice_item, by id; without any it is
    the customer's, or of a session's payment."""
    now = account.now()
    end = add_months(now, coupon["duration_in_months"]) if coupon["duration"] == "repeating" else None
    count_redemption(account, coupon, code)
    discount = account.add(
        {
            "id": account.ids.make("di"),
            "object": "discount",
            "checkout_session": session,
            "customer": customer,
            "customer_account": None,
            "end": end,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code["id"] if code else None,
            "source": {"type": "coupon", "coupon": coupon["id"]},
            "start": now,
            "subscription": None,
            "subscription_item": None,
            **(owner or {}),
        }
    )
    if is_told(discount):
        account.emit("customer.discount.created", discount)
    return discount


def is_told(discount: Obj) -> bool:
    """Events tell of a customer's, a subscription's and an item's discounts: not of those of one bill or payment."""
    paid_at_once = discount["checkout_session"] and not discount["subscription"]
    return not (discount["invoice"] or discount["invoice_item"] or paid_at_once)


def redeem_all(
    account: Account,
    found: list[Found],
    *,
    customer: str | None,
    session: str | None = None,
    owner: dict[str, str] | None = None,
) -> list[str]:
    """Ids of new discounts for coupons that were found usable."""
    return [
        new_discount(account, coupon, customer=customer, code=code, session=session, owner=owner)["id"]
        for coupon, code in found
    ]


def find_coupons(account: Account, wishes: list[Params] | None, *, param: str, purchase: Purchase) -> list[Found]:
    """Every coupon of `discounts[]`, checked before anything is made."""
    return [
        find_coupon(account, wish, param=f"{param}[{at}]", purchase=purchase) for at, wish in enumerate(wishes or [])
    ]


def replace_discounts(
    account: Account,
    old: list[str],
    wishes: list[Params] | None,
    *,
    purchase: Purchase,
    owner: dict[str, str],
    param: str = "discounts",
) -> list[str]:
    """The discounts that `discounts[]` leaves: `discount` keeps one of the old ones, what is not named ends."""
    kept = [wish["discount"] for wish in wishes or [] if wish.get("discount")]
    for discount_id in kept:
        if discount_id not in old:
            raise InvalidRequest(f"No such discount: '{discount_id}'", code="resource_missing", param=param)
    fresh = [wish for wish in wishes or [] if not wish.get("discount")]
    found = find_coupons(account, fresh, param=param, purchase=purchase)
    for discount_id in old:
        if discount_id not in kept:
            end_discount(account, account.get("discount", discount_id))
    return kept + redeem_all(account, found, customer=purchase.customer, owner=owner)


def discount_subscription(account: Account, subscription: Obj, wishes: list[Params], *, param: str) -> Obj:
    """Redeem coupons for a subscription in place of the discounts that it had."""
    discounts = replace_discounts(
        account,
        subscription["discounts"],
        wishes,
        purchase=Purchase(subscription["currency"], None, subscription["customer"]),
        owner={"subscription": subscription["id"]},
        param=param,
    )
    return account.change(subscription, event="customer.subscription.updated", discounts=discounts)


def end_discount(account: Account, discount: Obj) -> Obj:
    """Take a discount away; its row stays for the invoices that show it. Returns what Stripe answers."""
    account.note(discount["id"], gone=True)
    if is_told(discount):
        account.emit("customer.discount.deleted", discount)
    shown = {name: value for name, value in discount.items() if name != "end"}
    return {**shown, "deleted": True}


def live_discounts(account: Account, ids: list[str], *, invoice: str | None = None) -> list[Obj]:
    """Discounts in force now. One for `once` served the first invoice on which it took something off."""
    live = []
    for discount_id in ids:
        discount, notes = account.get("discount", discount_id), account.notes(discount_id)
        if discount["end"] is not None and discount["end"] <= account.now():
            continue
        if not notes.get("gone") and notes.get("used") in (None, invoice):
            live.append(discount)
    return live


def settle_once(account: Account, invoice: Obj) -> None:
    """A finalised invoice uses up the discounts for `once` that took something off it."""
    for part in invoice["total_discount_amounts"]:
        discount = account.get("discount", part["discount"])
        if part["amount"] and account.get("coupon", discount["source"]["coupon"])["duration"] == "once":
            account.note(discount["id"], used=invoice["id"])


def drop_ended(account: Account, ids: list[str]) -> list[str]:
    """The discounts still in force; the others end."""
    kept = [discount["id"] for discount in live_discounts(account, ids)]
    for discount_id in ids:
        if discount_id not in kept and not account.notes(discount_id).get("gone"):
            end_discount(account, account.get("discount", discount_id))
    return kept


def discount_lines(account: Account, invoice: Obj) -> list[Obj]:
    """Write each line's `discount_amounts`, its own discounts before the invoice's; returns the totals."""
    lines = invoice["lines"]["data"]
    for line in lines:
        line["discount_amounts"] = []
    totals: dict[str, int] = {}
    for line in lines:
        for discount in live_discounts(account, line["discounts"], invoice=invoice["id"]):
            apply(account, discount, [line], totals, currency=invoice["currency"])
    for discount in live_discounts(account, invoice["discounts"], invoice=invoice["id"]):
        apply(account, discount, lines, totals, currency=invoice["currency"])
    return [{"amount": amount, "discount": discount_id} for discount_id, amount in totals.items()]


def apply(account: Account, discount: Obj, lines: list[Obj], totals: dict[str, int], *, currency: str) -> None:
    coupon = account.get("coupon", discount["source"]["coupon"])
    parts = []
    for line in lines:
        left = line["amount"] - sum(part["amount"] for part in line["discount_amounts"])
        product = line["pricing"]["price_details"]["product"] if line["pricing"] else None
        parts.append((left if line["discountable"] else 0, product))
    totals.setdefault(discount["id"], 0)
    for line, off in zip(lines, take_off(account, coupon, parts, currency=currency), strict=True):
        if off:
            line["discount_amounts"].append({"amount": off, "discount": discount["id"]})
            totals[discount["id"]] += off


def net_amount(account: Account, subscription: Obj, item: Obj, *, among: list[Obj], invoice: str | None = None) -> int:
    """What a period of an item costs `among` a subscription's items after discounts; with the `invoice` that billed it,
    after those that counted then."""
    currency, at = subscription["currency"], among.index(item)
    left = [amount_of(account, each["price"], each.get("quantity", 1), currency=currency) for each in among]
    products = [each["price"]["product"] for each in among]
    whole = [(subscription["discounts"], range(len(among)))]
    for ids, covered in [(each["discounts"], range(n, n + 1)) for n, each in enumerate(among)] + whole:
        for discount in live_discounts(account, ids, invoice=invoice):
            if invoice and not counted(account, discount, subscription, invoice=invoice):
                continue
            coupon = account.get("coupon", discount["source"]["coupon"])
            parts = [(left[n] if n in covered else 0, products[n]) for n in range(len(among))]
            off = take_off(account, coupon, parts, currency=currency)
            left = [amount - taken for amount, taken in zip(left, off, strict=True)]
    return left[at]


def counted(account: Account, discount: Obj, subscription: Obj, *, invoice: str) -> bool:
    """Whether a discount was there when the present period was billed, or changed since by what waits to be billed."""
    bill = account.get("invoice", invoice)
    if discount["id"] in [part["discount"] for part in bill["total_discount_amounts"]]:
        return True
    waiting = account.list("invoiceitem", customer=subscription["customer"], invoice=None)
    changed = [row["date"] for row in waiting if row["proration"]]
    return bool(discount["start"] < bill["created"] or any(discount["start"] <= at for at in changed))
