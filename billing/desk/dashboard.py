"""Where a Stripe object is shown to the owner: in Stripe's dashboard, or on the sandbox's own pages."""

from django.conf import settings

from billing.models import Connection

SHELVES = {"cus": "customers", "sub": "subscriptions", "pi": "payments", "in": "invoices", "prod": "products"}
NOT_IN_THE_SANDBOX = {"invoices", "products", "prices"}


def page_of(ref: str, *, connection: Connection, shelf: str = "") -> str:
    """The page's address; empty where there is none for such a thing. `shelf`: where it is known what it is."""
    shelf = shelf or SHELVES.get(ref.partition("_")[0], "")
    if not shelf:
        return ""
    if settings.STRIPE_API_BASE:
        return f"{settings.STRIPE_API_BASE}/sandbox/{shelf}/{ref}" if shelf not in NOT_IN_THE_SANDBOX else ""
    return f"https://dashboard.stripe.com/{'' if connection.livemode else 'test/'}{shelf}/{ref}"
