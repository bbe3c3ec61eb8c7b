"""What may be asked of misbehaviour: everything that is not named here is refused, and the field said."""

from collections.abc import Callable
from typing import Any, Final

from sandbox.errors import InvalidRequest
from sandbox.misbehaving import MAIMED, SILENT
from sandbox.types import Obj

LONGEST: Final = 120  # seconds that an answer may take
LONGEST_DELAY: Final = 3_600  # seconds that a delivery may wait
ORDERS: Final = ("created", "reversed", "shuffled")  # in which held deliveries are sent

Check = Callable[[Any, str], None]


def read_wishes(wishes: Obj) -> Obj:
    """The parts that are asked for, null as nothing. Raises InvalidRequest with the field: `answers[0][status]`."""
    check_fields(wishes, PARTS, under="")
    empty: Obj = {"answers": [], "deliveries": {}, "latency": 0}
    return {name: empty[name] if value is None else value for name, value in wishes.items()}


def check_fields(given: Any, checks: dict[str, Check], *, under: str) -> None:
    if not isinstance(given, dict):
        raise wrong(under, "an object")
    for name, value in given.items():
        param = f"{under}[{name}]" if under else name
        if name not in checks:
            raise InvalidRequest(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
        checks[name](value, param)


def wrong(param: str, wanted: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid {param}: must be {wanted}", param=param)


def number(least: float, most: float) -> Check:
    def check(value: Any, param: str) -> None:
        if type(value) not in (int, float) or not least <= value <= most:
            raise wrong(param, f"a number from {least:g} to {most:g}")

    return check


def whole(least: int, most: int) -> Check:
    def check(value: Any, param: str) -> None:
        if type(value) is not int or not least <= value <= most:
            raise wrong(param, f"a whole number from {least} to {most}")

    return check


def check_flag(value: Any, param: str) -> None:
    if not isinstance(value, bool):
        raise wrong(param, "true or false")


def check_delay(value: Any, param: str) -> None:
    seconds = number(0, LONGEST_DELAY)
    if not isinstance(value, list) or len(value) != 2:
        raise wrong(param, "two numbers of seconds, the least and the most")
    for at, end in enumerate(value):
        seconds(end, f"{param}[{at}]")
    if value[0] > value[1]:
        raise wrong(param, "the least number of seconds, then the most")


def check_status(value: Any, param: str) -> None:
    """Stripe's refusals: a lower status would promise an answer that is not there."""
    if value not in (*SILENT, *MAIMED) and (type(value) is not int or not 400 <= value <= 599):
        raise wrong(param, f"a status from 400 to 599, or one of {', '.join((*SILENT, *MAIMED))}")


def check_path(value: Any, param: str) -> None:
    if not isinstance(value, str) or not value.startswith("/"):
        raise wrong(param, "how a path begins: /v1/…")


def check_method(value: Any, param: str) -> None:
    if not isinstance(value, str) or value.upper() not in ("GET", "POST", "DELETE"):
        raise wrong(param, "one of GET, POST, or DELETE")


def check_rules(value: Any, param: str) -> None:
    if not isinstance(value, list):
        raise wrong(param, "a list of rules")
    for at, rule in enumerate(value):
        check_fields(rule, RULE, under=f"{param}[{at}]")
        if "status" not in rule:
            missing = f"{param}[{at}][status]"
            raise InvalidRequest(f"Missing required param: {missing}.", code="parameter_missing", param=missing)


def check_order(value: Any, param: str) -> None:
    listed = isinstance(value, list) and all(isinstance(event, str) for event in value)
    if not listed and value not in ORDERS:
        raise wrong(param, f"one of {', '.join(ORDERS)}, or a list of event ids")


def check_deliveries(value: Any, param: str) -> None:
    check_fields(value, DELIVERIES, under=param)


def or_null(check: Check) -> Check:
    """The same check, passed by null, which clears a part."""
    return lambda value, param: None if value is None else check(value, param)


RULE: Final[dict[str, Check]] = {
    "path": check_path,
    "method": check_method,
    "status": check_status,
    "probability": number(0, 1),
    "times": whole(0, 10**6),
    "seconds": number(0, LONGEST),
    "retry_after": whole(0, 86_400),
}
DELIVERIES: Final[dict[str, Check]] = {
    "drop": number(0, 1),
    "duplicate": number(0, 1),
    "delay": check_delay,
    "reorder": check_flag,
    "hold": check_flag,
}
FLUSH: Final[dict[str, Check]] = {"order": check_order, "duplicate": number(0, 1), "drop": number(0, 1)}
PARTS: Final[dict[str, Check]] = {
    "deliveries": or_null(check_deliveries),
    "answers": or_null(check_rules),
    "latency": or_null(number(0, LONGEST)),
    "seed": whole(-(2**63), 2**63),
}
