"""Stripe's request encoding: `a[b][0][c]=v` and `expand[]=x`, into nested dictionaries and lists of strings."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from sandbox.errors import InvalidRequest

DEEPEST = 40  # far more levels than any parameter has
DIGITS = re.compile(r"[0-9]{1,20}")
PART = re.compile(r"\[([^\[\]]*)\]")


class Numbered(list[Any]):
    """A list as it was sent, `keyed` by its numbers: where any text is a key, they are keys."""

    def __init__(self, keyed: dict[str, Any]) -> None:
        super().__init__(keyed[name] for name in sorted(keyed, key=int))
        self.keyed = keyed


def parse_form(text: str) -> dict[str, Any]:
    """Nested values; leaves are strings. Dictionaries whose keys are 0…n become lists."""
    return decode(parse_qsl(text, keep_blank_values=True))


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in pairs:
        head = key.split("[", 1)[0]
        path = [head, *PART.findall(key[len(head) :])]
        if len(path) > DEEPEST:
            raise InvalidRequest(f"Invalid request: {key[:40]}... is nested too deeply", param=head)
        put(tree, path, value, key=key)
    return {name: as_lists(value) for name, value in tree.items()}


def put(tree: dict[str, Any], path: list[str], value: str, *, key: str) -> None:
    for depth, part in enumerate(path):
        name = part or str(len(tree))
        if depth == len(path) - 1:
            tree[name] = value
            return
        branch = tree.setdefault(name, {})
        if not isinstance(branch, dict):
            raise InvalidRequest(f"Invalid request: {key} is both a value and a hash", param=path[0])
        tree = branch


def as_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    values = {name: as_lists(inner) for name, inner in value.items()}
    if values and all(DIGITS.fullmatch(name) for name in values):
        return Numbered(values)
    return values
