"""Checkout sessions as objects: what they say and what they sum up to."""

from fractions import Fraction

from sandbox.account import Account
from sandbox.catalogue import WHOLE, new_lines, price_of
from sandbox.coupons import Purchase, spread, take_off
from sandbox.currencies import check_least, check_most, nearest
from sandbox.discounts import find_coupons
from sandbox.errors import InvalidRequest
from sandbox.periods import part_of_period
from sandbox.pricing import terms_in
from sandbox.types import DAY, Obj, Params


def new_session(account: Account, params: Params, *, payment_link: str | None = None) -> Obj:
    """An open session. `params` are those of `POST /v1/checkout/sessions`, already validated and checked."""
    mode = params["mode"]
    trial = trial_end_of(account, params.get("subscription_data") or {}) if mode == "subscription" else None
    data = params.get("subscription_data") or {}
    lines = new_lines(
        account,
        params.get("line_items") or [],
        currency=params.get("currency"),
        part=lambda price: first_part(account, price, data=data, trial_end=trial),
    )
    session_id = f"cs_{account.mode}_{account.ids.letters(58)}"
    purchase = Purchase(
        currency=lines[0]["currency"] if lines else None,
        amount=sum(line["amount_subtotal"] for line in lines),
        customer=params.get("customer"),
    )
    if mode == "payment" and purchase.amount and purchase.currency:
        what = "The Checkout Session's total amount due"
        check_least(purchase.amount, purchase.currency, what=what, param=None)
        check_most(purchase.amount, purchase.currency, what=what, param=None)
    discounts = find_coupons(account, params.get("discounts"), param="discounts", purchase=purchase)
    invoice_creation = params.get("invoice_creation")
    session = account.add(
        {
            "id": session_id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": False},
            "after_expiration": new_recovery(params.get("after_expiration")),
            "allow_promotion_codes": params.get("allow_promotion_codes"),
            "amount_subtotal": None,
            "amount_total": None,
            "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
            "billing_address_collection": params.get("billing_address_collection"),
            "cancel_url": params.get("cancel_url"),
            "client_reference_id": params.get("client_reference_id"),
            "client_secret": None,
            "collected_information": None,
            "consent": None,
            "consent_collection": consents(params.get("consent_collection")),
            "created": account.now(),
            "currency": lines[0]["currency"] if lines else params.get("currency"),
            "currency_conversion": None,
            "custom_fields": [new_custom_field(wish, value=None) for wish in params.get("custom_fields") or []],
            "custom_text": new_custom_text(params.get("custom_text")),
            "customer": params.get("customer"),
            "customer_account": None,
            "customer_creation": None
            if params.get("customer")
            else params.get("customer_creation", "if_required")
            if mode == "payment"
            else "always",
            "customer_details": None,
            "customer_email": params.get("customer_email"),
            "discounts": [
                {"coupon": None if code else coupon["id"], "promotion_code": code["id"] if code else None}
                for coupon, code in discounts
            ],
            "excluded_payment_method_types": [],
            "expires_at": params.get("expires_at") or account.now() + DAY,
            "integration_identifier": None,
            "invoice": None,
            "invoice_creation": {
                "enabled": bool(invoice_creation and invoice_creation["enabled"]),
                "invoice_data": invoice_data((invoice_creation or {}).get("invoice_data") or {}),
            }
            if mode == "payment"
            else None,
            "livemode": False,
            "locale": params.get("locale"),
            "managed_payments": None,
            "metadata": params.get("metadata") or {},
            "mode": mode,
            "optional_items": new_optional_items(account, params.get("optional_items"), lines),
            "origin_context": None,
            "payment_intent": None,
            "payment_link": payment_link,
            "payment_method_collection": params.get("payment_method_collection", "always")
            if mode == "subscription"
            else "if_required",
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": params.get("payment_method_types") or ["card"],
            "payment_status": "unpaid",
            "permissions": None,
            "phone_number_collection": params.get("phone_number_collection") or {"enabled": False},
            "recovered_from": None,
            "saved_payment_method_options": None,
            "setup_intent": None,
            "shipping_address_collection": params.get("shipping_address_collection"),
            "shipping_cost": None,
            "shipping_options": [],
            "status": "open",
            "submit_type": params.get("submit_type"),
            "subscription": None,
            "success_url": params.get("success_url"),
            "tax_id_collection": tax_ids(params.get("tax_id_collection")),
            "total_details": None,
            "ui_mode": params.get("ui_mode", "hosted_page"),
            "url": f"{account.base_url}/c/pay/{session_id}",
            "wallet_options": None,
        },
        line_items=lines,
        payment_intent_data=params.get("payment_intent_data") or {},
        subscription_data=params.get("subscription_data") or {},
        setup_intent_data=params.get("setup_intent_data") or {},
        customer_update=params.get("customer_update") or {},
        trial_end=trial,
    )
    if session["after_expiration"]:
        account.note(session_id, params=dict(params))
    total_session(account, session)
    account.schedule("session_expires", session_id, at=session["expires_at"])
    return session


