"""Checkout: sessions from the API or from payment links, paid as the hosted page pays them."""

from sandbox import payments, subscribing
from sandbox.account import Account
from sandbox.cards import attach, find_method, new_card_method, new_debit_method
from sandbox.catalogue import new_lines
from sandbox.clock import due
from sandbox.customers import new_customer
from sandbox.discounts import find_coupon, new_discount, reduction
from sandbox.errors import AuthenticationRequired, InvalidRequest
from sandbox.receipts import bill_one_off
from sandbox.setups import succeed_setup
from sandbox.subscribing import ItemWish, Terms
from sandbox.types import DAY, Obj, Params

DEBITS = ("us_bank_account", "sepa_debit")


def new_session(
    account: Account, params: Params, *, lines: list[Obj] | None = None, payment_link: str | None = None
) -> Obj:
    """An open session. `params` are those of `POST /v1/checkout/sessions`, already validated and checked."""
    mode = params["mode"]
    trial = trial_end_of(account, params.get("subscription_data") or {}) if mode == "subscription" else None
    lines = new_lines(account, params.get("line_items") or [], free=trial is not None) if lines is None else lines
    session_id = "cs_test_" + account.ids.letters(58)
    discounts = [find_coupon(account, wish, param="discounts[0]") for wish in params.get("discounts") or []]
    invoice_creation = params.get("invoice_creation")
    session = account.add(
        {
            "id": session_id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": False},
            "after_expiration": None,
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
            "custom_fields": [],
            "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
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
            "optional_items": [],
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
            "shipping_address_collection": None,
            "shipping_cost": None,
            "shipping_options": [],
            "status": "open",
            "submit_type": params.get("submit_type"),
            "subscription": None,
            "success_url": params.get("success_url"),
            "total_details": None,
            "ui_mode": params.get("ui_mode", "hosted_page"),
            "url": f"{account.base_url}/c/pay/{session_id}",
            "wallet_options": None,
        },
        line_items=lines,
        payment_intent_data=params.get("payment_intent_data") or {},
        subscription_data=params.get("subscription_data") or {},
        setup_intent_data=params.get("setup_intent_data") or {},
        trial_end=trial,
    )
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


def trial_end_of(account: Account, data: Params) -> int | None:
    if data.get("trial_end"):
        return int(data["trial_end"])
    return account.now() + data["trial_period_days"] * DAY if data.get("trial_period_days") else None


def open_session_from_link(account: Account, link: Obj, *, params: Params) -> Obj:
    """What visiting a payment link does. `params` are the URL's: client_reference_id, prefilled_email,
    locked_prefilled_email, prefilled_promo_code; wrong ones are dropped, as Stripe does. Raises InvalidRequest for
    an inactive link."""
    if not link["active"]:
        raise InvalidRequest(link["inactive_message"] or "This payment link is no longer active.")
    notes = account.notes(link["id"])
    recurring = any(line["price"]["type"] == "recurring" for line in notes["line_items"])
    reference = str(params.get("client_reference_id") or "")
    clean = reference.replace("-", "").replace("_", "")
    data: Params = {
        "mode": "subscription" if recurring else "payment",
        "line_items": [
            {"price": line["price"]["id"], "quantity": line["quantity"], "adjustable_quantity": line["adjustable_quantity"]}
            for line in notes["line_items"]
        ],
        "allow_promotion_codes": link["allow_promotion_codes"],
        "billing_address_collection": link["billing_address_collection"],
        "client_reference_id": reference if clean.isascii() and clean.isalnum() and len(reference) <= 200 else None,
        "consent_collection": notes.get("consent_collection"),
        "customer_email": params.get("locked_prefilled_email"),
        "metadata": dict(link["metadata"]),
        "payment_intent_data": notes.get("payment_intent_data"),
        "payment_method_types": link["payment_method_types"],
        "submit_type": link["submit_type"],
        "subscription_data": notes.get("subscription_data"),
        "success_url": (link["after_completion"].get("redirect") or {}).get("url"),
    }
    if recurring:
        data["payment_method_collection"] = link["payment_method_collection"]
    else:
        data["customer_creation"] = link["customer_creation"]
        data["invoice_creation"] = notes.get("invoice_creation")
    session = new_session(account, data, payment_link=link["id"])
    account.note(session["id"], prefilled_email=params.get("prefilled_email"), link_params=dict(params))
    if params.get("prefilled_promo_code") and link["allow_promotion_codes"]:
        try:
            apply_code(account, session, params["prefilled_promo_code"])
        except InvalidRequest:
            return session
    return session


