"""Hosted Checkout and Payment Links: pay, be declined in place, prove it is you, leave for the shop."""

import re
from typing import Any, Final

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from sandbox.account import Account
from sandbox.checkout import Payer, open_session_from_link, pay_session, redirect_url
from sandbox.errors import AuthenticationRequired, CardDeclined, StripeRefusal
from sandbox.pages.acting import in_account
from sandbox.pages.cards import HINTS, find_card_errors
from sandbox.pages.order import Order, read_order
from sandbox.pages.rows import merchant_name
from sandbox.pages.security import allow_leaving_to
from sandbox.types import Obj

EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
METHODS: Final = {
    "card": ("Card", ""),
    "us_bank_account": ("US bank account", "Takes some days: the payment is processing until then."),
    "sepa_debit": ("SEPA debit", "Takes some days: the payment is processing until then."),
}
VERBS: Final = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe"}
SALT: Final = "sandbox.checkout.pending"


@require_safe
@never_cache
@in_account
def payment_link(request: HttpRequest, account: Account, token: str) -> HttpResponse:
    """Open a session of a link; its URL parameters are read as Stripe reads them."""
    link = find_link(account, token)
    if not link["active"]:
        text = link["inactive_message"] or "The shop has turned this link off. Nothing was charged."
        return show_state(request, account, title="This link is no longer active", text=text)
    try:
        session = open_session_from_link(account, link, request.GET.dict())
    except StripeRefusal as refusal:
        return show_state(request, account, title="This link cannot be used", text=str(refusal))
    return HttpResponseRedirect(session["url"])


