"""`/v1/checkout/sessions`."""

from sandbox.account import Account
from sandbox.checkout import expire_session
from sandbox.errors import InvalidRequest
from sandbox.paging import list_rows
from sandbox.resources.selling import (
    BILLING_ADDRESS,
    CONSENT,
    CUSTOM_FIELDS,
    CUSTOM_TEXT,
    INTENT_FIELDS,
    INVOICE_CREATION,
    OPTIONAL_ITEMS,
    PHONE,
    SHIPPING_ADDRESS,
    SUBMIT,
    SUBSCRIPTION_FIELDS,
    TAX_ID,
    check_buyers_choice,
    check_counts,
    check_custom_fields,
    check_prices,
    refuse_wrong_mixture,
)
from sandbox.resources.shared_fields import (
    ADJUSTABLE,
    AUTOMATIC_TAX,
    BILLING_MODE,
    CURRENCY,
    LINE_PRICE_DATA,
    METADATA,
    METHOD_TYPES,
    ONE_DISCOUNT,
    SHIPPING,
)
from sandbox.routing import PAGING, Call, endpoint, listing, retrieve
from sandbox.sessions import new_session
from sandbox.subscribing import check_anchor
from sandbox.types import DAY, HOUR, MINUTE, Obj, Params
from sandbox.validation import Choice, Email, Flag, Hash, Listed, Text, Timestamp, Url, Whole, merge_metadata, needed

LINE = Hash(
    fields={
        "adjustable_quantity": ADJUSTABLE,
        "metadata": METADATA,
        "price": Text(),
        "price_data": LINE_PRICE_DATA,
        "quantity": Whole(least=0, most=999_999),
    }
)
LOCALES = (
    "auto",
    "bg",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "en-GB",
    "es",
    "fi",
    "fr",
    "hu",
    "it",
    "ja",
    "nb",
    "nl",
    "pl",
    "pt",
)


