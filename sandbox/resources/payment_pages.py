"""`/v1/payment_pages`: what Stripe's command line uses to pay a Checkout session. Stripe does not publish it."""

from sandbox.account import Account
from sandbox.checkout import get_open_session, pay_session
from sandbox.errors import InvalidRequest
from sandbox.routing import Call, unpublished_endpoint
from sandbox.types import Obj
from sandbox.validation import Text, Whole, needed


def page_of(account: Account, session: Obj) -> Obj:
    """The hosted page in figures."""
    return {
        "id": session["id"].replace("cs_test_", "ppage_", 1),
        "object": "payment_page",
        "amount_total": session["amount_total"],
        "currency": session["currency"],
        "livemode": False,
        "mode": session["mode"],
        "payment_status": session["payment_status"],
        "session_id": session["id"],
        "status": session["status"],
        "success_url": session["success_url"],
    }


@unpublished_endpoint("GET", "/v1/payment_pages/{id}")
def retrieve_page(call: Call) -> Obj:
    return page_of(call.account, call.account.get("checkout.session", call.id))


@unpublished_endpoint("POST", "/v1/payment_pages/{id}/confirm", expected_amount=Whole(), payment_method=needed(Text()))
def confirm_page(call: Call) -> Obj:
    """Pay as somebody on the page would."""
    account, params = call.account, call.params
    account.get("checkout.session", call.id)
    session = get_open_session(account, call.id)
    if params.get("expected_amount") not in (None, session["amount_total"]):
        raise InvalidRequest(
            "The amount of this Checkout Session has changed.", code="checkout_amount_mismatch", param="expected_amount"
        )
    method = account.get("payment_method", params["payment_method"], param="payment_method")
    payer = method["billing_details"]
    paid = pay_session(account, session["id"], email=payer["email"], name=payer["name"], card=method["id"])
    return page_of(account, paid)
