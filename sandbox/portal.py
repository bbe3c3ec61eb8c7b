"""The customer portal: configurations, sessions, and what a customer does there."""

from sandbox import collecting, renewing
from sandbox.account import Account
from sandbox.cards import attach, find_method
from sandbox.customers import set_default_card, use_method
from sandbox.errors import InvalidRequest
from sandbox.putting_off import take_back
from sandbox.types import Obj, Params

CANCEL_REASONS = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)

# What the Dashboard's portal settings have switched on when they are saved untouched.
SAVED_FEATURES = ("customer_update", "invoice_history", "payment_method_update", "subscription_cancel")


def new_features(wish: Params, old: Obj | None = None) -> Obj:
    """Stripe's `features`: what is not named is off, or stays as it was in `old`."""

    def part(name: str, blank: Obj) -> Obj:
        given = dict(wish.get(name) or {})
        return {**blank, **((old or {}).get(name) or {}), **given}

    cancel = part(
        "subscription_cancel",
        {
            "cancellation_reason": {"enabled": False, "options": list(CANCEL_REASONS)},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
    )
    cancel["cancellation_reason"] = {"options": [], **cancel["cancellation_reason"]}
    update = part(
        "subscription_update",
        {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": [],
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    )
    later = update["schedule_at_period_end"]
    update["schedule_at_period_end"] = {"conditions": later.get("conditions") or []}
    fixed = {"enabled": False, "maximum": None, "minimum": 1}
    update["products"] = [
        {**product, "adjustable_quantity": {**fixed, **(product.get("adjustable_quantity") or {})}}
        for product in update["products"] or []
    ]
    return {
        "customer_update": part("customer_update", {"allowed_updates": [], "enabled": False}),
        "invoice_history": part("invoice_history", {"enabled": False}),
        "payment_method_update": part(
            "payment_method_update", {"enabled": False, "payment_method_configuration": None}
        ),
        "subscription_cancel": cancel,
        "subscription_update": update,
    }


def new_configuration(account: Account, wish: Params, *, is_default: bool = False) -> Obj:
    """`wish`: the validated parameters of `POST /v1/billing_portal/configurations`."""
    login = (wish.get("login_page") or {}).get("enabled", False)
    config_id = account.ids.make("bpc")
    return account.add(
        {
            "id": config_id,
            "object": "billing_portal.configuration",
            "active": True,
            "application": None,
            "business_profile": {
                "headline": None,
                "privacy_policy_url": None,
                "terms_of_service_url": None,
                **(wish.get("business_profile") or {}),
            },
            "created": account.now(),
            "default_return_url": wish.get("default_return_url"),
            "features": new_features(wish["features"]),
            "is_default": is_default,
            "livemode": False,
            "login_page": {"enabled": login, "url": f"{account.base_url}/p/login/{config_id}" if login else None},
            "metadata": wish.get("metadata") or {},
            "name": wish.get("name"),
            "updated": account.now(),
        },
        event="billing_portal.configuration.created",
    )


def configuration_of(account: Account, session: Obj) -> Obj:
    return account.get("billing_portal.configuration", session["configuration"])


def default_configuration(account: Account) -> Obj:
    """The account's own configuration. Raises Stripe's refusal where the owner never saved one."""
    for row in account.list("billing_portal.configuration"):
        if row["is_default"] and row["active"]:
            return row
    if account.settings["portal_saved"]:
        switched_on = {name: {"enabled": True} for name in SAVED_FEATURES}
        return new_configuration(account, {"features": switched_on}, is_default=True)
    raise InvalidRequest(
        "No configuration provided and your test mode default configuration has not been created. Provide a "
        "configuration or create your default by saving your customer portal settings in test mode at "
        "https://dashboard.stripe.com/test/settings/billing/portal.",
        param="configuration",
    )


def customer_of(account: Account, session: Obj) -> Obj:
    return account.get("customer", session["customer"])


def own_subscription(account: Account, session: Obj, subscription_id: str) -> Obj:
    """A subscription of the session's customer. Raises NotFound or InvalidRequest for anybody else's."""
    subscription = account.get("subscription", subscription_id, param="subscription")
    if subscription["customer"] != session["customer"]:
        raise InvalidRequest("This subscription belongs to another customer.", param="subscription")
    return subscription


def cancel(
    account: Account,
    session_id: str,
    *,
    subscription_id: str,
    feedback: str | None = None,
    comment: str | None = None,
) -> Obj:
    """Cancel as the configuration says. Flexible billing sets `cancel_at`, classic the period-end flag."""
    session = account.get("billing_portal.session", session_id)
    feature = configuration_of(account, session)["features"]["subscription_cancel"]
    if not feature["enabled"]:
        raise InvalidRequest("Subscriptions cannot be canceled in this customer portal.")
    if feedback and feedback not in CANCEL_REASONS:
        raise InvalidRequest("Invalid feedback", param="feedback")
    subscription = own_subscription(account, session, subscription_id)
    if subscription["status"] in renewing.TERMINAL:
        raise InvalidRequest("This subscription has already ended.")
    details = {"comment": comment or None, "feedback": feedback or None}
    if feature["mode"] == "immediately" or subscription["status"] in ("incomplete", "paused"):
        return renewing.end_subscription(account, subscription, details=details)
    take_back(account, subscription)
    end = max(item["current_period_end"] for item in subscription["items"]["data"])
    flexible = subscription["billing_mode"]["type"] == "flexible"
    return renewing.schedule_end(
        account, subscription, cancel_at=end if flexible else None, at_period_end=not flexible, details=details
    )


def resume(account: Account, session_id: str, *, subscription_id: str) -> Obj:
    """The "Don't cancel" button: take the request back while the subscription lives."""
    session = account.get("billing_portal.session", session_id)
    subscription = own_subscription(account, session, subscription_id)
    if subscription["status"] in renewing.TERMINAL:
        raise InvalidRequest("This subscription has already ended.")
    return renewing.schedule_end(
        account,
        subscription,
        cancel_at=None,
        at_period_end=False,
        details={"comment": None, "feedback": None},
    )


def update_card(account: Account, session_id: str, *, card: str) -> Obj:
    """Put in a new card (a test number or ready-made name). Open past due invoices are tried with it at once."""
    session = account.get("billing_portal.session", session_id)
    customer = customer_of(account, session)
    if not configuration_of(account, session)["features"]["payment_method_update"]["enabled"]:
        raise InvalidRequest("Payment methods cannot be changed in this customer portal.")
    if card.startswith("pm_"):
        method = attach(account, find_method(account, card), customer=customer)
        return use_method(account, customer, method, retry=True)
    return set_default_card(account, customer, number=card)


def pay_invoice(account: Account, invoice_id: str, *, card: str | None = None) -> Obj:
    """Pay an open invoice from its hosted page, with a new card or the one on file. Raises CardDeclined."""
    invoice = account.get("invoice", invoice_id)
    if card:
        customer = account.get("customer", invoice["customer"])
        set_default_card(account, customer, number=card, retry=False)
    return collecting.pay(account, invoice, off_session=False)


def update_details(account: Account, session_id: str, *, email: str | None = None, name: str | None = None) -> Obj:
    """Change what the configuration lets a customer change."""
    session = account.get("billing_portal.session", session_id)
    feature = configuration_of(account, session)["features"]["customer_update"]
    wishes = {key: value for key, value in (("email", email), ("name", name)) if value is not None}
    if not feature["enabled"] or set(wishes) - set(feature["allowed_updates"]):
        raise InvalidRequest("These details cannot be changed in this customer portal.")
    return account.change(customer_of(account, session), event="customer.updated", **wishes)
