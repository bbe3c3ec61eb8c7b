"""What a customer does in the portal, for programs."""

from sandbox import portal, portal_plans
from sandbox.account import Account
from sandbox.types import Obj


def act_in_portal(account: Account, session_id: str, act: str, wishes: Obj) -> Obj:
    """cancel {subscription, feedback, comment} · resume {subscription} · update_card {card} ·
    update_details {email, name} · switch_price {subscription, price, quantity, promotion_code} ·
    keep_plan {subscription} · confirm_update · accept_offer"""
    session = account.get("billing_portal.session", session_id)
    if act == "cancel":
        details = {name: wishes.get(name) for name in ("feedback", "comment")}
        return portal.cancel(account, session_id, subscription_id=wishes["subscription"], **details)
    if act == "resume":
        return portal.resume(account, session_id, subscription_id=wishes["subscription"])
    if act == "update_card":
        return portal.update_card(account, session_id, card=str(wishes.get("card", "4242424242424242")))
    if act == "update_details":
        return portal.update_details(account, session_id, email=wishes.get("email"), name=wishes.get("name"))
    if act == "switch_price":
        return switch(account, session, wishes)
    if act == "keep_plan":
        subscription = portal.own_subscription(account, session, wishes["subscription"])
        return portal_plans.keep_plan(account, session, subscription)
    if act == "confirm_update":
        plan = portal_plans.flow_plan(session)
        wanted = session["flow"]["subscription_update_confirm"]["subscription"]
        subscription = portal.own_subscription(account, session, wanted)
        return portal_plans.make_plan(account, session, subscription, plan)
    if act == "accept_offer":
        return portal_plans.accept_offer(account, session)
    raise ValueError(f"the portal has no {act}")


def switch(account: Account, session: Obj, wishes: Obj) -> Obj:
    """Another price, how many, a promotion code: any of them, as the configuration offers."""
    subscription = portal.own_subscription(account, session, wishes["subscription"])
    plan = portal_plans.wanted_plan(
        account,
        session,
        subscription,
        price_id=wishes.get("price"),
        quantity=wishes.get("quantity"),
        code=wishes.get("promotion_code"),
    )
    return portal_plans.make_plan(account, session, subscription, plan)
