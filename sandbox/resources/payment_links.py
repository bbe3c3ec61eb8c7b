"""`/v1/payment_links`."""

from typing import Any

from sandbox.account import Account
from sandbox.catalogue import new_lines
from sandbox.errors import InvalidRequest, NotFound
from sandbox.paging import list_rows
from sandbox.pricing import amount_of
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
    check_custom_fields,
    kind_of,
    refuse_too_many,
    refuse_wrong_mixture,
)
from sandbox.resources.shared_fields import ADJUSTABLE, AUTOMATIC_TAX, CURRENCY, LINE_PRICE_DATA, METADATA, METHOD_TYPES
from sandbox.routing import PAGING, Call, endpoint, listing, retrieve
from sandbox.sessions import consents, invoice_data, new_custom_field, new_custom_text, new_optional_items, tax_ids
from sandbox.types import Obj, Params
from sandbox.validation import (
    Choice,
    Field,
    Flag,
    Hash,
    Listed,
    Text,
    Url,
    Whole,
    merge_metadata,
    needed,
    unset,
)

AFTER = Hash(
    fields={
        "type": needed(Choice(options=("hosted_confirmation", "redirect"))),
        "hosted_confirmation": Hash(fields={"custom_message": Text(longest=500)}),
        "redirect": Hash(fields={"url": needed(Url(longest=2_048))}),
    }
)
RESTRICTIONS = Hash(fields={"completed_sessions": needed(Hash(fields={"limit": needed(Whole(least=1))}))})
SHARED: dict[str, Field] = {
    "after_completion": AFTER,
    "allow_promotion_codes": Flag(),
    "automatic_tax": AUTOMATIC_TAX,
    "billing_address_collection": BILLING_ADDRESS,
    "custom_fields": CUSTOM_FIELDS,
    "custom_text": CUSTOM_TEXT,
    "customer_creation": Choice(options=("always", "if_required")),
    "inactive_message": Text(longest=500),
    "invoice_creation": INVOICE_CREATION,
    "metadata": METADATA,
    "payment_method_collection": Choice(options=("always", "if_required")),
    "payment_method_types": METHOD_TYPES,
    "phone_number_collection": PHONE,
    "restrictions": RESTRICTIONS,
    "shipping_address_collection": SHIPPING_ADDRESS,
    "submit_type": SUBMIT,
    "tax_id_collection": TAX_ID,
}


@endpoint(
    "POST",
    "/v1/payment_links",
    **SHARED,
    consent_collection=CONSENT,
    currency=CURRENCY,
    optional_items=OPTIONAL_ITEMS,
    line_items=needed(
        Listed(
            each=Hash(
                fields={
                    "adjustable_quantity": ADJUSTABLE,
                    "price": Text(),
                    "price_data": LINE_PRICE_DATA,
                    "quantity": needed(Whole(least=0)),
                }
            ),
            least=1,
            most=20,
        )
    ),
    payment_intent_data=Hash(fields=INTENT_FIELDS),
    subscription_data=Hash(fields=SUBSCRIPTION_FIELDS),
)
def create_link(call: Call) -> Obj:
    account, params = call.account, call.params
    kinds = [kind_of(account, wish, at=at) for at, wish in enumerate(params["line_items"])]
    mode = "subscription" if "recurring" in kinds else "payment"
    refuse_wrong_mixture(params, mode=mode)
    every = [*params["line_items"], *(params.get("optional_items") or [])]
    refuse_too_many(every, most=20, words="line items and optional items")
    check_buyers_choice(account, params)
    check_custom_fields(params)
    lines = new_lines(account, params["line_items"], currency=params.get("currency"))
    return account.add(
        new_link(account, params, mode=mode, lines=lines),
        event="payment_link.created",
        line_items=lines,
        consent_collection=params.get("consent_collection"),
        custom_fields=params.get("custom_fields"),
        custom_text=params.get("custom_text"),
        invoice_creation=params.get("invoice_creation"),
        payment_intent_data=params.get("payment_intent_data"),
        subscription_data=params.get("subscription_data"),
    )


