"""What an endpoint accepts, declared: every parameter not named is refused as Stripe refuses unknown ones.

A declaration is a dictionary of names to fields. A field turns form strings into typed values or raises Stripe's
400. `emptyable` fields take "" as null, which is how Stripe's API unsets things.
"""

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from sandbox.countries import CODES
from sandbox.currencies import read_currency
from sandbox.errors import InvalidRequest
from sandbox.forms import Numbered
from sandbox.types import LATEST, Obj, Params


@dataclass(frozen=True)
class Field:
    required: bool = False
    emptyable: bool = False

    def parse(self, value: Any, param: str) -> Any:
        if value == "" and self.emptyable:
            return None
        return self.read(value, param)

    def read(self, value: Any, param: str) -> Any:
        raise InvalidRequest(f"Invalid {param}", param=param)


@dataclass(frozen=True)
class Text(Field):
    longest: int = 5_000
    pattern: str | None = None

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise InvalidRequest("Invalid string: must be a string", param=param)
        if value == "":
            raise InvalidRequest(
                f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{param}' cannot be unset. You should remove '{param}' from your request or "
                "supply a non-empty value.",
                code="parameter_invalid_empty",
                param=param,
            )
        if len(value) > self.longest:
            raise InvalidRequest(
                f"Invalid string: {value[:9]}...{value[-9:]}; must be at most {self.longest} characters", param=param
            )
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise InvalidRequest(f"Invalid string: {value}", param=param)
        return value


@dataclass(frozen=True)
class Url(Text):
    def read(self, value: Any, param: str) -> str:
        text = super().read(value, param)
        if not is_web_address(text):
            raise InvalidRequest("Not a valid URL", code="url_invalid", param=param)
        return text


def is_web_address(text: str) -> bool:
    """Whether a browser and a socket can make something of it: its host becomes part of a page's security policy."""
    try:
        urlsplit(text).port  # noqa: B018 - raises where it is no port
    except ValueError:
        return False
    return re.fullmatch(r"https?://[\w.:@%\[\]-]+([/?#]\S*)?", text) is not None


@dataclass(frozen=True)
class Email(Text):
    def read(self, value: Any, param: str) -> str:
        text = super().read(value, param)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text):
            raise InvalidRequest(f"Invalid email address: {text}", code="email_invalid", param=param)
        return text


@dataclass(frozen=True)
class Currency(Text):
    """A currency that Stripe charges in, kept in lower case."""

    def read(self, value: Any, param: str) -> str:
        return read_currency(super().read(value, param), param=param)


@dataclass(frozen=True)
class Country(Text):
    """Two letters by ISO 3166-1, kept in capitals."""

    def read(self, value: Any, param: str) -> str:
        text = super().read(value, param)
        if text.upper() not in CODES:
            raise InvalidRequest(
                f"Country '{text}' is unknown. Try using a 2-character alphanumeric country code instead, such as "
                "'US', 'EG', or 'GB'.",
                code="country_code_invalid",
                param=param,
            )
        return text.upper()


@dataclass(frozen=True)
class Whole(Field):
    least: int | None = None
    most: int | None = None

    def read(self, value: Any, param: str) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise InvalidRequest(f"Invalid integer: {value}", code="parameter_invalid_integer", param=param)
        number = int(value)
        if self.least is not None and number < self.least:
            raise InvalidRequest(
                f"This value must be greater than or equal to {self.least}.",
                code="parameter_invalid_integer",
                param=param,
            )
        if self.most is not None and number > self.most:
            raise InvalidRequest(
                f"This value must be less than or equal to {self.most}.", code="parameter_invalid_integer", param=param
            )
        return number


@dataclass(frozen=True)
class Timestamp(Whole):
    """Epoch seconds, as far as Stripe's times go: milliseconds are refused."""

    def read(self, value: Any, param: str) -> int:
        at = super().read(value, param)
        if not 0 <= at <= LATEST:
            raise InvalidRequest(f"Invalid timestamp: {value}", param=param)
        return at


@dataclass(frozen=True)
class Decimal(Field):
    """A number: kept as a float, as Stripe's `percent_off` is."""

    least: float | None = None
    most: float | None = None

    def read(self, value: Any, param: str) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise InvalidRequest(f"Invalid decimal: {value}", code="parameter_invalid_string_blank", param=param)
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            raise InvalidRequest(f"Invalid decimal: {value}", param=param)
        return number


@dataclass(frozen=True)
class Flag(Field):
    def read(self, value: Any, param: str) -> bool:
        if value not in ("true", "false"):
            raise InvalidRequest(f"Invalid boolean: {value}", param=param)
        return bool(value == "true")


