"""Stripe's JSON as every database keeps it: PostgreSQL takes neither NUL nor half a character, whoever typed it."""

import json
import re
from typing import Any, NoReturn

Json = dict[str, Any]

LONGEST = 255  # characters of an id
TOO_LATE = 32_503_680_000  # the year 3000, in seconds
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
ESCAPED = re.compile(r"\\u(?:0000|d[89a-f])", re.IGNORECASE)  # what may be one, in JSON's own text


def storable(found: Any, *, text: str | bytes) -> Any:
    """`found`, which was read from `text`, without what no database keeps. Costs nothing where there is none."""
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return _clean(found) if ESCAPED.search(words) else found


def read_strictly(text: str) -> Any:
    """JSON as the standard has it. Raises ValueError for anything else, and for what is nested beyond reason."""
    try:
        return storable(json.loads(text, parse_constant=_refuse), text=text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _clean(found: Any) -> Any:
    if isinstance(found, str):
        return UNSTORABLE.sub("", found)
    if isinstance(found, list):
        return [_clean(each) for each in found]
    if isinstance(found, dict):
        return {_clean(name): _clean(value) for name, value in found.items()}
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