def find_link(account: Account, token: str) -> Obj:
    """The payment link whose address ends in ``token``. Raises Http404."""
    for link in account.list("payment_link"):
        if link["url"].rsplit("/", 1)[-1] == token:
            return link
    raise Http404("No such payment link.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def pay(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """The page of one session: its form while it is open, else what became of it."""
    session = account.get("checkout.session", session_id)
    if session["status"] == "complete":
        return leave(request, account, session) if request.method == "POST" else show_complete(request, account, session)
    if session["status"] == "expired":
        text = "Nothing was charged. Go back to the shop to start again."
        return show_state(
            request, account, title="This page has expired", text=text, next_url=session["cancel_url"], next_label="Back to the shop"
        )
    if request.method == "POST":
        return submit(request, account, session)
    return show_form(request, account, session, typed=first_values(account, session))


def submit(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """Pay with what was typed; a refusal comes back to the field it is about."""
    order, promotion_error = order_with_code(account, session, request.POST.get("promotion_code", ""))
    typed = request.POST.dict()
    if email := fixed_email(account, session):
        typed["email"] = email
    errors = find_errors(account, session, order, request.POST, email=typed.get("email", ""))
    if promotion_error:
        errors["form"] = promotion_error
    if errors:
        return show_form(request, account, session, typed=typed, errors=errors, status=422)
    return finish(request, account, session, typed=typed)


def finish(
    request: HttpRequest, account: Account, session: Obj, *, typed: dict[str, str], authenticated: bool | None = None
) -> HttpResponse:
    """Complete the session, ask the bank's question, or show the decline."""
    payer = Payer(
        email=typed.get("email", "").strip(),
        name=typed.get("name", "").strip(),
        card=typed.get("card", ""),
        method=typed.get("method", "card"),
        promotion_code=typed.get("promotion_code", ""),
        authenticated=authenticated,
    )
    try:
        pay_session(account, session["id"], payer)
    except AuthenticationRequired:
        return show_question(request, account, session, typed=typed)
    except CardDeclined as declined:
        field = {"incorrect_cvc": "cvc", "expired_card": "expiry"}.get(declined.code, "card")
        errors = {field: decline_text(declined)}
        return show_form(request, account, session, typed=typed, errors=errors, status=402)
    except StripeRefusal as refusal:
        return show_form(request, account, session, typed=typed, errors={"form": str(refusal)}, status=422)
    return leave(request, account, session)


def decline_text(declined: CardDeclined) -> str:
    """The bank's words, and what to do."""
    if declined.decline_code == "test_mode_live_card":
        return "Only test cards work in the sandbox. Choose one below."
    if declined.code == "payment_intent_authentication_failure":
        return "The bank could not confirm that it is you. Try again or use another card."
    return f"{declined.message.rstrip('.')}. Try another card."


def leave(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """Go where the shop wants its buyers after paying; stay here where it said nothing."""
    target = redirect_url(account, session)
    response = HttpResponseRedirect(target or request.path)
    response.status_code = 303
    return response


@require_http_methods(["POST"])
@never_cache
@in_account
def verify(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """The answer to the bank's question."""
    session = account.get("checkout.session", session_id)
    if session["status"] != "open":
        return leave(request, account, session) if session["status"] == "complete" else HttpResponseRedirect(session["url"])
    try:
        typed = signing.loads(request.POST.get("pending", ""), salt=SALT, max_age=3600)
    except signing.BadSignature:
        return HttpResponseRedirect(request.path.removesuffix("/verify"))
    return finish(request, account, session, typed=typed, authenticated=request.POST.get("answer") == "approve")


def show_question(request: HttpRequest, account: Account, session: Obj, *, typed: dict[str, str]) -> HttpResponse:
    """The bank's page: approve or fail. What was typed travels signed, as nothing is saved before."""
    order, _ = order_with_code(account, session, typed.get("promotion_code", ""))
    context = {
        "merchant": merchant_name(account),
        "summary": order.as_context(merchant=merchant_name(account)),
        "last4": re.sub(r"\D", "", typed.get("card", ""))[-4:],
        "pending": signing.dumps({k: v for k, v in typed.items() if k != "csrfmiddlewaretoken"}, salt=SALT),
        "verify_url": f"/c/pay/{session['id']}/verify",
    }
    return allow_leaving_to(render(request, "sandbox/checkout/verify.html", context), redirect_url(account, session))


def show_form(
    request: HttpRequest,
    account: Account,
    session: Obj,
    *,
    typed: dict[str, str],
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The two columns: what is bought, and the form with what was typed so far (never the card's number)."""
    code = (request.POST or request.GET).get("promotion_code", "").strip() or prefilled(account, session, "promo_code")
    order, promotion_error = order_with_code(account, session, code)
    merchant = merchant_name(account)
    context = {
        "session": session,
        "merchant": merchant,
        "summary": order.as_context(merchant=merchant),
        "promotion_code": code,
        "promotion_error": promotion_error,
        "typed": typed,
        "errors": errors or {},
        "fixed_email": bool(fixed_email(account, session)),
        "needs_method": needs_method(session, order),
        "methods": method_choices(session),
        "asks_terms": asks_terms(session),
        "submit_label": submit_label(session, order),
        "card_hints": HINTS,
        "action": f"/c/pay/{session['id']}",
    }
    response = render(request, "sandbox/checkout/pay.html", context, status=status)
    return allow_leaving_to(response, redirect_url(account, session))


def order_with_code(account: Account, session: Obj, code: str) -> tuple[Order, str]:
    """(the order with the promotion code applied, what is wrong with the code)."""
    code = code.strip()
    if not code or not session["allow_promotion_codes"]:
        return read_order(account, session), ""
    matches = [row for row in account.list("promotion_code") if row["code"].lower() == code.lower() and row["active"]]
    coupon = account.find("coupon", matches[0]["promotion"]["coupon"]) if matches else None
    if coupon is None or not coupon["valid"]:
        return read_order(account, session), "This code is not valid."
    return read_order(account, session, coupon=coupon, code=matches[0]["code"]), ""


def find_errors(account: Account, session: Obj, order: Order, typed: QueryDict, *, email: str) -> dict[str, str]:
    """What is wrong with the form, by field."""
    errors = {}
    if not EMAIL.match(email.strip()):
        errors["email"] = "Enter a complete e-mail address."
    if asks_terms(session) and not typed.get("terms"):
        errors["terms"] = "Agree to the terms to continue."
    if not needs_method(session, order):
        return errors
    if not typed.get("name", "").strip():
        errors["name"] = "Enter the name."
    if typed.get("method", "card") == "card":
        errors |= find_card_errors(typed, now=account.now())
    return errors


def needs_method(session: Obj, order: Order) -> bool:
    """Whether a card or account must be given: not for free orders, nor for trials that ask only when needed."""
    if session["mode"] == "setup":
        return True
    if session["mode"] == "subscription":
        free = order.due == 0 and (order.trial_end is not None or order.recurring == order.recurring_off)
        return not (free and session["payment_method_collection"] == "if_required")
    return order.due > 0


def method_choices(session: Obj) -> list[dict[str, str]]:
    """Payment methods that the session takes and we model."""
    types = [kind for kind in session["payment_method_types"] or ["card"] if kind in METHODS] or ["card"]
    return [{"type": kind, "label": METHODS[kind][0], "help": METHODS[kind][1]} for kind in types]


def asks_terms(session: Obj) -> bool:
    """Whether the shop wants its terms accepted."""
    return (session["consent_collection"] or {}).get("terms_of_service") == "required"


def submit_label(session: Obj, order: Order) -> str:
    """The button says what it does."""
    if order.trial_end:
        return "Start trial"
    if session["mode"] == "subscription":
        return "Subscribe"
    if session["mode"] == "setup":
        return "Save card"
    total = order.as_context(merchant="")["total"]
    return f"{VERBS.get(session['submit_type'] or '', 'Pay')} {total}" if order.due else "Complete order"


def fixed_email(account: Account, session: Obj) -> str:
    """The address that cannot be changed here: the known customer's, or one that the link locks."""
    customer = account.find("customer", session["customer"])
    if customer and customer.get("email"):
        return str(customer["email"])
    return str(session["customer_email"] or prefilled(account, session, "locked_email"))


def first_values(account: Account, session: Obj) -> dict[str, str]:
    """What the form shows before anybody typed."""
    email = fixed_email(account, session) or prefilled(account, session, "email")
    return {"email": email, "method": method_choices(session)[0]["type"]}


def prefilled(account: Account, session: Obj, name: str) -> str:
    """A value that the payment link's address carried: ``email``, ``locked_email`` or ``promo_code``."""
    params = account.notes(session["id"]).get("url_params") or {}
    key = {"email": "prefilled_email", "locked_email": "locked_prefilled_email", "promo_code": "prefilled_promo_code"}
    return str(params.get(key[name]) or "")


def show_complete(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """The hosted confirmation, which is also what a reloaded page of a finished session says."""
    link = account.find("payment_link", session["payment_link"])
    after = (link or {}).get("after_completion") or {}
    custom = (after.get("hosted_confirmation") or {}).get("custom_message")
    if session["payment_status"] == "unpaid":
        title, tone = "Your payment is processing", "info"
        text = "The bank takes some days. You will hear from the shop when it arrives."
    else:
        title, tone = "Thank you", "good"
        text = "This order is complete." if session["mode"] != "subscription" else "Your subscription has begun."
    return show_state(
        request,
        account,
        title=title,
        text=custom or text,
        tone=tone,
        next_url=redirect_url(account, session),
        next_label=f"Continue to {merchant_name(account)}",
    )


def show_state(
    request: HttpRequest,
    account: Account,
    *,
    title: str,
    text: str,
    tone: str = "plain",
    next_url: str | None = None,
    next_label: str = "",
) -> HttpResponse:
    """A page that only says how things stand."""
    context: dict[str, Any] = {
        "merchant": merchant_name(account),
        "title": title,
        "text": text,
        "tone": tone,
        "next_url": next_url,
        "next_label": next_label,
    }
    return render(request, "sandbox/checkout/state.html", context)
