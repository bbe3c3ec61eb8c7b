"""Hosted Checkout and Payment Links: pay, be declined in place, prove it is you, leave for the shop."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from sandbox.account import Account
from sandbox.checkout import answer_authentication, needs_method, open_session_from_link, pay_session, redirect_url
from sandbox.choosing import add_optional, apply_code, choose_amount, remove_code, remove_optional, set_quantity
from sandbox.errors import AuthenticationRequired, CardDeclined, StripeRefusal
from sandbox.pages.acting import in_account
from sandbox.pages.amounts import read_amount
from sandbox.pages.attempts import forget_attempt, keep_attempt, last_attempt, without_secrets
from sandbox.pages.cards import HINTS, IBAN_HINTS
from sandbox.pages.order import extras_of, read_order
from sandbox.pages.payform import (
    amount_choice,
    asks_terms,
    chosen_method,
    decline_errors,
    find_errors,
    first_values,
    fixed_email,
    method_choices,
    payment_source,
    submit_label,
)
from sandbox.pages.questions import ask_questions, read_answers
from sandbox.pages.rows import merchant_name
from sandbox.pages.security import allow_leaving_to
from sandbox.types import Obj

# Fields of the choices beside the form.
BESIDE: Final = ("add", "amount", "do", "line", "promotion_code", "quantity", "remove")


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
    return show_form(request, account, session)


def submit(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """Pay with what was typed; a refusal is shown on the form, at the field it is about."""
    typed = request.POST.dict()
    if email := fixed_email(account, session):
        typed["email"] = email
    errors = find_errors(account, session, request.POST, email=typed.get("email", ""))
    if errors:
        return back_to_form(account, session, typed=typed, errors=errors)
    method = chosen_method(account, session, request.POST)
    attempt = partial(
        pay_session,
        account,
        session["id"],
        email=typed["email"].strip(),
        name=typed.get("name", "").strip() or None,
        card=payment_source(method, request.POST),
        answers=read_answers(session, request.POST),
    )
    return finish(request, account, session, attempt=attempt, typed=typed, method=method)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def verify(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """The bank's question about the last attempt, and the answer to it."""
    session = account.get("checkout.session", session_id)
    notes = account.notes(session_id)
    if session["status"] != "open" or not notes.get("asked"):
        return redirect_to("checkout", session_id)
    if request.method != "POST":
        return show_question(request, account, session)
    account.note(session_id, asked=False)
    approved, payer = request.POST.get("answer") == "approve", notes["payer"]
    attempt = partial(answer_authentication, account, session_id, approved=approved)
    typed = {"email": payer["email"] or "", "name": payer["name"] or "", "method": "card", **(notes.get("typed") or {})}
    return finish(request, account, session, attempt=attempt, typed=typed, method="card")


def finish(
    request: HttpRequest,
    account: Account,
    session: Obj,
    *,
    attempt: Callable[[], Obj],
    typed: dict[str, str],
    method: str,
) -> HttpResponse:
    """Complete the session, let the bank ask, or go back to the form with the decline."""
    try:
        attempt()
    except AuthenticationRequired:
        account.note(session["id"], asked=True, typed=without_secrets(typed))
        forget_attempt(account, session["id"])
        return redirect_to("checkout-verify", session["id"])
    except CardDeclined as declined:
        return back_to_form(account, session, typed=typed, errors=decline_errors(declined, method=method))
    except StripeRefusal as refusal:
        field = "amount" if refusal.error.get("param") == "amount" else "form"
        return back_to_form(account, session, typed=typed, errors={field: str(refusal)})
    return leave(request, account, session)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def promotion(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Enter a promotion code, or take it off."""
    session = account.get("checkout.session", session_id)
    if request.method != "POST" or session["status"] != "open":
        return redirect_to("checkout", session_id)
    code, typed = request.POST.get("promotion_code", "").strip(), typed_so_far(request)
    if request.POST.get("do") == "remove" or not code:
        remove_code(account, session)
        return back_to_form(account, session, typed=typed)
    try:
        apply_code(account, session, code)
    except StripeRefusal:
        typed["promotion_code"] = code
        return back_to_form(account, session, typed=typed, errors={"promotion": "This code is not valid."})
    return back_to_form(account, session, typed=typed)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def extra(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Add one of the items that the shop offers beside the order, or take it off again."""
    session = account.get("checkout.session", session_id)
    price = request.POST.get("add") or request.POST.get("remove")
    if request.method != "POST" or session["status"] != "open" or not price:
        return redirect_to("checkout", session_id)
    choose = add_optional if "add" in request.POST else remove_optional
    try:
        choose(account, session, price_id=price)
    except StripeRefusal as refusal:
        return back_to_form(account, session, typed=typed_so_far(request), errors={"form": str(refusal)})
    return back_to_form(account, session, typed=typed_so_far(request))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def quantity(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Change how many of an adjustable line are bought."""
    session = account.get("checkout.session", session_id)
    wanted = request.POST.get("quantity", "")
    if request.method != "POST" or session["status"] != "open" or not wanted.isdecimal():
        return redirect_to("checkout", session_id)
    set_quantity(account, session, line_id=request.POST.get("line", ""), quantity=int(wanted))
    return back_to_form(account, session, typed=typed_so_far(request))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def amount(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Say how much to pay, where the shop leaves it to the buyer."""
    session = account.get("checkout.session", session_id)
    if request.method != "POST" or session["status"] != "open":
        return redirect_to("checkout", session_id)
    typed = typed_so_far(request)
    try:
        wanted = read_amount(request.POST.get("amount", ""), currency=session["currency"])
        choose_amount(account, session, amount=wanted)
    except (ValueError, StripeRefusal) as refusal:
        typed["amount"] = request.POST.get("amount", "")
        return back_to_form(account, session, typed=typed, errors={"amount": str(refusal)})
    return back_to_form(account, session, typed=typed)


def typed_so_far(request: HttpRequest) -> dict[str, str]:
    """What a choice beside the form brought along of the form."""
    return {name: value for name, value in request.POST.dict().items() if name not in BESIDE}


def back_to_form(
    account: Account, session: Obj, *, typed: dict[str, str], errors: dict[str, str] | None = None
) -> HttpResponse:
    """Show the form again with what was typed and what is wrong with it."""
    keep_attempt(account, session["id"], typed=typed, errors=errors or {})
    return redirect_to("checkout", session["id"])


def redirect_to(name: str, session_id: str) -> HttpResponse:
    response = HttpResponseRedirect(reverse(name, args=[session_id]))
    response.status_code = 303
    return response


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


def show_form(request: HttpRequest, account: Account, session: Obj) -> HttpResponse:
    """The two columns: what is bought, and the form with what was typed last (never the card's number)."""
    order = read_order(account, session)
    merchant = merchant_name(account)
    typed, errors = last_attempt(account, session["id"])
    context = {
        "session": session,
        "merchant": merchant,
        "summary": order.as_context(merchant=merchant),
        "typed": first_values(account, session) | typed,
        "errors": errors,
        "fixed_email": bool(fixed_email(account, session)),
        "needs_method": needs_method(session),
        "methods": (methods := method_choices(account, session)),
        "offers": {choice.value for choice in methods},
        "amount_choice": amount_choice(account, session),
        "asks_terms": asks_terms(session),
        "extras": extras_of(account, session),
        "questions": ask_questions(session, typed=typed, errors=errors),
        "submit_label": submit_label(session, order),
        "card_hints": HINTS,
        "iban_hints": IBAN_HINTS,
    }
    return allow_leaving_to(render(request, "sandbox/checkout/pay.html", context), leaving_url(account, session))


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
