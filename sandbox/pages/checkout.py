"""Hosted Checkout and Payment Links: pay, be declined in place, prove it is you, leave for the shop."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from sandbox.account import Account
from sandbox.checkout import (
    answer_authentication,
    needs_method,
    open_session_from_link,
    pay_session,
    redirect_url,
)
from sandbox.choosing import apply_code, remove_code, set_quantity
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


@require_GET
@never_cache
@in_account
def payment_link(request: HttpRequest, account: Account, token: str) -> HttpResponse:
    """Open a session of a link; its URL parameters are read as Stripe reads them."""
    link = find_link(account, token)
    if not link["active"]:
        text = link["inactive_message"] or "The shop has turned this link off. Nothing was charged."
        return show_state(request, account, title="This link is no longer active", text=text)
    try:
        session = open_session_from_link(account, link, params=request.GET.dict())
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
        return (
            leave(request, account, session) if request.method == "POST" else show_complete(request, account, session)
        )
    if session["status"] == "expired":
        text = "Nothing was charged. Go back to the shop to start again."
        return show_state(
            request,
            account,
            title="This page has expired",
            text=text,
            next_url=session["cancel_url"],
            next_label="Back to the shop",
        )
    if request.method == "POST":
        return submit(request, account, session)
    return show_form(request, account, session, typed=first_values(account, session))


def submit(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """Pay with what was typed; a refusal comes back to the field it is about."""
    typed = request.POST.dict()
    if email := fixed_email(account, session):
        typed["email"] = email
    errors = find_errors(account, session, request.POST, email=typed.get("email", ""))
    if errors:
        return show_form(request, account, session, typed=typed, errors=errors, status=422)
    method = typed.get("method", "card")
    attempt = partial(
        pay_session,
        account,
        session["id"],
        email=typed["email"].strip(),
        name=typed.get("name", "").strip() or None,
        card=typed.get("card", "") if method == "card" else method,
    )
    return finish(request, account, session, attempt=attempt, typed=typed)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def verify(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """The answer to the bank's question about the attempt before it."""
    session = account.get("checkout.session", session_id)
    payer = account.notes(session_id).get("payer")
    if request.method != "POST" or session["status"] != "open" or not payer:
        return back_to_form(session_id)
    approved = request.POST.get("answer") == "approve"
    attempt = partial(answer_authentication, account, session_id, approved=approved)
    typed = {"email": payer["email"] or "", "name": payer["name"] or "", "method": "card"}
    return finish(request, account, session, attempt=attempt, typed=typed)


def finish(
    request: HttpRequest, account: Account, session: Obj, *, attempt: Callable[[], Obj], typed: dict[str, str]
) -> HttpResponse:
    """Complete the session, ask the bank's question, or show the decline where it belongs."""
    try:
        attempt()
    except AuthenticationRequired:
        return show_question(request, account, session)
    except CardDeclined as declined:
        field = {"incorrect_cvc": "cvc", "expired_card": "expiry"}.get(declined.code, "card")
        errors = {field: decline_text(declined)}
        return show_form(request, account, session, typed=typed, errors=errors, status=402)
    except StripeRefusal as refusal:
        return show_form(request, account, session, typed=typed, errors={"form": str(refusal)}, status=422)
    return leave(request, account, session)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def promotion(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Enter a promotion code, or take it off."""
    session = account.get("checkout.session", session_id)
    if request.method != "POST" or session["status"] != "open":
        return back_to_form(session_id)
    code = request.POST.get("promotion_code", "").strip()
    if request.POST.get("do") == "remove" or not code:
        remove_code(account, session)
        return back_to_form(session_id)
    try:
        apply_code(account, session, code)
    except StripeRefusal:
        typed = first_values(account, session) | {"promotion_code": code}
        errors = {"promotion": "This code is not valid."}
        return show_form(request, account, session, typed=typed, errors=errors, status=422)
    return back_to_form(session_id)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def quantity(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Change how many of an adjustable line are bought."""
    session = account.get("checkout.session", session_id)
    wanted = request.POST.get("quantity", "")
    if request.method == "POST" and session["status"] == "open" and wanted.isdecimal():
        set_quantity(account, session, line_id=request.POST.get("line", ""), quantity=int(wanted))
    return back_to_form(session_id)


def back_to_form(session_id: str) -> HttpResponse:
    response = HttpResponseRedirect(reverse("checkout", args=[session_id]))
    response.status_code = 303
    return response


def decline_text(declined: CardDeclined) -> str:
    """The bank's words, and what to do."""
    if declined.decline_code == "test_mode_live_card":
        return "Only test cards work in the sandbox. Choose one below."
    if declined.code == "payment_intent_authentication_failure":
        return "The bank could not confirm that it is you. Try again or use another card."
    return f"{declined.message.rstrip('.')}. Try another card."


def leaving_url(account: Account, session: Obj) -> str | None:
    """Where the buyer goes after paying, with the link's ``utm_`` parameters passed on; None to stay here."""
    target = redirect_url(account, session)
    params = account.notes(session["id"]).get("link_params") or {}
    passed = {name: value for name, value in params.items() if name.startswith("utm_") and len(value) <= 150}
    if not target or not passed:
        return target
    return f"{target}{'&' if '?' in target else '?'}{urlencode(passed)}"


def leave(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """Go where the shop wants its buyers after paying; stay here where it said nothing."""
    target = leaving_url(account, session)
    response = HttpResponseRedirect(target or request.path)
    response.status_code = 303
    return response


def show_question(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """The bank's page: approve or fail."""
    method = account.find("payment_method", account.notes(session["id"])["payer"]["method"]) or {}
    context = {
        "merchant": merchant_name(account),
        "summary": read_order(account, session).as_context(merchant=merchant_name(account)),
        "last4": (method.get("card") or {}).get("last4", ""),
        "verify_url": reverse("checkout-verify", args=[session["id"]]),
    }
    return allow_leaving_to(render(request, "sandbox/checkout/verify.html", context), leaving_url(account, session))


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
    order = read_order(account, session)
    merchant = merchant_name(account)
    context = {
        "session": session,
        "merchant": merchant,
        "summary": order.as_context(merchant=merchant),
        "typed": typed,
        "errors": errors or {},
        "fixed_email": bool(fixed_email(account, session)),
        "needs_method": needs_method(session),
        "methods": method_choices(session),
        "asks_terms": asks_terms(session),
        "submit_label": submit_label(session, order),
        "card_hints": HINTS,
    }
    response = render(request, "sandbox/checkout/pay.html", context, status=status)
    return allow_leaving_to(response, leaving_url(account, session))


def find_errors(account: Account, session: Obj, typed: QueryDict, *, email: str) -> dict[str, str]:
    """What is wrong with the form, by field."""
    errors = {}
    if not EMAIL.match(email.strip()):
        errors["email"] = "Enter a complete e-mail address."
    if asks_terms(session) and not typed.get("terms"):
        errors["terms"] = "Agree to the terms to continue."
    if not needs_method(session):
        return errors
    if not typed.get("name", "").strip():
        errors["name"] = "Enter the name."
    if typed.get("method", "card") == "card":
        errors |= find_card_errors(typed, now=account.now())
    return errors


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
    return str(session["customer_email"] or "")


def first_values(account: Account, session: Obj) -> dict[str, str]:
    """What the form shows before anybody typed."""
    email = fixed_email(account, session) or account.notes(session["id"]).get("prefilled_email") or ""
    return {"email": email, "method": method_choices(session)[0]["type"]}


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
        next_url=leaving_url(account, session),
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