def new_link(account: Account, params: Params, *, mode: str, lines: list[Obj]) -> Obj:
    return {
        "id": account.ids.make("plink"),
        "object": "payment_link",
        "active": True,
        "after_completion": after_completion(params.get("after_completion")),
        "allow_promotion_codes": params.get("allow_promotion_codes", False),
        "application": None,
        "application_fee_amount": None,
        "application_fee_percent": None,
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_address_collection": params.get("billing_address_collection", "auto"),
        "consent_collection": consents(params.get("consent_collection")),
        "currency": lines[0]["currency"],
        "custom_fields": [new_custom_field(wish) for wish in params.get("custom_fields") or []],
        "custom_text": new_custom_text(params.get("custom_text")),
        "customer_creation": params.get("customer_creation", "if_required" if mode == "payment" else "always"),
        "inactive_message": params.get("inactive_message"),
        "invoice_creation": shown_invoice_creation(params.get("invoice_creation")) if mode == "payment" else None,
        "livemode": False,
        "metadata": params.get("metadata") or {},
        "on_behalf_of": None,
        "optional_items": new_optional_items(account, params.get("optional_items"), lines) or None,
        "payment_intent_data": shown_intent_data(params.get("payment_intent_data")),
        "payment_method_collection": params.get("payment_method_collection", "always"),
        "payment_method_options": None,
        "payment_method_types": params.get("payment_method_types"),
        "phone_number_collection": params.get("phone_number_collection") or {"enabled": False},
        "restrictions": shown_restrictions(params.get("restrictions"), None),
        "shipping_address_collection": params.get("shipping_address_collection"),
        "shipping_options": [],
        "submit_type": params.get("submit_type", "auto"),
        "subscription_data": shown_subscription_data(params.get("subscription_data"))
        if mode == "subscription"
        else None,
        "tax_id_collection": tax_ids(params.get("tax_id_collection")),
        "transfer_data": None,
        "url": f"{account.base_url}/b/{account.mode}_{account.ids.letters(18)}",
    }


def after_completion(wish: Params | None) -> Obj:
    if wish and wish["type"] == "redirect":
        if not wish.get("redirect"):
            raise InvalidRequest(
                "Missing required param: after_completion[redirect].",
                code="parameter_missing",
                param="after_completion[redirect]",
            )
        return {"type": "redirect", "redirect": {"url": wish["redirect"]["url"]}}
    message = ((wish or {}).get("hosted_confirmation") or {}).get("custom_message")
    return {"type": "hosted_confirmation", "hosted_confirmation": {"custom_message": message}}


def shown_invoice_creation(wish: Params | None) -> Obj:
    data = (wish or {}).get("invoice_data") or {}
    return {"enabled": bool(wish and wish["enabled"]), "invoice_data": invoice_data(data)}


def shown_intent_data(wish: Params | None) -> Obj | None:
    if wish is None:
        return None
    return {**dict.fromkeys(INTENT_FIELDS), **wish, "metadata": wish.get("metadata") or {}}


def shown_subscription_data(wish: Params | None) -> Obj:
    wish = wish or {}
    return {
        "description": wish.get("description"),
        "invoice_settings": {"issuer": {"type": "self"}},
        "metadata": wish.get("metadata") or {},
        "trial_period_days": wish.get("trial_period_days"),
        "trial_settings": wish.get("trial_settings"),
    }


def shown_restrictions(wish: Params | None, old: Obj | None) -> Obj | None:
    if not wish:
        return None
    count = old["completed_sessions"]["count"] if old else 0
    return {"completed_sessions": {"count": count, "limit": wish["completed_sessions"]["limit"]}}


UPDATE_LINE = Hash(fields={"adjustable_quantity": ADJUSTABLE, "id": needed(Text()), "quantity": Whole(least=0)})