def total_session(account: Account, session: Obj) -> None:
    """Bring the amounts of lines and session up to date with its discounts."""
    lines = account.notes(session["id"])["line_items"]
    coupons = [_coupon_of(account, entry) for entry in session["discounts"] or []]
    for line in lines:
        line["amount_discount"] = 0
    for coupon in coupons:
        left = coupon["amount_off"]
        for line in lines:
            base = line["amount_subtotal"] - line["amount_discount"]
            off = reduction(account, coupon, amount=base, product=line["price"]["product"], left=left)
            left = left - off if left is not None else None
            line["amount_discount"] += off
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


def _coupon_of(account: Account, entry: Obj) -> Obj:
    if entry["coupon"]:
        return account.get("coupon", entry["coupon"])
    code = account.get("promotion_code", entry["promotion_code"])
    return account.get("coupon", code["promotion"]["coupon"])


def apply_code(account: Account, session: Obj, code: str) -> Obj:
    """Enter a promotion code on the page. Raises InvalidRequest where it does not exist or does not fit."""
    if not session["allow_promotion_codes"]:
        raise InvalidRequest("This session does not take promotion codes.", code="promotion_code_invalid")
    found = [row for row in account.table("promotion_code") if row["code"].lower() == code.strip().lower() and row["active"]]
    if not found:
        raise InvalidRequest("This code is invalid.", code="promotion_code_invalid", param="promotion_code")
    find_coupon(account, {"promotion_code": found[0]["id"]}, param="promotion_code")
    account.change(session, discounts=[{"coupon": None, "promotion_code": found[0]["id"]}])
    total_session(account, session)
    return session


def remove_code(account: Account, session: Obj) -> Obj:
    """Take the promotion code off again."""
    account.change(session, discounts=[])
    total_session(account, session)
    return session


def get_open_session(account: Account, session_id: str) -> Obj:
    """The session, open. Raises InvalidRequest `session_expired` or `session_complete` otherwise."""
    session = account.get("checkout.session", session_id)
    if session["status"] != "open":
        raise InvalidRequest(
            f"This Checkout Session is {session['status']}.", code=f"session_{session['status']}"
        )
    return session


def needs_method(session: Obj) -> bool:
    """Whether the page must ask for a card or bank account."""
    if session["mode"] == "setup":
        return True
    if session["mode"] == "subscription" and session["payment_method_collection"] == "always":
        return True
    return bool(session["amount_total"])


def set_quantity(account: Account, session: Obj, *, line_id: str, quantity: int) -> Obj:
    """Change an adjustable line's quantity on the page."""
    for line in account.notes(session["id"])["line_items"]:
        limits = line["adjustable_quantity"]
        if line["id"] == line_id and limits and limits["enabled"]:
            least, most = limits["minimum"] or 0, limits["maximum"] or 99
            line["quantity"] = max(least, min(most, quantity))
            free = account.notes(session["id"])["trial_end"] and line["price"]["type"] == "recurring"
            line["amount_subtotal"] = 0 if free else (line["price"]["unit_amount"] or 0) * line["quantity"]
    total_session(account, session)
    return session


def pay_session(
    account: Account,
    session_id: str,
    *,
    email: str | None = None,
    name: str | None = None,
    card: str | None = None,
    promotion_code: str | None = None,
    outcome: str = "succeed",
    authenticated: bool | None = None,
) -> Obj:
    """Pay as the hosted page does; returns the completed session.

    `card`: a test card number, a ready-made name (pm_card_visa) or a bank debit (us_bank_account, sepa_debit);
    `outcome`: "succeed" or "fail", of a bank debit days later. Raises CardDeclined (the session stays open),
    AuthenticationRequired (call `answer_authentication`), InvalidRequest for a session that is not open.
    """
    session = get_open_session(account, session_id)
    if promotion_code:
        apply_code(account, session, promotion_code)
    email = payer_email(account, session, email)
    method = None
    if needs_method(session):
        if not card:
            raise InvalidRequest("Your card number is incomplete.", code="incomplete_number", param="card")
        method = method_for(account, card, email=email, name=name, outcome=outcome)
    account.note(session_id, payer={"email": email, "name": name, "method": method["id"] if method else None})
    return complete(account, session, authenticated=authenticated)


def answer_authentication(account: Account, session_id: str, *, approved: bool) -> Obj:
    """The payer answered the bank's 3-D Secure question. Raises CardDeclined where it was refused."""
    return complete(account, get_open_session(account, session_id), authenticated=approved)


def payer_email(account: Account, session: Obj, email: str | None) -> str:
    if session["customer"]:
        known = account.get("customer", session["customer"])["email"]
        if known:
            return str(known)
    fixed = session["customer_email"] or email
    if not fixed or "@" not in fixed:
        raise InvalidRequest("Your email is incomplete.", code="email_invalid", param="email")
    return str(fixed).strip()


