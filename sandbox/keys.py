"""API keys: which account each one opens, and what a restricted one may do."""

from dataclasses import dataclass

from sandbox.errors import InvalidRequest, StripeRefusal
from sandbox.routing import ROUTES

READ, WRITE = "read", "write"
# The part of a path that a permission is about, where it is not the path's first segment in the singular. Stripe
# names permissions only in its refusals: those seen there are `accounts_kyc_basic`, `charge`, `checkout_session`,
# `payment_method`, `subscription` and `webhook`; the others follow their form.
RESOURCES = {
    "account": "accounts_kyc_basic",
    "billing_portal": "customer_portal",
    "checkout": "checkout_session",
    "invoice_payments": "invoice",
    "invoiceitems": "invoice",
    "prices": "plan",
    "radar": "charge",
    "refunds": "charge",
    "subscription_items": "subscription",
    "subscription_schedules": "subscription",
    "test_helpers": "billing_clock",
    "webhook_endpoints": "webhook",
}


@dataclass(frozen=True)
class Key:
    """`permissions`: resource → "read" or "write", which includes reading; None for a key that may do everything."""

    text: str
    permissions: dict[str, str] | None = None

    @property
    def masked(self) -> str:
        return f"{self.text[:8]}{'*' * 8}{self.text[-4:]}"

    def check_account(self, named: str | None, *, account: str) -> None:
        """What the header `Stripe-Account` says: nobody acts for another account, as nothing is connected here."""
        if named and named != account:
            raise StripeRefusal(
                f"The provided key '{self.masked}' does not have access to account '{named}' (or that account does not "
                "exist). Application access may have been revoked.",
                code="account_invalid",
                status=403,
            )

    def check(self, *, method: str, path: str, account: str) -> None:
        """Raise Stripe's 403, which names the missing permission."""
        if self.permissions is None:
            return
        resource, level = resource_of(path), READ if method == "GET" else WRITE
        if self.permissions.get(resource) not in (level, WRITE):
            raise StripeRefusal(
                f"The provided key '{self.masked}' does not have the required permissions for this endpoint on "
                f"account '{account}'. Having the 'rak_{resource}_{level}' permission would allow this request to "
                "continue.",
                status=403,
            )


def resource_of(path: str) -> str:
    """The resource in the names of the permissions that a path needs."""
    first = path.removeprefix("/v1/").split("/", 1)[0]
    return RESOURCES.get(first, first.removesuffix("s"))


def read_permissions(wish: object) -> dict[str, str]:
    """What a restricted key is to have. Raises InvalidRequest, which names the permission that is none."""
    if not isinstance(wish, dict):
        raise InvalidRequest("Invalid permissions: must be an object", param="permissions")
    names = permission_names()
    for name, level in wish.items():
        if name not in names:
            listed = f"{', '.join(names[:-1])}, or {names[-1]}"
            raise InvalidRequest(f"Invalid permission: {name}. Must be one of {listed}", param=f"permissions[{name}]")
        if level not in (READ, WRITE):
            raise InvalidRequest(
                f"Invalid permissions[{name}]: must be one of {READ}, or {WRITE}", param=f"permissions[{name}]"
            )
    return dict(wish)


def permission_names() -> list[str]:
    """What the endpoints ask for."""
    return sorted({resource_of(route.path) for route in ROUTES})


def key_text(letters: str, *, live: bool, restricted: bool) -> str:
    """A new key in Stripe's form."""
    return f"{'rk' if restricted else 'sk'}_{'live' if live else 'test'}_{letters}"
