"""What a restricted key may do: each permission is tried before anything is kept.

Nothing is read or changed by trying: every call is about an object that does not exist, and Stripe looks at the key
first. Labels and levels are those of Stripe's page for restricted keys.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from billing.errors import StripeError, StripeForbidden, StripeInvalid, StripeMissing
from billing.gateway import Gateway

Json = dict[str, Any]
NOTHING = "foyer_permission_probe"
ACCOUNT = re.compile(r"\bacct_\w+")
WRITE, READ = "Write", "Read"


@dataclass(frozen=True, slots=True)
class Need:
    """A permission. `use`: what becomes of it here. `is_optional`: an owner can do by hand what it is for."""

    label: str
    level: str
    use: str
    ask: Callable[[Gateway], object]
    is_optional: bool = False

    def __str__(self) -> str:
        return f"{self.label}: {self.level}"


NEEDS = (
    Need("Products", WRITE, "create and link products", lambda stripe: stripe.update_product(NOTHING, {})),
    Need("Prices", WRITE, "prices, and changing them", lambda stripe: stripe.update_price(NOTHING, {})),
    Need("Payment Links", WRITE, "a link for each price", lambda stripe: stripe.update_payment_link(NOTHING, {})),
    Need("Checkout Sessions", WRITE, "the checkout of members", lambda stripe: stripe.expire_session(NOTHING)),
    Need(
        "Customer portal",
        WRITE,
        "cards, invoices and cancelling",
        lambda stripe: stripe.update_portal_configuration(NOTHING, {}),
    ),
    Need("Subscriptions", READ, "access", lambda stripe: stripe.subscription(NOTHING)),
    Need(
        "Subscriptions",
        WRITE,
        "members keep or resume theirs here; without, in Stripe’s portal",
        lambda stripe: stripe.update_subscription(NOTHING, {}),
        is_optional=True,
    ),
    Need("Customers", READ, "who paid", lambda stripe: stripe.customer(NOTHING)),
    Need("Invoices", READ, "renewals and bills", lambda stripe: stripe.invoice(NOTHING)),
    Need("Coupons", READ, "what a discount is worth", lambda stripe: stripe.coupon(NOTHING)),
    Need("PaymentIntents", READ, "whether the money came", lambda stripe: stripe.payment_intent(NOTHING)),
    Need("Charges and Refunds", READ, "refunds", lambda stripe: stripe.charges_of(NOTHING)),
    Need("Disputes", READ, "disputes", lambda stripe: stripe.disputes_of(NOTHING)),
    Need(
        "Events",
        READ,
        "what a lost webhook would have told",
        lambda stripe: stripe.event_page(types=["customer.updated"], created_from=int(time.time())),
    ),
    Need(
        "Webhook Endpoints",
        WRITE,
        "makes the webhook endpoint; without, you make it and paste its signing secret",
        lambda stripe: stripe.update_webhook_endpoint(NOTHING, {}),
        is_optional=True,
    ),
)


class PermissionsMissing(StripeError):
    """A restricted key that lacks what nothing here works without."""

    def __init__(self, missing: list[Need]) -> None:
        super().__init__(f"This restricted key lacks: {', '.join(map(str, missing))}.")
        self.missing = missing


def account_of(gateway: Gateway) -> Json:
    """The account behind the key; of a key that may not read it the id alone, which Stripe's refusal names.

    Raises billing.errors.
    """
    try:
        return gateway.account()
    except StripeForbidden as error:
        named = ACCOUNT.search(str(error))
        if named is None:
            raise
        return {"id": named[0]}


def check_permissions(key: str, gateway: Gateway) -> None:
    """Raises PermissionsMissing, with every one that a restricted key lacks, and billing.errors."""
    if key.startswith("rk_"):
        missing = [need for need in NEEDS if not _has(gateway, need)]
        if any(not need.is_optional for need in missing):
            raise PermissionsMissing(missing)


def _has(gateway: Gateway, need: Need) -> bool:
    try:
        with suppress(StripeMissing, StripeInvalid):
            need.ask(gateway)
    except StripeForbidden:
        return False
    return True
