"""Stripe objects as the lists show them: names beside ids, states in words."""

from collections.abc import Iterable

from sandbox.account import Account
from sandbox.pages.wording import day, money, price_text
from sandbox.putting_off import waiting_phase
from sandbox.types import Obj

# A subscription in one of these can still be cancelled; the others are over.
LIVE = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete")
BRANDS = {"visa": "Visa", "mastercard": "Mastercard", "amex": "American Express", "discover": "Discover"}


def merchant_name(account: Account) -> str:
    """What the account calls itself."""
    settings = account.settings
    return str(settings.get("display_name") or settings.get("business_name") or "Sandbox account")


def product_name(account: Account, price: Obj | None) -> str:
    """The name of the product that a price sells."""
    product = account.find("product", price["product"]) if price else None
    return product["name"] if product else "Item"


def ends_at(subscription: Obj) -> int | None:
    """When a subscription that is set to end will end: said by a date (flexible) or a flag (classic)."""
    if subscription["cancel_at"]:
        return int(subscription["cancel_at"])
    if subscription["cancel_at_period_end"]:
        return max(int(item["current_period_end"]) for item in subscription["items"]["data"])
    return None


def subscription_row(account: Account, subscription: Obj) -> Obj:
    """One line of a subscriptions list."""
    items = subscription["items"]["data"]
    customer = account.find("customer", subscription["customer"]) or {}
    ending = ends_at(subscription)
    live = subscription["status"] in LIVE
    return {
        "id": subscription["id"],
        "customer": subscription["customer"],
        "who": customer.get("name") or customer.get("email") or subscription["customer"],
        "name": ", ".join(dict.fromkeys(product_name(account, item["price"]) for item in items)),
        "price": " + ".join(item_text(item) for item in items),
        "status": subscription["status"],
        "next": what_comes_next(subscription, ending=ending),
        "created": subscription["created"],
        "live": live,
        "can_resume": live and ending is not None,
        "can_cancel": live and ending is None,
        "overdue": overdue_text(account, subscription),
        "waits": waiting_plan(account, subscription),
    }


def waiting_plan(account: Account, subscription: Obj) -> str:
    """What the portal put off to the end of the period, else nothing."""
    phase = waiting_phase(account, subscription)
    if phase is None:
        return ""
    item = phase["items"][0]
    price = account.get("price", item["price"])
    name, text = product_name(account, price), item_text({"price": price, "quantity": item["quantity"]})
    return f"Changes to {name}, {text}, on {day(phase['start_date'])}"


def item_text(item: Obj) -> str:
    """A subscription item's price, with its quantity where there are several."""
    text = price_text(item["price"])
    quantity = item.get("quantity") or 1
    return f"{quantity} × {text}" if quantity > 1 else text


def what_comes_next(subscription: Obj, *, ending: int | None) -> str:
    """The next date that matters to the person who pays."""
    status = subscription["status"]
    if status in ("canceled", "incomplete_expired"):
        return f"Ended on {day(subscription['ended_at'])}"
    if ending is not None:
        return f"Ends on {day(ending)}"
    if status == "trialing":
        return f"Trial until {day(subscription['trial_end'])}"
    if status in ("paused", "unpaid", "incomplete"):
        return "Waiting for a payment"
    return f"Renews on {day(min(item['current_period_end'] for item in subscription['items']['data']))}"


def overdue_text(account: Account, subscription: Obj) -> str:
    """The sentence about an unpaid invoice of a subscription that is behind, else nothing."""
    if subscription["status"] not in ("past_due", "unpaid"):
        return ""
    unpaid = [row for row in account.list("invoice", subscription=subscription["id"]) if row["status"] == "open"]
    if not unpaid:
        return ""
    invoice = unpaid[-1]
    amount = money(invoice["amount_remaining"], invoice["currency"])
    retry = invoice["next_payment_attempt"]
    again = f" It is tried again on {day(retry)}." if retry else ""
    return f"The payment of {amount} failed.{again}"


def method_rows(account: Account, customer: Obj) -> list[Obj]:
    """A customer's saved payment methods, those that pay the next invoices first; these cannot be removed."""
    used = methods_in_use(account, customer)
    methods = account.list("payment_method", customer=customer["id"])
    rows = [{**method_text(method), "id": method["id"], "is_default": method["id"] in used} for method in methods]
    return sorted(rows, key=lambda row: not row["is_default"])


def methods_in_use(account: Account, customer: Obj) -> set[str]:
    """What pays: each live subscription's own method, else the customer's default."""
    default = customer["invoice_settings"]["default_payment_method"]
    live = [row for row in account.list("subscription", customer=customer["id"]) if row["status"] in LIVE]
    return {row["default_payment_method"] or default for row in live} - {None} or {default}


def method_text(method: Obj) -> Obj:
    """{label, icon, expiry} of a payment method."""
    card = method.get("card")
    if card:
        brand = BRANDS.get(card["brand"], card["brand"].capitalize())
        expiry = f"{card['exp_month']:02}/{card['exp_year']}"
        return {"label": f"{brand} •••• {card['last4']}", "icon": "credit-card", "expiry": expiry}
    details = method.get(method["type"]) or {}
    label = {"us_bank_account": "Bank account", "sepa_debit": "SEPA debit"}.get(method["type"], method["type"])
    last4 = f" •••• {details['last4']}" if details.get("last4") else ""
    return {"label": f"{label}{last4}", "icon": "landmark", "expiry": ""}


def payment_row(account: Account, intent: Obj) -> Obj:
    """One line of a payments list, from a PaymentIntent and its latest charge."""
    charge = account.find("charge", intent["latest_charge"]) or {}
    customer = account.find("customer", intent["customer"]) or {}
    billing = charge.get("billing_details") or {}
    return {
        "id": intent["id"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "state": payment_state(intent, charge),
        "about": paid_for(account, intent),
        "customer": intent["customer"],
        "email": customer.get("email") or billing.get("email") or intent.get("receipt_email") or "",
        "created": intent["created"],
        "method": charge_method(charge),
        "failure": charge.get("failure_message") or "",
    }


def payment_state(intent: Obj, charge: Obj) -> str:
    """What to say of a payment in one word."""
    if charge.get("refunded"):
        return "refunded"
    if charge.get("disputed"):
        return "disputed"
    if charge.get("amount_refunded"):
        return "partially_refunded"
    failed = intent["status"] == "requires_payment_method" and charge.get("status") == "failed"
    return "failed" if failed else str(intent["status"])


def charge_method(charge: Obj) -> str:
    """The card or account that a charge used."""
    details = charge.get("payment_method_details")
    return str(method_text(details)["label"]) if details else "–"


def invoices_of(account: Account, intent_id: str) -> list[Obj]:
    """Invoices that a PaymentIntent pays (the link between them is the invoice payment)."""
    payments = account.list("invoice_payment", payment_intent=intent_id)
    return [invoice for row in payments if (invoice := account.find("invoice", row["invoice"]))]


def paid_for(account: Account, intent: Obj) -> str:
    """What a payment bought, as far as any object says."""
    for session in account.list("checkout.session", payment_intent=intent["id"]):
        return joined(line["description"] for line in account.notes(session["id"]).get("line_items", []))
    for invoice in invoices_of(account, intent["id"]):
        return joined(line["description"] for line in invoice["lines"]["data"])
    return intent.get("description") or "Payment"


def joined(parts: Iterable[str | None]) -> str:
    """Distinct parts in one line."""
    return ", ".join(dict.fromkeys(part for part in parts if part)) or "Payment"