def consents(wish: Params | None) -> Obj | None:
    if not wish:
        return None
    return {
        "payment_method_reuse_agreement": None,
        "promotions": wish.get("promotions"),
        "terms_of_service": wish.get("terms_of_service"),
    }


def tax_ids(wish: Params | None) -> Obj:
    return {"enabled": False, "required": "never", **(wish or {})}


def invoice_data(wish: Params) -> Obj:
    return {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": wish.get("description"),
        "footer": wish.get("footer"),
        "issuer": None,
        "metadata": wish.get("metadata") or {},
        "rendering_options": None,
    }


def new_recovery(wish: Params | None) -> Obj | None:
    if not wish or not wish.get("recovery"):
        return None
    recovery = wish["recovery"]
    shown = {"allow_promotion_codes": recovery.get("allow_promotion_codes", False), "enabled": recovery["enabled"]}
    return {"recovery": {**shown, "expires_at": None, "url": None}}


def new_custom_text(wish: Params | None) -> Obj:
    places = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return {**dict.fromkeys(places), **(wish or {})}


def new_custom_field(wish: Params, **value: None) -> Obj:
    """A field of the seller's own; `value` is there on sessions and missing on links."""
    kind, given = wish["type"], wish.get(wish["type"]) or {}
    limits = (
        {"options": given.get("options")}
        if kind == "dropdown"
        else {name: given.get(name) for name in ("maximum_length", "minimum_length")}
    )
    return {
        kind: {"default_value": given.get("default_value"), **limits, **value},
        "key": wish["key"],
        "label": wish["label"],
        "optional": wish.get("optional", False),
        "type": kind,
    }


def new_optional_items(account: Account, wishes: list[Params] | None, lines: list[Obj]) -> list[Obj]:
    """What the buyer may add. Raises Stripe's refusals of prices that do not fit the order."""
    shown = []
    for at, wish in enumerate(wishes or []):
        price = price_of(account, wish, param=f"optional_items[{at}]")
        terms_in(account, price, lines[0]["currency"])
        if any(line["price"]["id"] == price["id"] for line in lines):
            raise InvalidRequest(
                "A price cannot be in both `line_items` and `optional_items`.", param=f"optional_items[{at}][price]"
            )
        if price["type"] == "recurring" and all(line["price"]["type"] == "one_time" for line in lines):
            raise InvalidRequest(
                "Recurring prices can only be optional where the line items have one too.",
                param=f"optional_items[{at}][price]",
            )
        limits = wish.get("adjustable_quantity")
        shown.append(
            {
                "adjustable_quantity": limits and {"maximum": None, "minimum": None, **limits},
                "price": price["id"],
                "quantity": wish["quantity"],
            }
        )
    return shown


def first_part(account: Account, price: Obj, *, data: Params, trial_end: int | None) -> Fraction:
    """How much of a price's first period is paid at Checkout: nothing in a trial, less before a later anchor."""
    anchor = data.get("billing_cycle_anchor")
    if price["type"] == "one_time":
        return WHOLE
    if trial_end or (anchor and data.get("proration_behavior") == "none"):
        return Fraction(0)
    return part_of_period(account.now(), anchor, price["recurring"]) if anchor else WHOLE


def trial_end_of(account: Account, data: Params) -> int | None:
    if data.get("trial_end"):
        return int(data["trial_end"])
    return account.now() + data["trial_period_days"] * DAY if data.get("trial_period_days") else None


def total_session(account: Account, session: Obj) -> None:
    """Bring the amounts of lines and session up to date with its discounts."""
    lines = account.notes(session["id"])["line_items"]
    coupons = [coupon_of(account, entry) for entry in session["discounts"] or []]
    for line in lines:
        line["amount_discount"] = 0
    for coupon in coupons:
        parts = [(line["amount_subtotal"] - line["amount_discount"], line["price"]["product"]) for line in lines]
        off = take_off(account, coupon, parts, currency=session["currency"])
        payable = spread(nearest(sum(off), session["currency"]), off)  # what is left can be charged
        for line, part in zip(lines, payable, strict=True):
            line["amount_discount"] += part
    for line in lines:
        line["amount_total"] = line["amount_subtotal"] - line["amount_discount"]
    account.note(session["id"], line_items=lines)
    off_all = sum(line["amount_discount"] for line in lines)
    subtotal = sum(line["amount_subtotal"] for line in lines)
    setup = session["mode"] == "setup"
    account.change(
        session,
        amount_subtotal=None if setup else subtotal,
        amount_total=None if setup else subtotal - off_all,
        total_details=None if setup else {"amount_discount": off_all, "amount_shipping": 0, "amount_tax": 0},
    )


def coupon_of(account: Account, entry: Obj) -> Obj:
    if entry["coupon"]:
        return account.get("coupon", entry["coupon"])
    code = account.get("promotion_code", entry["promotion_code"])
    return account.get("coupon", code["promotion"]["coupon"])
