"""Checks recorded exchanges against Stripe's own OpenAPI document, strictly: what it does not name is a violation.

    python -m tests.contract.check RECORDING.jsonl… or a folder of them

One JSON object a line: `{"method", "path", "params", "status", "response"}` for a request (params form-encoded) or
`{"event": …}` for a delivery. The document is spec3.json of Stripe's public repository "stripe/openapi" on GitHub;
the environment variable STRIPE_OPENAPI says where it lies.
"""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema_rs

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent.parent
REFERENCE = "#/components/schemas/"
DEFINITIONS = "urn:openapi#/$defs/"
WHERE_PUBLISHED = "Stripe publishes it as spec3.json in its public repository stripe/openapi on GitHub."
FUTURE_STATUS = "hibernating"  # made up by tests of what nobody knows yet
WITHOUT_MEANING = {"description", "title", "format", "deprecated"}
NUMBERS = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "boolean": "true|false"}


def document_path() -> Path:
    """Where the OpenAPI document is expected."""
    return Path(os.environ.get("STRIPE_OPENAPI") or ROOT.parent / "shared" / "stripe" / "spec3.json")


def as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0 into JSON Schema: `nullable` spelled out, objects closed, enumerations open where Stripe says so."""
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace(REFERENCE, DEFINITIONS)}
    out: Json = {}
    for name, value in schema.items():
        if name == "properties":
            out[name] = {field: as_json_schema(inner) for field, inner in value.items()}
        elif name in ("anyOf", "oneOf", "allOf"):
            out[name] = [as_json_schema(inner) for inner in value]
        elif name in ("items", "additionalProperties", "not"):
            out[name] = as_json_schema(value)
        elif name not in WITHOUT_MEANING and name != "nullable" and not name.startswith("x-"):
            out[name] = value
    if schema.get("properties"):
        out.setdefault("additionalProperties", False)
    if schema.get("x-stripeBypassValidation"):
        out.pop("enum", None)
    return {"anyOf": [out, {"type": "null"}]} if schema.get("nullable") else out


def decode_form(pairs: Iterable[tuple[str, str]]) -> Json:
    """`a[b][]=c` into nested dictionaries; list positions stay keys."""
    tree: Json = {}
    for key, value in pairs:
        head, *rest = key.replace("]", "").split("[")
        branch, name = tree, head
        for part in rest:
            branch = branch.setdefault(name, {})
            name = part or str(len(branch))
        branch[name] = value
    return tree


def misfits(schema: Json, value: Any, *, where: str) -> Iterator[str]:
    """What is wrong with one form value, read as the schema's type; of alternatives the best fitting counts."""
    if "anyOf" in schema:
        yield from min((list(misfits(branch, value, where=where)) for branch in schema["anyOf"]), key=len)
        return
    kind = schema.get("type")
    if kind == "object":
        yield from misfits_of_object(schema, value, where=where)
    elif kind == "array":
        if not isinstance(value, dict) or not all(name.isdigit() for name in value):
            yield f"{where}: not a list"
            return
        for name, item in value.items():
            yield from misfits(schema.get("items", {}), item, where=f"{where}[{name}]")
    elif isinstance(value, dict):
        yield f"{where}: not a {kind}"
    elif kind in NUMBERS and not re.fullmatch(NUMBERS[kind], value):
        yield f"{where}: {value!r} is no {kind}"
    elif "enum" in schema and not schema.get("x-stripeBypassValidation") and value not in schema["enum"]:
        yield f"{where}: {value!r} is not allowed"
    elif len(value) > schema.get("maxLength", len(value)):
        yield f"{where}: longer than {schema['maxLength']}"


