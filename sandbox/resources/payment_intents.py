"""`/v1/payment_intents`."""

from sandbox import payments
from sandbox.account import Account
from sandbox.addresses import full_shipping
from sandbox.cards import attach, default_method, find_method
from sandbox.currencies import check_amount, check_least
from sandbox.errors import CardDeclined, InvalidRequest
from sandbox.resources.shared_fields import AUTOMATIC_METHODS, CURRENCY, METADATA, METHOD_TYPES, SHIPPING
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Either, Flag, Text, Whole, merge_metadata, needed, unset

USAGE = Choice(options=("off_session", "on_session"))
CAPTURE = Choice(options=("automatic", "automatic_async", "manual"))
COPIED = (
    "capture_method",
    "customer",
    "description",
    "metadata",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
OFF_SESSION = Either(words=("one_off", "recurring"), other=Flag())


@endpoint(
    "POST",
    "/v1/payment_intents",
    amount=needed(Whole(least=1)),
    automatic_payment_methods=AUTOMATIC_METHODS,
    capture_method=CAPTURE,
    confirm=Flag(),
    currency=needed(CURRENCY),
    customer=Text(),
    description=Text(),
    metadata=METADATA,
    off_session=OFF_SESSION,
    payment_method=Text(),
    payment_method_types=METHOD_TYPES,
    receipt_email=Text(),
    return_url=Text(),
    setup_future_usage=USAGE,
    shipping=SHIPPING,
    statement_descriptor=Text(longest=22),
    statement_descriptor_suffix=Text(longest=22),
)
def create_intent(call: Call) -> Obj:
    account, params = call.account, call.params
    check_amount(params["amount"], params["currency"])
    check_least(params["amount"], params["currency"])
    if params.get("customer"):
        account.get("customer", params["customer"], param="customer")
    intent = payments.create_intent(
        account,
        amount=params["amount"],
        currency=params["currency"].lower(),
        automatic="payment_method_types" not in params,
        shipping=full_shipping(params["shipping"]) if params.get("shipping") else None,
        **{name: params[name] for name in COPIED if params.get(name) is not None},
    )
    if params.get("payment_method"):
        method = find_method(account, params["payment_method"])
        account.change(intent, payment_method=method["id"], status="requires_confirmation")
    if params.get("confirm"):
        confirm_with(account, intent, params)
    return intent


def confirm_with(account: Account, intent: Obj, params: Obj) -> Obj:
    named = params.get("payment_method") or intent["payment_method"]
    customer = account.find("customer", intent["customer"])
    method = find_method(account, named) if named else customer and default_method(account, customer=customer)
    if method is None:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    off_session = bool(params.get("off_session"))
    if intent["setup_future_usage"] and customer and method["customer"] is None:
        attach(account, method, customer=customer, checked=True)
    payments.confirm(account, intent, method, off_session=off_session)
    if off_session and intent["status"] == "requires_action":
        refusal = CardDeclined(
            "Your card was declined. This transaction requires authentication.", code="authentication_required"
        )
        payments.fail(account, intent, method, refusal)
        raise refusal
    return intent


@endpoint(
    "POST",
    "/v1/payment_intents/{id}",
    amount=Whole(least=1),
    currency=CURRENCY,
    customer=Text(),
    description=Text(),
    metadata=METADATA,
    payment_method=Text(),
    receipt_email=Text(),
    setup_future_usage=unset(USAGE),
    shipping=unset(SHIPPING),
)
def update_intent(call: Call) -> Obj:
    intent = call.account.get("payment_intent", call.id)
    changes = dict(call.params)
    check_updatable(intent, set(changes))
    if {"amount", "currency"} & set(changes):
        terms = {**intent, **changes}
        check_amount(terms["amount"], terms["currency"])
        check_least(terms["amount"], terms["currency"])
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(intent["metadata"], changes["metadata"])
    if changes.get("shipping"):
        changes["shipping"] = full_shipping(changes["shipping"])
    if "payment_method" in changes:
        changes["payment_method"] = find_method(call.account, changes["payment_method"])["id"]
        changes["status"] = "requires_confirmation"
    return call.account.change(intent, **changes)


def check_updatable(intent: Obj, names: set[str]) -> None:
    """Raises Stripe's refusal to change what was asked of a bank already."""
    fixed = sorted(names & {"amount", "currency", "customer", "payment_method"})
    if fixed and intent["status"] not in payments.CONFIRMABLE:
        raise InvalidRequest(
            f"This PaymentIntent's {fixed[0]} could not be updated because it has a status of {intent['status']}. You "
            f"may only update the {fixed[0]} of a PaymentIntent with one of the following statuses: "
            f"{', '.join(payments.CONFIRMABLE)}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )


@endpoint("POST", "/v1/payment_intents/{id}/confirm", off_session=OFF_SESSION, payment_method=Text(), return_url=Text())
def confirm_intent(call: Call) -> Obj:
    return confirm_with(call.account, call.account.get("payment_intent", call.id), call.params)


@endpoint("POST", "/v1/payment_intents/{id}/capture", amount_to_capture=Whole(least=1), metadata=METADATA)
def capture_intent(call: Call) -> Obj:
    intent = call.account.get("payment_intent", call.id)
    if "metadata" in call.params:
        call.account.change(intent, metadata=merge_metadata(intent["metadata"], call.params["metadata"]))
    return payments.capture(call.account, intent, amount=call.params.get("amount_to_capture"))


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/cancel",
    cancellation_reason=Choice(options=("abandoned", "duplicate", "fraudulent", "requested_by_customer")),
)
def cancel_intent(call: Call) -> Obj:
    intent = call.account.get("payment_intent", call.id)
    return payments.cancel_intent(call.account, intent, reason=call.params.get("cancellation_reason"))


retrieve("/v1/payment_intents/{id}", "payment_intent")
listing("/v1/payment_intents", "payment_intent", customer=Text())
