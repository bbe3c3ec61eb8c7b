"""Checkout: sessions opened by payment links, paid as the hosted page pays them, expired."""

from sandbox import payments
from sandbox.account import Account
from sandbox.answers import Answers, take_answers
from sandbox.cards import IBAN, find_method, new_card_method, new_debit_method, new_iban_method
from sandbox.choosing import apply_code, choose_amount, refuse_unchosen
from sandbox.clock import due
from sandbox.coupons import Purchase, find_coupon
from sandbox.errors import InvalidRequest
from sandbox.sessions import new_session
from sandbox.taking import take_payment, take_setup, take_subscription
from sandbox.types import DAY, Obj, Params

DEBITS = ("us_bank_account", "sepa_debit")
RECOVERABLE_FOR = 30 * DAY


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
            {
                "price": line["price"]["id"],
                "quantity": line["quantity"],
                "adjustable_quantity": line["adjustable_quantity"],
            }
            for line in notes["line_items"]
        ],
        "allow_promotion_codes": link["allow_promotion_codes"],
        "billing_address_collection": link["billing_address_collection"],
        "client_reference_id": reference if clean.isascii() and clean.isalnum() and len(reference) <= 200 else None,
        "currency": link["currency"],
        "consent_collection": notes.get("consent_collection"),
        "customer_email": params.get("locked_prefilled_email"),
        "metadata": dict(link["metadata"]),
        "payment_intent_data": notes.get("payment_intent_data"),
        "payment_method_types": link["payment_method_types"],
        "custom_fields": notes.get("custom_fields"),
        "custom_text": notes.get("custom_text"),
        "optional_items": link["optional_items"],
        "phone_number_collection": link["phone_number_collection"],
        "shipping_address_collection": link["shipping_address_collection"],
        "submit_type": link["submit_type"],
        "tax_id_collection": link["tax_id_collection"],
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


def recover_session(account: Account, session_id: str) -> Obj:
    """A copy of an expired session, by the link that its buyer was sent. Raises InvalidRequest once that is over."""
    old = account.get("checkout.session", session_id)
    recovery = (old["after_expiration"] or {}).get("recovery")
    if old["status"] != "expired" or not recovery or (recovery["expires_at"] or 0) <= account.now():
        raise InvalidRequest("This link has expired.", code="session_expired")
    params = {**account.notes(session_id)["params"], "expires_at": None}
    if recovery["allow_promotion_codes"]:
        params |= {"allow_promotion_codes": True, "discounts": None}
    fresh = new_session(account, params, payment_link=old["payment_link"])
    return account.change(fresh, recovered_from=session_id)


def get_open_session(account: Account, session_id: str) -> Obj:
    """The session, open. Raises InvalidRequest `session_expired` or `session_complete` otherwise."""
    session = account.get("checkout.session", session_id)
    if session["status"] != "open":
        raise InvalidRequest(f"This Checkout Session is {session['status']}.", code=f"session_{session['status']}")
    return session


def needs_method(session: Obj) -> bool:
    """Whether the page must ask for a card or bank account."""
    if session["mode"] == "setup":
        return True
    if session["mode"] == "subscription" and session["payment_method_collection"] == "always":
        return True
    return bool(session["amount_total"])


def pay_session(
    account: Account,
    session_id: str,
    *,
    email: str | None = None,
    name: str | None = None,
    card: str | None = None,
    promotion_code: str | None = None,
    amount: int | None = None,
    outcome: str = "succeed",
    authenticated: bool | None = None,
    answers: Answers | None = None,
) -> Obj:
    """Pay as the hosted page does; returns the completed session.

    `card`: a test card number, a saved or ready-made method (pm_card_visa), an IBAN, or a bank debit (us_bank_account,
    sepa_debit);
    `outcome`: "succeed" or "fail", of a bank debit days later; `amount`: minor units, where the buyer says how much.
    `answers`: whatever else is asked; without them nothing of it is insisted on. Raises CardDeclined (the session stays
    open), AuthenticationRequired (call `answer_authentication`), InvalidRequest for a session that is not open.
    """
    session = get_open_session(account, session_id)
    if promotion_code:
        apply_code(account, session, promotion_code)
    if amount is not None:
        choose_amount(account, session, amount=amount)
    refuse_unchosen(account, session)
    told = take_answers(account, session, answers or Answers(), insist=answers is not None)
    email = payer_email(account, session, email)
    method = None
    if needs_method(session):
        if not card:
            raise InvalidRequest("Your card number is incomplete.", code="incomplete_number", param="card")
        method = method_for(account, card, email=email, name=name, outcome=outcome)
        fill_billing_details(account, method, told["contact"])
    account.note(
        session_id, payer={"email": email, "name": name, "method": method["id"] if method else None}, told=told
    )
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
    if IBAN.fullmatch(card):
        return new_iban_method(account, card, email=email, name=name)
    if card in DEBITS:
        return new_debit_method(account, card, email=email, name=name, outcome=outcome)
    if card.startswith(("pm_", "tok_")):
        return find_method(account, card)
    return new_card_method(account, card, email=email, name=name)


