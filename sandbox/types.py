"""The shapes that everything in the sandbox passes around."""

from collections.abc import Callable
from typing import Any

# A Stripe object exactly as its JSON: keys are Stripe's, expandable fields hold ids.
Obj = dict[str, Any]
# Request parameters after validation: nested, typed, unknown keys already refused.
Params = dict[str, Any]
# Whether an object passes a filter's value.
Keep = Callable[[Obj, object], bool]

API_VERSION = "2026-08-26.dahlia"
MINUTE, HOUR, DAY = 60, 3_600, 86_400
LATEST = 32_503_679_999  # the last second of the year 2999: far enough, and periods can still be added
