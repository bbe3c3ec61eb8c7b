"""The owner's knobs as the policy takes them: the site's, with a product's own over them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from billing.models import AccessPolicy
from billing.rules.knobs import DEFAULTS
from billing.rules.policy import Policy

STRICT: dict[str, Any] = {"past_due_policy": "none", "paused_collection_access": "suspend"}
PATIENT: dict[str, Any] = {"past_due_policy": "until_stripe_gives_up"}
PRESETS: dict[str, dict[str, Any]] = {"default": {}, "strict": STRICT, "patient": PATIENT}


@dataclass(frozen=True, slots=True)
class Policies:
    site: Policy
    by_product: dict[int, Policy]

    def of(self, product_id: int) -> Policy:
        return self.by_product.get(product_id, self.site)

    @property
    def revoke_after_refund(self) -> bool:
        """Whether a refund of a subscription's payment closes anything."""
        return any(policy.sub_full_refund == "revoke" for policy in [self.site, *self.by_product.values()])


def load() -> Policies:
    """Every policy in force: one query."""
    return build(AccessPolicy.objects.all())


def build(found: Iterable[AccessPolicy]) -> Policies:
    """What these rows say together."""
    rows = {row.product_id: row for row in found}
    site_row = rows.pop(None, None)
    knobs = known(site_row.knobs) if site_row else {}
    version = site_row.version if site_row else 0
    return Policies(
        site=Policy(version=version, **knobs),
        by_product={
            product_id: Policy(version=row.version, **{**knobs, **known(row.knobs)})
            for product_id, row in rows.items()
            if product_id is not None
        },
    )


def known(knobs: dict[str, Any]) -> dict[str, Any]:
    """Without what an older or newer Foyer kept there."""
    return {name: value for name, value in knobs.items() if name in DEFAULTS}