@endpoint(
    "POST",
    "/v1/payment_links/{id}",
    **{
        **SHARED,
        "custom_fields": unset(CUSTOM_FIELDS),
        "inactive_message": unset(Text(longest=500)),
        "payment_method_types": unset(METHOD_TYPES),
        "restrictions": unset(RESTRICTIONS),
        "shipping_address_collection": unset(SHIPPING_ADDRESS),
    },
    active=Flag(),
    line_items=Listed(each=UPDATE_LINE, least=1),
    payment_intent_data=Hash(fields={"description": unset(Text()), "metadata": METADATA}),
    subscription_data=Hash(
        fields={
            "metadata": METADATA,
            "trial_period_days": unset(Whole(least=1, most=730)),
            "trial_settings": unset(SUBSCRIPTION_FIELDS["trial_settings"]),
        }
    ),
)
def update_link(call: Call) -> Obj:
    """The price of a link cannot be changed: `line_items` takes only quantities."""
    account, link = call.account, call.account.get("payment_link", call.id)
    changes: dict[str, Any] = dict(call.params)
    lines = changes.pop("line_items", None)
    mode = "subscription" if link["subscription_data"] is not None else "payment"
    refuse_wrong_mixture(changes, mode=mode)
    if lines:
        update_lines(account, link, lines)
    if "custom_fields" in changes:
        check_custom_fields(changes)
        account.note(link["id"], custom_fields=changes["custom_fields"])
        changes["custom_fields"] = [new_custom_field(wish) for wish in changes["custom_fields"] or []]
    if "custom_text" in changes:
        merged = {**(account.notes(link["id"]).get("custom_text") or {}), **changes["custom_text"]}
        account.note(link["id"], custom_text=merged)
        changes["custom_text"] = new_custom_text(merged)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(link["metadata"], changes["metadata"])
    if "after_completion" in changes:
        changes["after_completion"] = after_completion(changes["after_completion"])
    if "tax_id_collection" in changes:
        changes["tax_id_collection"] = tax_ids(changes["tax_id_collection"])
    if "restrictions" in changes:
        changes["restrictions"] = shown_restrictions(changes["restrictions"], link["restrictions"])
    if "invoice_creation" in changes:
        account.note(link["id"], invoice_creation=changes["invoice_creation"])
        changes["invoice_creation"] = shown_invoice_creation(changes["invoice_creation"])
    for name, shown in (("payment_intent_data", shown_intent_data), ("subscription_data", shown_subscription_data)):
        if name in changes:
            merged = {**(account.notes(link["id"]).get(name) or {}), **changes[name]}
            account.note(link["id"], **{name: merged})
            changes[name] = shown(merged)
    changes.pop("automatic_tax", None)
    return account.change(link, event="payment_link.updated", **changes)


def update_lines(account: Account, link: Obj, wishes: list[Params]) -> None:
    lines = account.notes(link["id"])["line_items"]
    for at, wish in enumerate(wishes):
        line = next((line for line in lines if line["id"] == wish["id"]), None)
        if line is None:
            raise NotFound("line item", wish["id"], param=f"line_items[{at}][id]")
        if "quantity" in wish:
            line["quantity"] = wish["quantity"]
            cost = amount_of(account, line["price"], wish["quantity"], currency=link["currency"])
            line["amount_subtotal"] = line["amount_total"] = cost
        if "adjustable_quantity" in wish:
            line["adjustable_quantity"] = {"maximum": None, "minimum": None, **wish["adjustable_quantity"]}
    account.note(link["id"], line_items=lines)


@endpoint("GET", "/v1/payment_links/{id}/line_items", **PAGING)
def list_line_items(call: Call) -> Obj:
    link = call.account.get("payment_link", call.id)
    lines = call.account.notes(link["id"])["line_items"]
    return list_rows(lines, params=call.params, url=f"/v1/payment_links/{call.id}/line_items")


retrieve("/v1/payment_links/{id}", "payment_link")
listing("/v1/payment_links", "payment_link", created=False, active=Flag())
