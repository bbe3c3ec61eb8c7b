"""The customer portal's changes of a plan: another price, how many, a promotion code, a coupon to stay."""

from dataclasses import dataclass

from sandbox.account import Account
from sandbox.changing import Change, apply_change
from sandbox.coupons import code_named
from sandbox.discounts import discount_subscription
from sandbox.errors import InvalidRequest
from sandbox.portal import configuration_of, own_subscription
from sandbox.previews import Preview, preview_invoice
from sandbox.putting_off import is_put_off, own_schedule, preview_put_off, put_off, take_back, waiting_phase
from sandbox.types import Obj, Params

CHANGEABLE = ("active", "trialing", "past_due")


@dataclass(frozen=True)
class Plan:
    """`wish` as in a subscription's `items[]`; `discounts` as in its `discounts[]`, in place of those there are."""

    wish: Params
    discounts: tuple[Params, ...] = ()


def update_feature(account: Account, session: Obj) -> Obj:
    """What the configuration says of changing plans."""
    feature: Obj = configuration_of(account, session)["features"]["subscription_update"]
    return feature


def can_change(account: Account, session: Obj, subscription: Obj) -> bool:
    """Whether the portal lets a subscription be changed: one item, and nothing planned for it but by the portal."""
    feature = update_feature(account, session)
    return bool(
        feature["enabled"]
        and feature["default_allowed_updates"]
        and subscription["status"] in CHANGEABLE
        and len(subscription["items"]["data"]) == 1
        and not subscription["pending_update"]
        and (not subscription["schedule"] or own_schedule(account, subscription))
    )


def offer_of(account: Account, session: Obj, price_id: str) -> Obj | None:
    """The configuration's entry for the product of a price that it offers."""
    rows = update_feature(account, session)["products"]
    return next((row for row in rows if price_id in row["prices"]), None)


def quantity_bounds(account: Account, session: Obj, price_id: str) -> tuple[int, int] | None:
    """(least, most) of a quantity that the customer may set; None where it stays as it is."""
    row = offer_of(account, session, price_id)
    limits = row and row["adjustable_quantity"]
    if "quantity" not in update_feature(account, session)["default_allowed_updates"] or not limits:
        return None
    return (limits.get("minimum") or 1, limits.get("maximum") or 999_999) if limits["enabled"] else None


def wanted_plan(
    account: Account,
    session: Obj,
    subscription: Obj,
    *,
    price_id: str | None = None,
    quantity: int | None = None,
    code: str | None = None,
) -> Plan:
    """What a customer asks for, as far as the configuration offers it. Raises InvalidRequest for anything else."""
    if not can_change(account, session, subscription):
        raise InvalidRequest("This subscription cannot be changed in this customer portal.", param="subscription")
    item = subscription["items"]["data"][0]
    allowed = update_feature(account, session)["default_allowed_updates"]
    wish: Params = {"id": item["id"], "price": price_id or item["price"]["id"]}
    if wish["price"] != item["price"]["id"] and (
        "price" not in allowed or not offer_of(account, session, wish["price"])
    ):
        raise InvalidRequest("This price is not offered in this customer portal.", param="price")
    wish["quantity"] = item["quantity"] if quantity is None else quantity
    if wish["quantity"] != item["quantity"]:
        check_quantity(account, session, wish)
    if code and "promotion_code" not in allowed:
        raise InvalidRequest("This customer portal takes no promotion codes.", param="promotion_code")
    return Plan(wish, ({"promotion_code": code_named(account, code)["id"]},) if code else ())


def check_quantity(account: Account, session: Obj, wish: Params) -> None:
    bounds = quantity_bounds(account, session, wish["price"])
    if bounds is None:
        raise InvalidRequest("The quantity cannot be changed in this customer portal.", param="quantity")
    least, most = bounds
    if not least <= wish["quantity"] <= most:
        raise InvalidRequest(f"The quantity must be from {least} to {most}.", param="quantity")


def flow_plan(session: Obj) -> Plan:
    """What a flow asks its customer to confirm. Raises InvalidRequest for any other session."""
    flow = (session["flow"] or {}).get("subscription_update_confirm")
    if not flow:
        raise InvalidRequest("This session asks for no update.")
    wish = {name: value for name, value in flow["items"][0].items() if value is not None}
    discounts = [{name: value for name, value in entry.items() if value} for entry in flow["discounts"] or []]
    return Plan(wish, tuple(discounts))


def comes_later(account: Account, session: Obj, subscription: Obj, plan: Plan) -> bool:
    """Whether the configuration puts a plan off to the end of the period."""
    conditions = update_feature(account, session)["schedule_at_period_end"]["conditions"]
    return is_put_off(account, subscription, plan.wish, conditions=conditions)


def see_plan(account: Account, session: Obj, subscription: Obj, plan: Plan) -> Obj:
    """The bill that a plan would bring: at once, or the next one. Raises what `make_plan` would."""
    discounts = list(plan.discounts)
    if comes_later(account, session, subscription, plan):
        return preview_put_off(account, subscription["id"], plan.wish, discounts=discounts)
    change = plan_change(account, session, subscription, plan.wish)
    return preview_invoice(account, Preview(subscription["customer"], subscription["id"], change, discounts=discounts))


def make_plan(account: Account, session: Obj, subscription: Obj, plan: Plan) -> Obj:
    """Change the subscription, as the configuration says: now, or at the end of its period."""
    discounts = list(plan.discounts)
    if comes_later(account, session, subscription, plan):
        put_off(account, subscription, plan.wish, discounts=discounts)
        return subscription
    take_back(account, subscription)
    if discounts:
        discount_subscription(account, subscription, discounts, param="discounts")
    apply_change(account, subscription, plan_change(account, session, subscription, plan.wish))
    return subscription


def keep_plan(account: Account, session: Obj, subscription: Obj) -> Obj:
    """Take back what was put off. Raises InvalidRequest where nothing waits."""
    if not update_feature(account, session)["enabled"] or not waiting_phase(account, subscription):
        raise InvalidRequest("No change of this plan waits.", param="subscription")
    take_back(account, subscription)
    return subscription


def plan_change(account: Account, session: Obj, subscription: Obj, wish: Params) -> Change:
    """A change of one item, made as the configuration says."""
    feature = update_feature(account, session)
    ends_trial = subscription["status"] == "trialing" and feature["trial_update_behavior"] == "end_trial"
    return Change(
        items=(wish,),
        proration=feature["proration_behavior"],
        trial_end="now" if ends_trial else None,
        restart=feature["billing_cycle_anchor"] == "now",
    )


def offered_coupon(account: Account, session: Obj) -> Obj | None:
    """The coupon that a flow offers instead of a cancellation, until it is taken."""
    retention = ((session["flow"] or {}).get("subscription_cancel") or {}).get("retention")
    if not retention or account.notes(session["id"]).get("offer_taken"):
        return None
    return account.get("coupon", retention["coupon_offer"]["coupon"])


def accept_offer(account: Account, session: Obj) -> Obj:
    """Stay after all. Raises InvalidRequest where nothing is offered (any more)."""
    coupon = offered_coupon(account, session)
    if coupon is None:
        raise InvalidRequest("Nothing is offered here.")
    subscription = own_subscription(account, session, session["flow"]["subscription_cancel"]["subscription"])
    param = "flow_data[subscription_cancel][retention][coupon_offer]"
    discount_subscription(account, subscription, [{"coupon": coupon["id"]}], param=param)
    account.note(session["id"], offer_taken=True)
    return subscription
