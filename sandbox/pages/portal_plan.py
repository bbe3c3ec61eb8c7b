"""The portal's plan pages: choose a price, how many and a code; see what it costs; confirm. Or stay for less."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from sandbox import portal_plans as engine
from sandbox.coupons import Purchase, find_coupon
from sandbox.errors import InvalidRequest, StripeRefusal
from sandbox.pages.notes import leave_note
from sandbox.pages.portal_visit import Visit, in_portal, show, show_done
from sandbox.pages.rows import item_text, product_name, waiting_plan
from sandbox.pages.wording import day, money, price_text
from sandbox.portal_plans import Plan
from sandbox.types import Obj

CHOICES = ("price", "quantity", "promotion_code")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_portal(feature="subscription_update")
def change(request: HttpRequest, visit: Visit, subscription_id: str) -> HttpResponse:
    """Choose another plan, or confirm the one that was chosen or that the flow names."""
    subscription = visit.own_subscription(subscription_id)
    typed = request.POST if request.method == "POST" else request.GET
    try:
        plan = named_plan(visit, subscription, {name: typed[name] for name in CHOICES if typed.get(name)})
        bill = engine.see_plan(visit.account, visit.session, subscription, plan) if plan else None
        if plan is None or bill is None:
            return choose(request, visit, subscription)
        if request.method == "POST":
            return make(request, visit, subscription, plan)
    except StripeRefusal as refusal:
        if visit.flow.get("subscription_update_confirm"):
            return show_done(request, visit, title="This change cannot be made", text=str(refusal))
        return choose(request, visit, subscription, error=str(refusal))
    return confirm(request, visit, subscription, plan, bill)


def named_plan(visit: Visit, subscription: Obj, typed: dict[str, str]) -> Plan | None:
    """The plan that the flow names or the form asks for; None before anything is chosen. Raises InvalidRequest."""
    if visit.flow.get("subscription_update_confirm"):
        return engine.flow_plan(visit.session)
    if not typed:
        return None
    quantity = typed.get("quantity", "")
    plan = engine.wanted_plan(
        visit.account,
        visit.session,
        subscription,
        price_id=typed.get("price"),
        quantity=int(quantity) if quantity.isdecimal() else None,
        code=typed.get("promotion_code"),
    )
    item = subscription["items"]["data"][0]
    same = (plan.wish["price"], plan.wish["quantity"]) == (item["price"]["id"], item["quantity"])
    if same and not plan.discounts:
        raise InvalidRequest("This is your plan already. Choose another one, or keep it.")
    return plan


def choose(request: HttpRequest, visit: Visit, subscription: Obj, *, error: str = "") -> HttpResponse:
    """The plans that the configuration offers."""
    item = subscription["items"]["data"][0]
    chosen = request.GET.get("price") or item["price"]["id"]
    allowed = visit.features["subscription_update"]["default_allowed_updates"]
    plans = plan_choices(visit, item) if "price" in allowed else []
    context = {
        "subscription": subscription,
        "plans": [plan | {"checked": plan["id"] == chosen} for plan in plans],
        "now": {"name": product_name(visit.account, item["price"]), "price": item_text(item)},
        "bounds": quantity_bounds(visit, [plan["id"] for plan in plans] or [item["price"]["id"]]),
        "quantity": request.GET.get("quantity") or item["quantity"] or 1,
        "takes_codes": "promotion_code" in allowed,
        "code": request.GET.get("promotion_code", ""),
        "can_change": engine.can_change(visit.account, visit.session, subscription),
        "error": error,
    }
    return show(request, visit, "choose", context)


def plan_choices(visit: Visit, item: Obj) -> list[dict[str, Any]]:
    """Prices in the subscription's currency that the configuration offers, the present one among them."""
    offered = [price for product in visit.features["subscription_update"]["products"] for price in product["prices"]]
    ids = dict.fromkeys([item["price"]["id"], *offered])
    prices = [price for price_id in ids if (price := visit.account.find("price", price_id)) and price["active"]]
    return [
        {
            "id": price["id"],
            "name": product_name(visit.account, price),
            "price": price_text(price),
            "is_now": price["id"] == item["price"]["id"],
        }
        for price in prices
        if price["currency"] == item["price"]["currency"]
    ]