def method_for(account: Account, card: str, *, email: str, name: str | None, outcome: str) -> Obj:
    if card in DEBITS:
        return new_debit_method(account, card, email=email, name=name, outcome=outcome)
    if card.startswith(("pm_", "tok_")):
        return find_method(account, card)
    return new_card_method(account, card, email=email, name=name)


def complete(account: Account, session: Obj, *, authenticated: bool | None) -> Obj:
    """Take the money by the session's mode, then close it."""
    payer = account.notes(session["id"])["payer"]
    method = account.find("payment_method", payer["method"])
    take = {"payment": take_payment, "subscription": take_subscription, "setup": take_setup}[session["mode"]]
    fields = take(account, session, method, authenticated=authenticated)
    customer = account.find("customer", fields.get("customer", session["customer"]))
    account.schedule("session_expires", session["id"], at=None)
    account.change(
        session,
        **fields,
        collected_information={"business_name": None, "individual_name": None, "shipping_details": None},
        customer_details={
            "address": {"city": None, "country": "DE", "line1": None, "line2": None, "postal_code": None, "state": None},
            "business_name": None,
            "email": payer["email"] or (customer["email"] if customer else None),
            "individual_name": None,
            "name": payer["name"] or (customer["name"] if customer else None),
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        status="complete",
        url=None,
    )
    account.emit("checkout.session.completed", session)
    count_completed(account, session)
    return session


def count_completed(account: Account, session: Obj) -> None:
    """A link with limited places closes when they are taken."""
    link = account.find("payment_link", session["payment_link"])
    if link and link["restrictions"]:
        places = link["restrictions"]["completed_sessions"]
        places = {**places, "count": places["count"] + 1}
        account.change(
            link,
            event="payment_link.updated",
            active=link["active"] and places["count"] < places["limit"],
            restrictions={"completed_sessions": places},
        )


def customer_for(account: Account, session: Obj, *, always: bool) -> Obj | None:
    """The session's customer, made from what the payer typed where one is wanted."""
    if session["customer"]:
        return account.get("customer", session["customer"])
    if not always:
        return None
    payer = account.notes(session["id"])["payer"]
    return new_customer(account, email=payer["email"], name=payer["name"])


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
            _coupon_of(account, entry),
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
    wishes = [
        ItemWish(line["price"], line["quantity"] or 1, dict(line["metadata"] or {}))
        for line in lines
    ]
    behavior = (data.get("trial_settings") or {}).get("end_behavior") or {}
    terms = Terms(
        metadata=data.get("metadata") or {},
        description=data.get("description"),
        trial_end=trial_end_of(account, data),
        missing_payment_method=behavior.get("missing_payment_method", "create_invoice"),
        default_payment_method=method["id"] if method else None,
        billing_mode=(data.get("billing_mode") or {}).get("type", "flexible"),
        billing_cycle_anchor=data.get("billing_cycle_anchor"),
        payment_method_types=list(session["payment_method_types"]) if session["payment_method_types"] else None,
        discounts=[
            (_coupon_of(account, entry), account.find("promotion_code", entry["promotion_code"]))
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
    customer = customer_for(account, session, always=session["customer_creation"] == "always")
    data = account.notes(session["id"])["setup_intent_data"]
    intent = succeed_setup(account, method, customer=customer, metadata=data.get("metadata"))
    return {
        "customer": customer["id"] if customer else None,
        "payment_status": "no_payment_required",
        "setup_intent": intent["id"],
    }


def redirect_url(account: Account, session: Obj) -> str | None:
    """Where the payer goes after paying; None where the hosted confirmation is shown."""
    return session["success_url"] and session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])


@due("session_expires")
def expire_session(account: Account, session_id: str) -> Obj:
    session = get_open_session(account, session_id)
    account.schedule("session_expires", session_id, at=None)
    account.change(session, status="expired", url=None)
    account.emit("checkout.session.expired", session)
    return session


def _settled(account: Account, intent: Obj, *, status: str, event: str) -> None:
    session = account.find("checkout.session", account.notes(intent["id"]).get("session"))
    if session and session["status"] == "complete" and session["payment_status"] == "unpaid":
        card = intent["capture_method"] == "manual"
        account.change(session, payment_status=status)
        if not card:
            account.emit(event, session)


def _succeeded(account: Account, intent: Obj) -> None:
    _settled(account, intent, status="paid", event="checkout.session.async_payment_succeeded")


def _failed(account: Account, intent: Obj) -> None:
    _settled(account, intent, status="unpaid", event="checkout.session.async_payment_failed")


payments.ON_SUCCESS.append(_succeeded)
payments.ON_FAILURE.append(_failed)
