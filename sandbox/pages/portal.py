"""The Customer Portal: what the configuration allows, on a home page or straight at one step of a flow."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sandbox import portal as engine
from sandbox.account import Account
from sandbox.changing import Change, apply_change
from sandbox.customers import use_method
from sandbox.errors import CardDeclined, StripeRefusal
from sandbox.pages.acting import call_api
from sandbox.pages.attempts import forget_attempt, keep_attempt, last_attempt
from sandbox.pages.cards import HINTS, find_card_errors
from sandbox.pages.levers import open_invoices
from sandbox.pages.notes import leave_note
from sandbox.pages.portal_visit import Visit, in_portal, see, show, show_done
from sandbox.pages.rows import item_text, method_rows, methods_in_use, product_name, subscription_row
from sandbox.pages.wording import day, money, price_text
from sandbox.previews import Preview, preview_invoice
from sandbox.types import Obj

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
DETAILS: Final = {
    "name": ("Name", "text", "name"),
    "email": ("E-mail", "email", "email"),
    "phone": ("Phone", "tel", "tel"),
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
    invoices = [row for row in account.list("invoice", customer=customer["id"]) if row["status"] != "draft"]
    return show(
        request,
        visit,
        "home",
        {
            "subscriptions": [row for row in rows if row["live"]],
            "methods": method_rows(account, customer),
            "customer": customer,
            "can_edit_details": bool(detail_fields(visit)),
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


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_portal(feature="subscription_update")
def change(request: HttpRequest, visit: Visit, subscription_id: str) -> HttpResponse:
    """Confirm another price: the one that the flow names, or the one chosen from the configuration's list."""
    subscription = visit.own_subscription(subscription_id)
    wished = (
        visit.flow["subscription_update_confirm"]["items"][0] if visit.flow.get("subscription_update_confirm") else {}
    )
    plans = plan_choices(visit, subscription)
    chosen = request.POST.get("price") or request.GET.get("price")
    price_id = wished.get("price") or next((plan["id"] for plan in plans if plan["id"] == chosen), None)
    if not price_id:
        return show(request, visit, "choose", {"plans": plans})
    item = find_item(subscription, wished.get("id"))
    price = visit.account.get("price", price_id)
    quantity = wished.get("quantity") or item["quantity"] or 1
    wish = {"id": item["id"], "price": price_id, "quantity": quantity}
    planned = engine.plan_change(visit.account, visit.session, subscription, wish)
    if request.method == "POST":
        try:
            if wished:
                engine.confirm_update(visit.account, visit.session["id"])
            else:
                apply_change(visit.account, subscription, planned)
        except StripeRefusal as refusal:
            return leave_note(visit.go_home(), text=str(refusal), tone="bad")
        return show_done(request, visit, title="Your plan has changed", text=f"You now pay {price_text(price)}.")
    account = visit.account
    return show(
        request,
        visit,
        "update_confirm",
        {
            "before": {"name": product_name(account, item["price"]), "price": item_text(item)},
            "after": {
                "name": product_name(account, price),
                "price": item_text({"price": price, "quantity": quantity}),
            },
            "price_id": price_id,
            "effect": change_effect(visit.account, subscription, planned),
        },
    )


def change_effect(account: Account, subscription: Obj, change: Change) -> str:
    """What happens to the money when a plan changes."""
    seen = Preview(customer=subscription["customer"], subscription=subscription["id"], change=change)
    try:
        bill = preview_invoice(account, seen)
    except StripeRefusal:
        return "Nothing more is charged."
    due, at = money(bill["amount_due"], bill["currency"]), bill["created"]
    return f"{due} is charged now." if at <= account.now() else f"Your next payment is {due}, on {day(at)}."


def find_item(subscription: Obj, item_id: str | None) -> Obj:
    """The item to change: the named one, else the first."""
    items: list[Obj] = subscription["items"]["data"]
    return next((item for item in items if item["id"] == item_id), items[0])


def plan_choices(visit: Visit, subscription: Obj) -> list[dict[str, Any]]:
    """Prices that the configuration offers, without the present one."""
    current = {item["price"]["id"] for item in subscription["items"]["data"]}
    offered = visit.features["subscription_update"].get("products") or []
    prices = [visit.account.find("price", price_id) for product in offered for price_id in product["prices"]]
    return [
        {"id": price["id"], "name": product_name(visit.account, price), "price": price_text(price)}
        for price in prices
        if price and price["id"] not in current
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_portal(feature="customer_update")
def details(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Edit what the configuration lets customers edit."""
    fields = detail_fields(visit)
    if request.method == "POST":
        wished = {field["name"]: request.POST.get(field["name"], "").strip() for field in fields}
        call_api(visit.account, "POST", f"/v1/customers/{visit.customer['id']}", **wished)
        return show_done(request, visit, title="Saved", text="Your billing information is saved.")
    return show(request, visit, "details", {"fields": fields})


def detail_fields(visit: Visit) -> list[dict[str, Any]]:
    """The form's fields for the updates that are allowed and modelled."""
    feature = visit.features["customer_update"]
    allowed = feature["allowed_updates"] if feature["enabled"] else []
    return [
        {"name": name, "label": label, "type": kind, "autocomplete": fill, "value": visit.customer.get(name)}
        for name, (label, kind, fill) in DETAILS.items()
        if name in allowed
    ]