@dataclass(frozen=True)
class Choice(Field):
    options: tuple[str, ...] = ()

    def read(self, value: Any, param: str) -> str:
        if value not in self.options:
            listed = (
                ", ".join(self.options[:-1]) + f", or {self.options[-1]}" if len(self.options) > 1 else self.options[0]
            )
            raise InvalidRequest(f"Invalid {param}: must be one of {listed}", param=param)
        return str(value)


@dataclass(frozen=True)
class Either(Field):
    """A word of `words`, else `other`: `trial_end=now`, `up_to=inf`."""

    words: tuple[str, ...] = ()
    other: Field = field(default_factory=Timestamp)

    def read(self, value: Any, param: str) -> Any:
        return value if value in self.words else self.other.read(value, param)


@dataclass(frozen=True)
class Hash(Field):
    fields: dict[str, Field] = field(default_factory=dict)

    def read(self, value: Any, param: str) -> Params:
        if not isinstance(value, dict):
            raise InvalidRequest("Invalid object", param=param)
        return check(value, self.fields, under=param)


@dataclass(frozen=True)
class Listed(Field):
    """A list of `each`."""

    each: Field = field(default_factory=Text)
    least: int = 0
    most: int = 1_000

    def read(self, value: Any, param: str) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidRequest("Invalid array", param=param)
        if not self.least <= len(value) <= self.most:
            raise InvalidRequest(f"Array must have between {self.least} and {self.most} elements", param=param)
        return [self.each.parse(item, f"{param}[{at}]") for at, item in enumerate(value)]


@dataclass(frozen=True)
class ByCurrency(Field):
    """A hash of `each` under the codes of currencies."""

    each: Field = field(default_factory=Field)

    def read(self, value: Any, param: str) -> Params:
        if not isinstance(value, dict):
            raise InvalidRequest("Invalid object", param=param)
        return {
            read_currency(code, param=f"{param}[{code}]"): self.each.parse(item, f"{param}[{code}]")
            for code, item in value.items()
        }


@dataclass(frozen=True)
class Metadata(Field):
    """At most 50 keys of 40 characters, values of 500; an empty value removes its key."""

    emptyable: bool = True

    def read(self, value: Any, param: str) -> Obj:
        if isinstance(value, Numbered):
            value = value.keyed
        if not isinstance(value, dict):
            raise InvalidRequest("Invalid object", param=param)
        if len(value) > 50:
            raise InvalidRequest("Metadata can have up to 50 keys", param=param)
        for name, text in value.items():
            if len(name) > 40:
                raise InvalidRequest(
                    f"Metadata keys must be at most 40 characters long. '{name}' is {len(name)} characters long.",
                    param=param,
                )
            if not isinstance(text, str) or len(text) > 500:
                raise InvalidRequest(
                    "Metadata values can have up to 500 characters, but you passed in a value that is too long.",
                    param=f"{param}[{name}]",
                )
        return value


@dataclass(frozen=True)
class Span(Field):
    """A time, or its bounds: `created=…` or `created[gte]=…`; parsed into a dictionary of bounds."""

    def read(self, value: Any, param: str) -> dict[str, int]:
        if isinstance(value, str):
            at = Timestamp().read(value, param)
            return {"gte": at, "lte": at}
        bounds: dict[str, Field] = {name: Timestamp() for name in ("gt", "gte", "lt", "lte")}
        return Hash(fields=bounds).read(value, param)


def needed(field_: Field) -> Field:
    """The same field, required."""
    return replace(field_, required=True)


def unset(field_: Field) -> Field:
    """The same field, which "" sets to null."""
    return replace(field_, emptyable=True)


def check(given: dict[str, Any], fields: dict[str, Field], *, under: str = "") -> Params:
    """Typed values of what was given. Raises Stripe's refusals for unknown, missing and wrong parameters."""

    def name_of(name: str) -> str:
        return f"{under}[{name}]" if under else name

    for name in given:
        if name not in fields:
            raise InvalidRequest(
                f"Received unknown parameter: {name_of(name)}", code="parameter_unknown", param=name_of(name)
            )
    for name, field_ in fields.items():
        if field_.required and name not in given:
            raise InvalidRequest(
                f"Missing required param: {name_of(name)}.", code="parameter_missing", param=name_of(name)
            )
    return {name: fields[name].parse(value, name_of(name)) for name, value in given.items()}


def merge_metadata(old: Obj | None, new: Obj | None) -> Obj:
    """Stripe's merge: keys are added, an empty value removes its key, null (from "") removes all."""
    if new is None:
        return {}
    return {name: text for name, text in {**(old or {}), **new}.items() if text != ""}
