"""Taking the money of a Checkout session, by its mode: a payment, a subscription, or a card for later."""

from sandbox import payments, subscribing
from sandbox.account import Account
from sandbox.addresses import full_shipping
from sandbox.cards import attach
from sandbox.catalogue import ItemWish
from sandbox.customers import new_customer
from sandbox.discounts import new_discount
from sandbox.errors import AuthenticationRequired
from sandbox.receipts import bill_one_off
from sandbox.sessions import coupon_of, trial_end_of
from sandbox.setups import confirm_setup, new_setup
from sandbox.subscribing import Terms
from sandbox.types import Obj, Params


def customer_for(account: Account, session: Obj, *, always: bool) -> Obj | None:
    """The session's customer, made from what the payer typed where one is wanted."""
    payer, told = (account.notes(session["id"])[name] for name in ("payer", "told"))
    contact = told["contact"]
    if session["customer"]:
        return update_customer(account, session, payer=payer, contact=contact)
    if not always:
        return None
    return new_customer(
        account,
        email=payer["email"],
        name=contact["business_name"] or payer["name"],
        address=contact["address"],
        phone=contact["phone"],
        shipping=shipping_of(contact),
    )


def update_customer(account: Account, session: Obj, *, payer: Obj, contact: Obj) -> Obj:
    """A known customer keeps what they had, but for the parts that `customer_update` sets to `auto`."""
    customer = account.get("customer", session["customer"])
    typed = {
        "address": contact["address"],
        "name": contact["business_name"] or payer["name"],
        "shipping": shipping_of(contact),
    }
    wish = account.notes(session["id"]).get("customer_update") or {}
    changes = {name: value for name, value in typed.items() if value and wish.get(name) == "auto"}
    return account.change(customer, event="customer.updated", **changes) if changes else customer


def shipping_of(contact: Obj) -> Obj | None:
    """The shipping hash of customers and payments."""
    return contact["shipping"] and {**contact["shipping"], "phone": contact["phone"]}


def take_payment(account: Account, session: Obj, method: Obj | None, *, authenticated: bool | None) -> Obj:
    data = account.notes(session["id"])["payment_intent_data"]
    billed = session["invoice_creation"]["enabled"]
    wanted = session["customer_creation"] == "always" or billed or bool(data.get("setup_future_usage"))
    if not session["amount_total"]:
        customer = customer_for(account, session, always=wanted)
        redeem(account, session, customer=customer)
        fields: Obj = {"customer": customer["id"] if customer else None, "payment_status": "no_payment_required"}
    else:
        assert method is not None  # noqa: S101 - asked for by needs_method
        intent = session_intent(account, session, data)
        shipping = shipping_of(account.notes(session["id"])["told"]["contact"])
        if shipping:
            account.change(intent, shipping=full_shipping(shipping))
        payments.confirm(account, intent, method, authenticated=authenticated)
        if intent["status"] == "requires_action":
            raise AuthenticationRequired("Your bank asks you to approve this payment.")
        customer = customer_for(account, session, always=wanted)
        if customer:
            bind_customer(account, intent, customer)
            if data.get("setup_future_usage"):
                attach(account, method, customer=customer, checked=True)
        redeem(account, session, customer=customer)
        fields = {
            "customer": customer["id"] if customer else None,
            "payment_status": "paid" if intent["status"] == "succeeded" else "unpaid",
        }
    if billed and customer:
        fields["invoice"] = bill_one_off(account, session, customer)["id"]
    return fields


def session_intent(account: Account, session: Obj, data: Params) -> Obj:
    """The session's PaymentIntent, made at the first attempt and kept for the next ones."""
    if session["payment_intent"]:
        return account.get("payment_intent", session["payment_intent"])
    intent = payments.create_intent(
        account,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        capture_method=data.get("capture_method", "automatic_async"),
        description=data.get("description"),
        metadata=data.get("metadata") or {},
        payment_method_types=session["payment_method_types"],
        receipt_email=data.get("receipt_email"),
        setup_future_usage=data.get("setup_future_usage"),
        shipping=full_shipping(data["shipping"]) if data.get("shipping") else None,
        statement_descriptor=data.get("statement_descriptor"),
        statement_descriptor_suffix=data.get("statement_descriptor_suffix"),
        transfer_group=data.get("transfer_group"),
    )
    account.change(session, payment_intent=intent["id"])
    account.note(intent["id"], session=session["id"])
    return intent