def misfits_of_object(schema: Json, value: Any, *, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: not a hash"
        return
    known, more = schema.get("properties", {}), schema.get("additionalProperties", not schema.get("properties"))
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{where}[{name}]: missing"
    for name, inner in value.items():
        if name in known:
            yield from misfits(known[name], inner, where=f"{where}[{name}]")
        elif isinstance(more, dict):
            yield from misfits(more, inner, where=f"{where}[{name}]")
        elif not more:
            yield f"{where}[{name}]: unknown parameter"


class Contract:
    """Stripe's OpenAPI document, ready to judge."""

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text())
        schemas: Json = document["components"]["schemas"]
        definitions = {name: as_json_schema(schema) for name, schema in schemas.items()}
        self.registry = jsonschema_rs.Registry([("urn:openapi", {"$defs": definitions})])
        self.component = {
            (kinds[0], name.startswith("deleted_")): name
            for name, schema in schemas.items()
            if schema.get("x-resourceId") == name
            and len(kinds := schema.get("properties", {}).get("object", {}).get("enum", [])) == 1
        }
        self.operations = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path, methods)
            for path, methods in sorted(document["paths"].items(), key=lambda item: item[0].count("{"))
        ]
        self.validator = cache(self._validator)

    def _validator(self, schema: str) -> Any:
        return jsonschema_rs.Draft202012Validator(json.loads(schema), registry=self.registry)

    def violations(self, exchange: Json) -> list[str]:
        """Everything that the document does not allow, in words."""
        if "event" in exchange:
            return self.violations_of_event(exchange["event"])
        parts = urlsplit(exchange["path"])
        method, status = exchange["method"].lower(), exchange.get("status", 200)
        operation = self.operation(method, parts.path)
        if operation is None:
            return [] if status == 404 else [f"{exchange['method']} {parts.path}: no such endpoint"]
        found: list[str] = []
        if status < 400:
            pairs = [*parse_qsl(parts.query, True), *parse_qsl(exchange.get("params") or "", True)]
            found += misfits(self.parameters(operation), decode_form(pairs), where="request")
        if isinstance(exchange.get("response"), dict):
            answer = operation["responses"]["200" if status < 400 else "default"]["content"]["application/json"]
            found += self.errors(answer["schema"], exchange["response"], where="response")
        return found

    def violations_of_event(self, event: Json) -> list[str]:
        thing = event.get("data", {}).get("object", {})
        name = self.component.get((thing.get("object"), thing.get("deleted") is True))
        found = list(self.errors({"$ref": REFERENCE + "event"}, event, where="event"))
        if name is None:
            return [*found, f"event: nothing is called {thing.get('object')!r}"]
        return [*found, *self.errors({"$ref": REFERENCE + name}, thing, where="event.data.object")]

    def operation(self, method: str, path: str) -> Json | None:
        for pattern, _, methods in self.operations:
            if method in methods and pattern.fullmatch(path):
                found: Json = methods[method]
                return found
        return None

    def parameters(self, operation: Json) -> Json:
        """The operation's parameters, from query and body, as one closed object."""
        content = operation.get("requestBody", {}).get("content", {})
        body = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
        query = [given for given in operation.get("parameters", []) if given["in"] == "query"]
        return {
            "type": "object",
            "properties": {**{given["name"]: given["schema"] for given in query}, **body.get("properties", {})},
            "required": [*(given["name"] for given in query if given.get("required")), *body.get("required", [])],
            "additionalProperties": False,
        }

    def errors(self, schema: Json, value: Any, *, where: str) -> Iterator[str]:
        validator = self.validator(json.dumps(as_json_schema(schema)))
        for error in validator.iter_errors(value):
            for path, message in nearest(error):
                yield f"{where}.{path}: {message[:200]}"


def nearest(error: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Of alternatives that all fail, the errors of the one that fails least."""
    branches = getattr(error.kind, "context", None)
    if branches and depth < 8:
        fitting = [branch for branch in branches if not any(is_other_type(inner, error) for inner in branch)]
        if fitting:
            for inner in min(fitting, key=len):
                yield from nearest(inner, depth + 1)
            return
    yield ".".join(map(str, error.instance_path)) or "(all)", error.message


def is_other_type(inner: Any, outer: Any) -> bool:
    """Whether a branch was never meant: it wants another type, or another `object`."""
    path = list(inner.instance_path)
    return (len(path) == len(list(outer.instance_path)) and "is not of type" in inner.message) or path[-1:] == [
        "object"
    ]


def violations_in(recording: Path) -> list[str]:
    """What in a recording is not Stripe's language.

    Without the document nothing can be said: a failure in CI, and elsewhere no news. Where FOYER_EXCHANGES keeps the
    recordings of a whole suite, they are judged together at its end.
    """
    if os.environ.get("FOYER_EXCHANGES"):
        return []
    path = document_path()
    if not path.is_file():
        return [f"{path} is missing: {WHERE_PUBLISHED}"] if os.environ.get("CI") else []
    contract = Contract(path)
    return [
        f"{name_of(exchange)}: {violation}"
        for exchange in exchanges_in([recording])
        for violation in contract.violations(exchange)
    ]


def exchanges_in(recordings: Iterable[Path]) -> Iterator[Json]:
    """All that differ, but for those that show the status which Stripe has yet to invent."""
    seen: set[bytes] = set()
    for recording in recordings:
        with recording.open("rb") as lines:
            for line in lines:
                mark = hashlib.blake2b(line, digest_size=16).digest()
                if mark not in seen and f'"{FUTURE_STATUS}"'.encode() not in line:
                    seen.add(mark)
                    yield json.loads(line)


def name_of(exchange: Json) -> str:
    """The event's type, or the request's method and path."""
    return exchange["event"]["type"] if "event" in exchange else f"{exchange['method']} {exchange['path']}"


def main(arguments: list[str]) -> int:
    path = document_path()
    if not path.is_file():
        print(f"{path} is missing: {WHERE_PUBLISHED}")
        return 1 if os.environ.get("CI") else 0
    contract = Contract(path)
    found: Counter[str] = Counter()
    count = 0
    for exchange in exchanges_in(recordings_of(arguments)):
        count += 1
        for violation in contract.violations(exchange):
            found[f"{re.sub(r'_[A-Za-z0-9]{8,}', '_…', name_of(exchange))}: {violation}"] += 1
    for violation, times in found.most_common(50):
        print(f"{times:5} × {violation}")
    print(f"{count} different exchanges, {sum(found.values())} violations")
    return 1 if found or not count else 0


def recordings_of(names: Iterable[str]) -> Iterator[Path]:
    """Files as they are, folders as the recordings in them."""
    for name in names:
        yield from sorted(Path(name).glob("*.jsonl")) if Path(name).is_dir() else [Path(name)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
