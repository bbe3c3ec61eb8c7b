"""The owner's knobs as the policy takes them: the site's, with a product's own over them."""

from dataclasses import dataclass, fields
from typing import Any

from billing.models import AccessPolicy
from billing.policy import Policy

KNOBS = frozenset(knob.name for knob in fields(Policy)) - {"version"}
STRICT: dict[str, Any] = {"past_due_policy": "none", "paused_collection_access": "suspend"}
PATIENT: dict[str, Any] = {"past_due_policy": "until_stripe_gives_up"}


@dataclass(frozen=True, slots=True)
class Policies:
    site: Policy
    by_product: dict[int, Policy]

    def of(self, product_id: int) -> Policy:
        return self.by_product.get(product_id, self.site)


def load() -> Policies:
    """Every policy in force: one query."""
    rows = {row.product_id: row for row in AccessPolicy.objects.all()}
    site_row = rows.pop(None, None)
    knobs = _known(site_row.knobs) if site_row else {}
    version = site_row.version if site_row else 0
    return Policies(
        site=Policy(version=version, **knobs),
        by_product={
            product_id: Policy(version=row.version, **{**knobs, **_known(row.knobs)})
            for product_id, row in rows.items()
            if product_id is not None
        },
    )


def _known(knobs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in knobs.items() if name in KNOBS}