@endpoint(
    "POST",
    "/v1/checkout/sessions",
    after_expiration=Hash(
        fields={"recovery": Hash(fields={"allow_promotion_codes": Flag(), "enabled": needed(Flag())})}
    ),
    allow_promotion_codes=Flag(),
    automatic_tax=AUTOMATIC_TAX,
    billing_address_collection=BILLING_ADDRESS,
    cancel_url=Url(),
    client_reference_id=Text(longest=200),
    consent_collection=CONSENT,
    currency=CURRENCY,
    custom_fields=CUSTOM_FIELDS,
    custom_text=CUSTOM_TEXT,
    customer=Text(),
    customer_creation=Choice(options=("always", "if_required")),
    customer_email=Email(longest=800),
    customer_update=Hash(fields={name: Choice(options=("auto", "never")) for name in ("address", "name", "shipping")}),
    discounts=ONE_DISCOUNT,
    expires_at=Timestamp(),
    invoice_creation=INVOICE_CREATION,
    line_items=Listed(each=LINE, most=100),
    locale=Choice(options=LOCALES),
    metadata=METADATA,
    mode=needed(Choice(options=("payment", "setup", "subscription"))),
    optional_items=OPTIONAL_ITEMS,
    payment_intent_data=Hash(fields={**INTENT_FIELDS, "receipt_email": Text(), "shipping": SHIPPING}),
    payment_method_collection=Choice(options=("always", "if_required")),
    payment_method_types=METHOD_TYPES,
    phone_number_collection=PHONE,
    setup_intent_data=Hash(fields={"description": Text(), "metadata": METADATA}),
    shipping_address_collection=SHIPPING_ADDRESS,
    submit_type=SUBMIT,
    subscription_data=Hash(
        fields={
            **SUBSCRIPTION_FIELDS,
            "billing_cycle_anchor": Timestamp(),
            "billing_mode": BILLING_MODE,
            "proration_behavior": Choice(options=("create_prorations", "none")),
            "trial_end": Timestamp(),
        }
    ),
    success_url=Url(),
    tax_id_collection=TAX_ID,
    ui_mode=Choice(options=("hosted_page",)),
)
def create_session(call: Call) -> Obj:
    account, params = call.account, call.params
    mode = params["mode"]
    if not params.get("success_url"):
        raise InvalidRequest("Missing required param: success_url.", code="parameter_missing", param="success_url")
    for one, other in (("customer", "customer_email"), ("allow_promotion_codes", "discounts")):
        if params.get(one) and params.get(other):
            raise InvalidRequest(f"You may only specify one of these parameters: {one}, {other}.", param=one)
    refuse_wrong_mixture(params, mode=mode)
    if params.get("customer"):
        account.get("customer", params["customer"], param="customer")
        check_customer_update(params)
    elif params.get("customer_update"):
        raise InvalidRequest("`customer_update` can only be used with `customer`.", param="customer_update")
    check_lines(call, params, mode=mode)
    check_buyers_choice(account, params)
    check_custom_fields(params)
    expires = params.get("expires_at")
    if expires is not None and not account.now() + 30 * MINUTE <= expires <= account.now() + 24 * HOUR:
        raise InvalidRequest(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return new_session(account, params)


def check_customer_update(params: Params) -> None:
    """A known customer's tax id brings the business's name, which has to be allowed to change."""
    wanted = (params.get("tax_id_collection") or {}).get("enabled")
    if wanted and (params.get("customer_update") or {}).get("name") != "auto":
        raise InvalidRequest(
            "Tax ID collection requires updating business name on the customer. To enable tax ID collection for an "
            "existing customer, please set `customer_update[name]` to `auto`.",
            param="tax_id_collection",
        )


def check_lines(call: Call, params: Params, *, mode: str) -> None:
    wishes = params.get("line_items")
    if mode == "setup":
        if wishes:
            raise InvalidRequest("You can not pass `line_items` in `setup` mode.", param="line_items")
        return
    if not wishes:
        raise InvalidRequest("Missing required param: line_items.", code="parameter_missing", param="line_items")
    check_prices(call.account, wishes, mode=mode)
    check_counts(call.account, params, mode=mode)
    data = params.get("subscription_data") or {}
    if (trial_end := data.get("trial_end")) is not None and trial_end < call.account.now() + 2 * DAY:
        raise InvalidRequest(
            "The `trial_end` date has to be at least 2 days in the future.", param="subscription_data[trial_end]"
        )
    if data.get("billing_cycle_anchor") is not None:
        check_session_anchor(call.account, wishes, data)


def check_session_anchor(account: Account, wishes: list[Params], data: Params) -> None:
    """A later billing date goes with no trial, and lies within the first period of every recurring price."""
    if data.get("trial_end") is not None or data.get("trial_period_days") is not None:
        raise InvalidRequest(
            "`billing_cycle_anchor` cannot be used together with a trial.",
            param="subscription_data[billing_cycle_anchor]",
        )
    rows = [
        account.find("price", wish.get("price")) or {"recurring": None, **(wish.get("price_data") or {})}
        for wish in wishes
    ]
    recurring = [{"recurring": {"interval_count": 1, **row["recurring"]}} for row in rows if row["recurring"]]
    check_anchor(data["billing_cycle_anchor"], recurring, now=account.now())


@endpoint("POST", "/v1/checkout/sessions/{id}", metadata=METADATA)
def update_session(call: Call) -> Obj:
    session = call.account.get("checkout.session", call.id)
    metadata = merge_metadata(session["metadata"], call.params.get("metadata", {}))
    return call.account.change(session, metadata=metadata)


@endpoint("POST", "/v1/checkout/sessions/{id}/expire")
def expire(call: Call) -> Obj:
    session = call.account.get("checkout.session", call.id)
    if session["status"] != "open":
        raise InvalidRequest(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}."
        )
    expire_session(call.account, session["id"])
    return session


@endpoint("GET", "/v1/checkout/sessions/{id}/line_items", **PAGING)
def list_line_items(call: Call) -> Obj:
    session = call.account.get("checkout.session", call.id)
    lines = call.account.notes(session["id"])["line_items"]
    return list_rows(lines, params=call.params, url=f"/v1/checkout/sessions/{call.id}/line_items")


retrieve("/v1/checkout/sessions/{id}", "checkout.session")
listing(
    "/v1/checkout/sessions",
    "checkout.session",
    customer=Text(),
    customer_details=Hash(fields={"email": needed(Text())}),
    payment_intent=Text(),
    payment_link=Text(),
    status=Choice(options=("complete", "expired", "open")),
    subscription=Text(),
    keep={
        "customer_details": lambda session, wish: (
            isinstance(wish, dict) and (session["customer_details"] or {}).get("email") == wish["email"]
        )
    },
)
