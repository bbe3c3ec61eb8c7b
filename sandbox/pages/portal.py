"""The Customer Portal: what the configuration allows, on a home page or straight at one step of a flow."""

from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sandbox import portal as engine
from sandbox.customers import use_method
from sandbox.errors import CardDeclined, StripeRefusal
from sandbox.pages.acting import call_api
from sandbox.pages.attempts import forget_attempt, keep_attempt, last_attempt
from sandbox.pages.cards import HINTS, find_card_errors
from sandbox.pages.levers import open_invoices
from sandbox.pages.notes import leave_note
from sandbox.pages.portal_details import allowed_details
from sandbox.pages.portal_visit import Visit, in_portal, see, show, show_done
from sandbox.pages.rows import method_rows, methods_in_use, subscription_row
from sandbox.pages.wording import day, money
from sandbox.portal_plans import can_change, offered_coupon

REASONS: Final = {
    "too_expensive": "It is too expensive",
    "missing_features": "Something is missing",
    "switched_service": "I found something else",
    "unused": "I do not use it enough",
    "customer_service": "The service was not good",
    "too_complex": "It is too complicated",
    "low_quality": "The quality is not good enough",
    "other": "Another reason",
}


@require_safe
@never_cache
@in_portal()
def done(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The last page of a flow."""
    told = visit.account.notes(visit.session["id"]).get("done")
    return show(request, visit, "done", told) if told else visit.go_home()


@require_safe
@never_cache
@in_portal()
def home(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Everything on one page; a session made for one step goes to that step."""
    if visit.flow:
        return HttpResponseRedirect(flow_url(visit))
    account, customer = visit.account, visit.customer
    rows = [subscription_row(account, row) for row in account.list("subscription", customer=customer["id"])]
    allowed = visit.features["subscription_cancel"]["enabled"]
    for row in rows:
        row["can_cancel"] = row["can_cancel"] and allowed
        row["can_resume"] = row["can_resume"] and allowed
        row["can_change"] = can_change(account, visit.session, account.get("subscription", row["id"]))
    invoices = [row for row in account.list("invoice", customer=customer["id"]) if row["status"] != "draft"]
    return show(
        request,
        visit,
        "home",
        {
            "subscriptions": [row for row in rows if row["live"]],
            "methods": method_rows(account, customer),
            "customer": customer,
            "can_edit_details": bool(allowed_details(visit)),
            "invoices": invoices[:24],
        },
    )


def flow_url(visit: Visit) -> str:
    """The step that this session was made for."""
    kind = visit.flow["type"]
    if kind == "payment_method_update":
        return reverse("portal-card", args=[visit.token])
    if kind == "customer_update":
        return reverse("portal-details", args=[visit.token])
    subscription = visit.flow[kind]["subscription"]
    name = "portal-cancel" if kind == "subscription_cancel" else "portal-change"
    return reverse(name, args=[visit.token, subscription])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_portal(feature="payment_method_update")
def card(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Save another card; overdue invoices are paid with it at once."""
    if request.method == "POST":
        return save_card(request, visit)
    typed, errors = last_attempt(visit.account, visit.session["id"])
    due = [
        invoice for invoice in open_invoices(visit.account, customer_id=visit.customer["id"]) if invoice["attempted"]
    ]
    context = {
        "typed": typed,
        "errors": errors,
        "card_hints": HINTS,
        "overdue": money(due[0]["amount_remaining"], due[0]["currency"]) if due else "",
    }
    return show(request, visit, "card", context)


def save_card(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Take the card that was typed, or show the form again with what is wrong with it."""
    errors = find_card_errors(request.POST, now=visit.account.now())
    if not errors:
        try:
            engine.update_card(visit.account, visit.session["id"], card=request.POST["card"])
        except CardDeclined as declined:
            errors = {"card": f"{declined.message.rstrip('.')}. Try another card."}
    if errors:
        keep_attempt(visit.account, visit.session["id"], typed={}, errors=errors)
        return see(request.path)
    forget_attempt(visit.account, visit.session["id"])
    return show_done(request, visit, text="Your new card is saved. It is used for your next payments.")


@require_POST
@never_cache
@in_portal(feature="payment_method_update")
def method(request: HttpRequest, visit: Visit, method_id: str) -> HttpResponse:
    """Make a saved method the default, or remove one that is not."""
    account, customer = visit.account, visit.customer
    found = account.get("payment_method", method_id)
    if found["customer"] != customer["id"] or method_id in methods_in_use(account, customer):
        return visit.go_home()
    if request.POST.get("do") == "remove":
        call_api(account, "POST", f"/v1/payment_methods/{method_id}/detach")
        return leave_note(visit.go_home(), text="The payment method is removed.")
    use_method(account, customer, found, retry=False)
    return leave_note(visit.go_home(), text="Your next payments use this method.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_portal(feature="subscription_cancel")
def cancel(request: HttpRequest, visit: Visit, subscription_id: str) -> HttpResponse:
    """Say what cancelling means, ask why where the shop wants to know, then do it."""
    subscription = visit.own_subscription(subscription_id)
    row = subscription_row(visit.account, subscription)
    if not row["can_cancel"]:
        return show_done(request, visit, title="This subscription is already ending", text=f"{row['next']}.")
    feature = visit.features["subscription_cancel"]
    ends = max(item["current_period_end"] for item in subscription["items"]["data"])
    later = feature["mode"] == "at_period_end" and subscription["status"] not in ("incomplete", "paused")
    if request.method == "POST":
        feedback = request.POST.get("feedback")
        engine.cancel(
            visit.account,
            visit.session["id"],
            subscription_id=subscription_id,
            feedback=feedback if feedback in REASONS else None,
            comment=request.POST.get("comment", "").strip() or None,
        )
        done = (
            f"Your subscription ends on {day(ends)}. You can use it until then."
            if later
            else "Your subscription has ended."
        )
        return show_done(request, visit, title="Your subscription is cancelled", text=done)
    effect = (
        f"You can use it until {day(ends)}. It ends then and you are not charged again."
        if later
        else "It ends at once and you are not charged again."
    )
    coupon = offered_coupon(visit.account, visit.session) if visit.flow else None
    if coupon and request.GET.get("offer") != "declined":
        return show(request, visit, "offer", {"row": row, "coupon": coupon})
    asked = feature["cancellation_reason"]
    reasons = [(value, REASONS[value]) for value in asked["options"] if value in REASONS] if asked["enabled"] else []
    return show(request, visit, "cancel", {"row": row, "effect": effect, "reasons": reasons})


@require_POST
@never_cache
@in_portal(feature="subscription_cancel")
def resume(request: HttpRequest, visit: Visit, subscription_id: str) -> HttpResponse:
    """Take a cancellation back."""
    visit.own_subscription(subscription_id)
    try:
        engine.resume(visit.account, visit.session["id"], subscription_id=subscription_id)
    except StripeRefusal as refusal:
        return leave_note(visit.go_home(), text=str(refusal), tone="bad")
    return leave_note(visit.go_home(), text="Your subscription goes on as before.")