def fill_billing_details(account: Account, method: Obj, contact: Obj) -> None:
    """A method that is typed anew has the address and phone typed beside it."""
    if method["customer"] is None:
        details = {**method["billing_details"], "phone": contact["phone"]}
        account.change(method, billing_details={**details, "address": contact["address"] or details["address"]})


def complete(account: Account, session: Obj, *, authenticated: bool | None) -> Obj:
    """Take the money by the session's mode, then close it."""
    payer, told = (account.notes(session["id"])[name] for name in ("payer", "told"))
    contact = told["contact"]
    refuse_spent(account, session)
    method = account.find("payment_method", payer["method"])
    take = {"payment": take_payment, "subscription": take_subscription, "setup": take_setup}[session["mode"]]
    fields = take(account, session, method, authenticated=authenticated)
    customer = account.find("customer", fields.get("customer", session["customer"]))
    account.schedule("session_expires", session["id"], at=None)
    account.change(
        session,
        **fields,
        collected_information={
            "business_name": contact["business_name"],
            "individual_name": None,
            "shipping_details": contact["shipping"],
        },
        **told["fields"],
        customer_details={
            "address": contact["address"],
            "business_name": contact["business_name"],
            "email": payer["email"] or (customer["email"] if customer else None),
            "individual_name": None,
            "name": payer["name"] or (customer["name"] if customer else None),
            "phone": contact["phone"],
            "tax_exempt": "none",
            "tax_ids": contact["tax_ids"],
        },
        status="complete",
        url=None,
    )
    account.emit("checkout.session.completed", session)
    count_completed(account, session)
    return session


def refuse_spent(account: Account, session: Obj) -> None:
    """What was entered while it could be redeemed may have run out since."""
    amount = session["amount_subtotal"]
    purchase = Purchase(session["currency"], amount, session["customer"])
    for entry in session["discounts"] or []:
        find_coupon(account, entry, param="discounts", purchase=purchase)


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


def redirect_url(account: Account, session: Obj) -> str | None:
    """Where the payer goes after paying; None where the hosted confirmation is shown."""
    url: str | None = session["success_url"]
    return url and url.replace("{CHECKOUT_SESSION_ID}", session["id"])


@due("session_expires")
def expire_session(account: Account, session_id: str) -> None:
    """Close an open session unpaid."""
    session = get_open_session(account, session_id)
    account.schedule("session_expires", session_id, at=None)
    recovery = (session["after_expiration"] or {}).get("recovery")
    if recovery and recovery["enabled"]:
        until = account.now() + RECOVERABLE_FOR
        url = f"{account.base_url}/c/recover/{session_id}"
        account.change(session, after_expiration={"recovery": {**recovery, "expires_at": until, "url": url}})
    account.change(session, status="expired", url=None)
    account.emit("checkout.session.expired", session)


def _settled(account: Account, intent: Obj, *, status: str, event: str) -> None:
    """Once: whoever pays later in another way pays an invoice, and the session stays as it was."""
    session = account.find("checkout.session", account.notes(intent["id"]).get("session"))
    if not session or account.notes(session["id"]).get("settled"):
        return
    if session["status"] == "complete" and session["payment_status"] == "unpaid":
        account.note(session["id"], settled=True)
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
