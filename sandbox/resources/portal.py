"""`/v1/billing_portal/configurations` and `/sessions`."""

from typing import Any

from sandbox.account import Account
from sandbox.catalogue import price_of
from sandbox.coupons import Purchase, find_coupon
from sandbox.discounts import find_coupons
from sandbox.errors import InvalidRequest, NotFound
from sandbox.portal import CANCEL_REASONS, default_configuration, new_configuration, new_features
from sandbox.resources.shared_fields import ADJUSTABLE, METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj, Params
from sandbox.validation import Choice, Field, Flag, Hash, Listed, Text, Url, Whole, merge_metadata, needed, unset

ON: dict[str, Field] = {"enabled": needed(Flag())}
PRORATION = Choice(options=("always_invoice", "create_prorations", "none"))
CONDITIONS = ("decreasing_item_amount", "shortening_interval")
DETAILS = ("address", "email", "name", "phone", "shipping", "tax_id")


def features(*, complete: bool) -> Hash:
    """The `features` hash; on update its parts need not be switched explicitly."""
    switch: dict[str, Field] = ON if complete else {"enabled": Flag()}
    reasons = Listed(each=Choice(options=CANCEL_REASONS))
    conditions = Listed(each=Hash(fields={"type": needed(Choice(options=CONDITIONS))}))
    return Hash(
        fields={
            "customer_update": Hash(fields={"allowed_updates": unset(Listed(each=Choice(options=DETAILS))), **switch}),
            "invoice_history": Hash(fields=ON),
            "payment_method_update": Hash(fields=switch),
            "subscription_cancel": Hash(
                fields={
                    "cancellation_reason": Hash(
                        fields={"enabled": switch["enabled"], "options": needed(reasons) if complete else reasons}
                    ),
                    "mode": Choice(options=("at_period_end", "immediately")),
                    "proration_behavior": PRORATION,
                    **switch,
                }
            ),
            "subscription_update": Hash(
                fields={
                    "default_allowed_updates": unset(
                        Listed(each=Choice(options=("price", "promotion_code", "quantity")))
                    ),
                    "billing_cycle_anchor": Choice(options=("now", "unchanged")),
                    "products": unset(
                        Listed(
                            each=Hash(
                                fields={
                                    "adjustable_quantity": ADJUSTABLE,
                                    "prices": needed(Listed(each=Text())),
                                    "product": needed(Text()),
                                }
                            ),
                            most=10,
                        )
                    ),
                    "schedule_at_period_end": Hash(
                        fields={"conditions": conditions if complete else unset(conditions)}
                    ),
                    "trial_update_behavior": Choice(options=("continue_trial", "end_trial")),
                    "proration_behavior": PRORATION,
                    **switch,
                }
            ),
        }
    )


def check_products(account: Account, params: Params) -> None:
    """Every price that customers may switch to is one of the product beside it, and recurs."""
    update = (params.get("features") or {}).get("subscription_update") or {}
    for at, row in enumerate(update.get("products") or []):
        param = f"features[subscription_update][products][{at}]"
        account.get("product", row["product"], param=f"{param}[product]")
        for price_id in row["prices"]:
            price = account.get("price", price_id, param=f"{param}[prices]")
            if price["product"] != row["product"] or price["type"] != "recurring":
                raise InvalidRequest(
                    f"The price {price_id} is not a recurring price of the product {row['product']}.",
                    param=f"{param}[prices]",
                )


PROFILE = Hash(
    fields={
        "headline": unset(Text(longest=60)),
        "privacy_policy_url": unset(Url()),
        "terms_of_service_url": unset(Url()),
    }
)
CREATE_PROFILE = Hash(
    fields={"headline": unset(Text(longest=60)), "privacy_policy_url": Url(), "terms_of_service_url": Url()}
)


@endpoint(
    "POST",
    "/v1/billing_portal/configurations",
    business_profile=CREATE_PROFILE,
    default_return_url=unset(Url()),
    features=needed(features(complete=True)),
    login_page=Hash(fields=ON),
    metadata=METADATA,
    name=unset(Text()),
)
def create_configuration(call: Call) -> Obj:
    check_products(call.account, call.params)
    return new_configuration(call.account, call.params)


@endpoint(
    "POST",
    "/v1/billing_portal/configurations/{id}",
    active=Flag(),
    business_profile=PROFILE,
    default_return_url=unset(Url()),
    features=features(complete=False),
    login_page=Hash(fields=ON),
    metadata=METADATA,
    name=unset(Text()),
)
def update_configuration(call: Call) -> Obj:
    configuration = call.account.get("billing_portal.configuration", call.id)
    changes: dict[str, Any] = dict(call.params)
    check_products(call.account, changes)
    if "business_profile" in changes:
        changes["business_profile"] = {**configuration["business_profile"], **changes["business_profile"]}
    if "features" in changes:
        changes["features"] = new_features(changes["features"], configuration["features"])
    if "login_page" in changes:
        changes["login_page"] = {**configuration["login_page"], **changes["login_page"]}
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(configuration["metadata"], changes["metadata"])
    changes["updated"] = call.account.now()
    return call.account.change(configuration, event="billing_portal.configuration.updated", **changes)


retrieve("/v1/billing_portal/configurations/{id}", "billing_portal.configuration")
listing(
    "/v1/billing_portal/configurations",
    "billing_portal.configuration",
    created=False,
    active=Flag(),
    is_default=Flag(),
)

