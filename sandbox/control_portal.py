"""What a customer does in the portal, for programs."""

from sandbox import portal
from sandbox.account import Account
from sandbox.types import Obj


def act_in_portal(account: Account, session_id: str, act: str, wishes: Obj) -> Obj:
    """cancel {subscription, feedback, comment} · resume {subscription} · update_card {card} ·
    update_details {email, name} · switch_price {subscription, price} · confirm_update · accept_offer"""
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
        return portal.switch_price(
            account, session_id, subscription_id=wishes["subscription"], price_id=wishes["price"]
        )
    if act == "confirm_update":
        return portal.confirm_update(account, session_id)
    if act == "accept_offer":
        return portal.accept_offer(account, session_id)
    raise ValueError(f"the portal has no {act}")
