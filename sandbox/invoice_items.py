"""Invoice items: one-off amounts that wait for, or sit on, an invoice; prorations among them."""

from fractions import Fraction

from sandbox.account import Account
from sandbox.coupons import Found
from sandbox.currencies import check_most
from sandbox.discounts import net_amount, redeem_all
from sandbox.pricing import amount_of, part_of, unit_decimal
from sandbox.types import Obj


def new_invoice_item(
    account: Account,
    customer: Obj,
    *,
    amount: int | None = None,
    currency: str | None = None,
    price: Obj | None = None,
    quantity: int = 1,
    description: str | None = None,
    period: tuple[int, int] | None = None,
    subscription: str | None = None,
    subscription_item: str | None = None,
    proration: bool = False,
    discountable: bool = True,
    metadata: Obj | None = None,
    invoice: str | None = None,
    found: list[Found] | None = None,
) -> Obj:
    """`amount` in minor units, else `price` times `quantity`; `found` are the coupons that it redeems."""
    now = account.now()
    code = currency or (price["currency"] if price else "eur")
    cost = amount_of(account, price, quantity, currency=code) if price else 0
    total = cost if amount is None else amount
    check_most(total, code)
    name = account.get("product", price["product"])["name"] if price else None
    pricing = None
    if price:
        pricing = {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": unit_decimal(account, price, currency=code),
        }
    parent = None
    if subscription:
        details: Obj = {"subscription": subscription}
        if subscription_item:
            details["subscription_item"] = subscription_item
        parent = {"type": "subscription_details", "subscription_details": details}
    start, end = period or (now, now)
    item_id = account.ids.make("ii")
    discounts = redeem_all(account, found or [], customer=customer["id"], owner={"invoice_item": item_id})
    return account.add(
        {
            "id": item_id,
            "object": "invoiceitem",
            "amount": total,
            "currency": code,
            "customer": customer["id"],
            "customer_account": None,
            "date": now,
            "description": description or name,
            "discountable": discountable and not proration,
            "discounts": discounts,
            "invoice": invoice,
            "livemode": False,
            "metadata": metadata or {},
            "net_amount": total,
            "parent": parent,
            "period": {"start": start, "end": end},
            "pricing": pricing,
            "proration": proration,
            "quantity": quantity,
            "quantity_decimal": str(quantity),
            "tax_rates": [],
            "test_clock": customer.get("test_clock"),
        },
        event="invoiceitem.created",
    )


def prorate(
    account: Account,
    subscription: Obj,
    *,
    old: Obj | None,
    new: Obj | None,
    before: list[Obj],
    after: list[Obj],
    at: int,
) -> list[Obj]:
    """Credit the unused rest of `old` and charge the rest of `new`, to the second and net of discounts, as pending
    invoice items. `before` and `after` are all of the subscription's items, among which discounts are spread."""
    customer = account.get("customer", subscription["customer"])
    made = []
    for item, sign, words in ((old, -1, "Unused time on"), (new, 1, "Remaining time on")):
        if item is None:
            continue
        among, served = (after, None) if sign > 0 else (before, subscription["latest_invoice"])
        start, end = item["current_period_start"], item["current_period_end"]
        share = max(Fraction(0), min(Fraction(1), Fraction(end - at, max(1, end - start))))
        full = net_amount(account, subscription, item, among=among, invoice=served)
        name = account.get("product", item["price"]["product"])["name"]
        made.append(
            new_invoice_item(
                account,
                customer,
                amount=sign * part_of(full, share),
                currency=subscription["currency"],
                price=item["price"],
                quantity=item.get("quantity", 1),
                description=f"{words} {name}",
                period=(at, end),
                subscription=subscription["id"],
                subscription_item=item["id"],
                proration=True,
            )
        )
    return made