def quantity_bounds(visit: Visit, prices: list[str]) -> dict[str, int] | None:
    """The widest bounds of any of the prices: each price's own are checked when it is chosen."""
    found = [bounds for price in prices if (bounds := engine.quantity_bounds(visit.account, visit.session, price))]
    if not found:
        return None
    return {"least": min(least for least, _ in found), "most": max(most for _, most in found)}


def confirm(request: HttpRequest, visit: Visit, subscription: Obj, plan: Plan, bill: Obj) -> HttpResponse:
    """Both plans side by side, and what the change comes to."""
    account, item = visit.account, find_item(subscription, plan)
    price = account.get("price", plan.wish.get("price") or item["price"]["id"])
    after = {"price": price, "quantity": plan.wish.get("quantity") or item["quantity"]}
    context = {
        "before": {"name": product_name(account, item["price"]), "price": item_text(item)},
        "after": {"name": product_name(account, price), "price": item_text(after)},
        "coupons": [find_coupon(account, wish, param="discounts", purchase=Purchase())[0] for wish in plan.discounts],
        "asked": {name: request.GET[name] for name in CHOICES if request.GET.get(name)},
        "bill": bill_rows(account.now(), bill),
        "effect": change_effect(account.now(), bill, later=is_later(visit, subscription, plan)),
        "back_url": None if visit.flow.get("subscription_update_confirm") else request.path,
    }
    return show(request, visit, "update_confirm", context)


def bill_rows(now: int, bill: Obj) -> Obj:
    """The lines of a bill and what they come to."""
    off, currency = sum(part["amount"] for part in bill["total_discount_amounts"] or []), bill["currency"]
    credit = bill["amount_due"] - bill["total"]
    return {
        "lines": [
            {"name": line["description"] or "Item", "amount": money(line["amount"], currency)}
            for line in bill["lines"]["data"]
        ],
        "discount": money(-off, currency) if off else "",
        "credit": money(credit, currency) if credit else "",
        "label": "Due today" if bill["created"] <= now else f"Due on {day(bill['created'])}",
        "due": money(bill["amount_due"], currency),
    }


def is_later(visit: Visit, subscription: Obj, plan: Plan) -> bool:
    return engine.comes_later(visit.account, visit.session, subscription, plan)


def change_effect(now: int, bill: Obj, *, later: bool) -> str:
    """What happens to the money when a plan changes."""
    due, at = money(bill["amount_due"], bill["currency"]), bill["created"]
    next_payment = f"Your next payment is {due}, on {day(at)}."
    if later:
        return f"Until then you keep your present plan. {next_payment}"
    return f"{due} is charged now." if at <= now else next_payment


def find_item(subscription: Obj, plan: Plan) -> Obj:
    """The item that a plan changes."""
    items: list[Obj] = subscription["items"]["data"]
    return next(item for item in items if item["id"] == plan.wish["id"])


def make(request: HttpRequest, visit: Visit, subscription: Obj, plan: Plan) -> HttpResponse:
    """Change the plan as it was confirmed."""
    try:
        engine.make_plan(visit.account, visit.session, subscription, plan)
    except StripeRefusal as refusal:
        return leave_note(visit.go_home(), text=str(refusal), tone="bad")
    if waits := waiting_plan(visit.account, subscription):
        return show_done(request, visit, title="Your plan will change", text=f"{waits}.")
    item = find_item(subscription, plan)
    return show_done(request, visit, title="Your plan has changed", text=f"You now pay {item_text(item)}.")


@require_POST
@never_cache
@in_portal(feature="subscription_update")
def keep(request: HttpRequest, visit: Visit, subscription_id: str) -> HttpResponse:
    """Take back a change that waits for the end of the period."""
    try:
        engine.keep_plan(visit.account, visit.session, visit.own_subscription(subscription_id))
    except StripeRefusal as refusal:
        return leave_note(visit.go_home(), text=str(refusal), tone="bad")
    return leave_note(visit.go_home(), text="You keep your present plan.")


@require_POST
@never_cache
@in_portal(feature="subscription_cancel")
def accept_offer(request: HttpRequest, visit: Visit, subscription_id: str) -> HttpResponse:
    """Take the coupon and stay."""
    visit.own_subscription(subscription_id)
    try:
        engine.accept_offer(visit.account, visit.session)
    except StripeRefusal as refusal:
        return leave_note(visit.go_home(), text=str(refusal), tone="bad")
    return show_done(request, visit, title="You are staying", text="Your discount counts from your next payment on.")