RETENTION = Hash(
    fields={
        "coupon_offer": needed(Hash(fields={"coupon": needed(Text())})),
        "type": needed(Choice(options=("coupon_offer",))),
    }
)
FLOW = Hash(
    fields={
        "type": needed(
            Choice(
                options=(
                    "customer_update",
                    "payment_method_update",
                    "subscription_cancel",
                    "subscription_update",
                    "subscription_update_confirm",
                )
            )
        ),
        "after_completion": Hash(
            fields={
                "type": needed(Choice(options=("hosted_confirmation", "portal_homepage", "redirect"))),
                "hosted_confirmation": Hash(fields={"custom_message": Text()}),
                "redirect": Hash(fields={"return_url": needed(Url())}),
            }
        ),
        "subscription_cancel": Hash(fields={"retention": RETENTION, "subscription": needed(Text())}),
        "subscription_update": Hash(fields={"subscription": needed(Text())}),
        "subscription_update_confirm": Hash(
            fields={
                "discounts": Listed(each=Hash(fields={"coupon": Text(), "promotion_code": Text()}), most=1),
                "subscription": needed(Text()),
                "items": needed(
                    Listed(
                        each=Hash(fields={"id": needed(Text()), "price": Text(), "quantity": Whole(least=0)}),
                        least=1,
                        most=1,
                    )
                ),
            }
        ),
    }
)
NEEDED_FEATURE = {
    "payment_method_update": "payment_method_update",
    "customer_update": "customer_update",
    "subscription_cancel": "subscription_cancel",
    "subscription_update": "subscription_update",
    "subscription_update_confirm": "subscription_update",
}


@endpoint(
    "POST",
    "/v1/billing_portal/sessions",
    configuration=Text(),
    customer=needed(Text()),
    flow_data=FLOW,
    locale=Choice(options=("auto", "de", "en", "en-GB", "es", "fr", "it", "nl", "pl", "pt")),
    return_url=Url(),
)
def create_session(call: Call) -> Obj:
    account, params = call.account, call.params
    customer = account.get("customer", params["customer"], param="customer")
    configuration = (
        account.get("billing_portal.configuration", params["configuration"], param="configuration")
        if params.get("configuration")
        else default_configuration(account)
    )
    if not configuration["active"]:
        raise InvalidRequest("The configuration is not active.", param="configuration")
    session_id = account.ids.make("bps")
    flow = new_flow(account, params["flow_data"], customer, configuration) if params.get("flow_data") else None
    return account.add(
        {
            "id": session_id,
            "object": "billing_portal.session",
            "configuration": configuration["id"],
            "created": account.now(),
            "customer": customer["id"],
            "customer_account": None,
            "flow": flow,
            "livemode": False,
            "locale": params.get("locale"),
            "on_behalf_of": None,
            "return_url": params.get("return_url") or configuration["default_return_url"],
            "url": f"{account.base_url}/p/session/{session_id}",
        },
        event="billing_portal.session.created",
    )


def check_update(account: Account, subscription: Obj, details: Params) -> None:
    """What an update flow names has to be there: the item, the price, the discount."""
    param = "flow_data[subscription_update_confirm]"
    for at, row in enumerate(details["items"]):
        if row["id"] not in [item["id"] for item in subscription["items"]["data"]]:
            raise NotFound("subscription item", row["id"], param=f"{param}[items][{at}][id]")
        if row.get("price"):
            price_of(account, row, param=f"{param}[items][{at}]", use="recurring")
    purchase = Purchase(subscription["currency"], None, subscription["customer"])
    find_coupons(account, details.get("discounts"), param=f"{param}[discounts]", purchase=purchase)


def new_flow(account: Account, wish: Params, customer: Obj, configuration: Obj) -> Obj:
    """A deep link. Raises Stripe's refusals for a switched-off feature and for somebody else's subscription."""
    kind = wish["type"]
    feature = NEEDED_FEATURE[kind]
    if not configuration["features"][feature]["enabled"]:
        raise InvalidRequest(
            f"This flow cannot be used because the {feature} feature of the portal configuration is disabled.",
            param="flow_data[type]",
        )
    details: Params = wish.get(kind) or {}
    if kind.startswith("subscription"):
        if not details:
            raise InvalidRequest(
                f"Missing required param: flow_data[{kind}].", code="parameter_missing", param=f"flow_data[{kind}]"
            )
        param = f"flow_data[{kind}][subscription]"
        subscription = account.get("subscription", details["subscription"], param=param)
        if subscription["customer"] != customer["id"]:
            raise InvalidRequest("This subscription does not belong to the customer.", param=param)
        if kind == "subscription_cancel" and (subscription["cancel_at"] or subscription["cancel_at_period_end"]):
            raise InvalidRequest("This subscription is already set to be canceled.", param=param)
    after = wish.get("after_completion") or {"type": "portal_homepage"}
    flow: Obj = {
        "type": kind,
        "after_completion": {"hosted_confirmation": None, "redirect": None, **after},
        "customer_update": None,
        "subscription_cancel": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
    }
    if kind == "subscription_cancel":
        offer = details.get("retention")
        if offer:
            purchase = Purchase(subscription["currency"], None, customer["id"])
            find_coupon(account, offer["coupon_offer"], param=f"flow_data[{kind}][retention]", purchase=purchase)
        flow[kind] = {"retention": None, **details}
    elif kind == "subscription_update_confirm":
        items = [{"price": None, **item} for item in details["items"]]
        check_update(account, subscription, details)
        discounts = [{"coupon": None, "promotion_code": None, **row} for row in details.get("discounts") or []]
        flow[kind] = {"discounts": discounts or None, "subscription": details["subscription"], "items": items}
    elif details:
        flow[kind] = details
    return flow