def bind_customer(account: Account, intent: Obj, customer: Obj) -> None:
    account.change(intent, customer=customer["id"])
    charge = account.find("charge", intent["latest_charge"])
    if charge:
        account.change(charge, customer=customer["id"])


def redeem(account: Account, session: Obj, *, customer: Obj | None) -> None:
    """Count the coupon of a one-off purchase as used."""
    for entry in session["discounts"] or []:
        code = account.find("promotion_code", entry["promotion_code"])
        new_discount(
            account,
            coupon_of(account, entry),
            customer=customer["id"] if customer else None,
            session=session["id"],
            code=code,
        )


def take_subscription(account: Account, session: Obj, method: Obj | None, *, authenticated: bool | None) -> Obj:
    if method:
        refusal = payments.refusal_of(account, method, off_session=False, authenticated=authenticated)
        if refusal:
            raise refusal
        if payments.needs_authentication(account, method, off_session=False, authenticated=authenticated):
            raise AuthenticationRequired("Your bank asks you to approve this payment.")
    customer = customer_for(account, session, always=True)
    assert customer is not None  # noqa: S101 - always
    if method:
        attach(account, method, customer=customer, checked=True)
    notes = account.notes(session["id"])
    data, lines = notes["subscription_data"], notes["line_items"]
    wishes = [ItemWish(line["price"], line["quantity"] or 1, dict(line["metadata"] or {})) for line in lines]
    behavior = (data.get("trial_settings") or {}).get("end_behavior") or {}
    terms = Terms(
        metadata=data.get("metadata") or {},
        description=data.get("description"),
        currency=session["currency"],
        trial_end=trial_end_of(account, data),
        missing_payment_method=behavior.get("missing_payment_method", "create_invoice"),
        default_payment_method=method["id"] if method else None,
        billing_mode=(data.get("billing_mode") or {}).get("type", "flexible"),
        billing_cycle_anchor=data.get("billing_cycle_anchor"),
        proration_behavior=data.get("proration_behavior", "create_prorations"),
        payment_method_types=list(session["payment_method_types"]) if session["payment_method_types"] else None,
        discounts=[
            (coupon_of(account, entry), account.find("promotion_code", entry["promotion_code"]))
            for entry in session["discounts"] or []
        ],
        one_time=[wish for wish in wishes if wish.price["type"] == "one_time"],
        born_active=True,
        authenticated=authenticated,
        session=session["id"],
    )
    recurring = [wish for wish in wishes if wish.price["type"] == "recurring"]
    subscription = subscribing.start_subscription(account, customer, recurring, terms)
    return {
        "customer": customer["id"],
        "invoice": subscription["latest_invoice"],
        "payment_status": first_payment_status(account, session, subscription),
        "subscription": subscription["id"],
    }


def first_payment_status(account: Account, session: Obj, subscription: Obj) -> str:
    """`unpaid` while a bank debit runs, `no_payment_required` for a trial or a free plan."""
    invoice = account.get("invoice", subscription["latest_invoice"])
    if not invoice["amount_due"]:
        return "no_payment_required"
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        account.note(payment["payment"]["payment_intent"], session=session["id"])
    return "paid" if invoice["status"] == "paid" else "unpaid"


def take_setup(account: Account, session: Obj, method: Obj | None, *, authenticated: bool | None) -> Obj:
    assert method is not None  # noqa: S101 - asked for by needs_method
    intent = session_setup(account, session)
    confirm_setup(account, intent, method, authenticated=authenticated)
    if intent["status"] == "requires_action":
        raise AuthenticationRequired("Your bank asks you to approve this payment method.")
    customer = customer_for(account, session, always=session["customer_creation"] == "always")
    if customer and intent["customer"] is None:
        attach(account, method, customer=customer, checked=True)
        account.change(intent, customer=customer["id"])
    return {
        "customer": customer["id"] if customer else None,
        "payment_status": "no_payment_required",
        "setup_intent": intent["id"],
    }


def session_setup(account: Account, session: Obj) -> Obj:
    """The session's SetupIntent, made at the first attempt and kept for the next ones."""
    if session["setup_intent"]:
        return account.get("setup_intent", session["setup_intent"])
    data = account.notes(session["id"])["setup_intent_data"]
    intent = new_setup(
        account,
        customer=account.find("customer", session["customer"]),
        description=data.get("description"),
        metadata=data.get("metadata"),
        payment_method_types=session["payment_method_types"],
    )
    account.change(session, setup_intent=intent["id"])
    return intent
