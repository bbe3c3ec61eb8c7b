"""Stripe's JSON as a person reads it, without the references in it: whoever has one can pay for its person."""

import json
from typing import Any

from billing.stripe_objects import REFERENCE_KEY

REFERENCES = {REFERENCE_KEY, "client_reference_id"}


def readable(found: Any) -> str:
    return json.dumps(_without_references(found), indent=2, ensure_ascii=False)


def _without_references(found: Any) -> Any:
    if isinstance(found, list):
        return [_without_references(each) for each in found]
    if isinstance(found, dict):
        return {name: _without_references(value) for name, value in found.items() if name not in REFERENCES}
    return found
