"""The table of endpoints: method and path → what it accepts and what it does."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.account import Account
from sandbox.errors import NotFound
from sandbox.paging import list_objects
from sandbox.types import Keep, Obj, Params
from sandbox.validation import Field, Listed, Span, Text, Whole


@dataclass
class Call:
    """One request as its handler sees it: `ids` are the ids of the path, in order."""

    account: Account
    params: Params
    ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.ids[0]

    def own(self, kind: str, *, noun: str) -> Obj:
        """What the path names second, which has to be of the customer whom it names first. Raises NotFound."""
        customer, found = self.account.get("customer", self.ids[0]), self.account.find(kind, self.ids[1])
        if found is None or found["customer"] != customer["id"]:
            raise NotFound(noun, self.ids[1])
        return found


Handler = Callable[[Call], Obj]


@dataclass
class Route:
    method: str
    path: str
    handler: Handler
    fields: dict[str, Field] = field(default_factory=dict)
    published: bool = True  # whether Stripe's OpenAPI document has it
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        self.pattern = re.compile("^" + re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(self.path)) + "$")


ROUTES: list[Route] = []
SEARCH = "search"
EXPAND: dict[str, Field] = {"expand": Listed(each=Text())}
PAGING: dict[str, Field] = {
    "limit": Whole(least=1, most=100),
    "starting_after": Text(),
    "ending_before": Text(),
    **EXPAND,
}


def endpoint(method: str, path: str, **fields: Field) -> Callable[[Handler], Handler]:
    """Declare an endpoint; `expand` is always accepted."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, {**EXPAND, **fields}))
        return handler

    return register


def unpublished_endpoint(method: str, path: str, **fields: Field) -> Callable[[Handler], Handler]:
    """Declare an endpoint that Stripe's OpenAPI document does not have: only its own clients know it."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, {**EXPAND, **fields}, published=False))
        return handler

    return register


def retrieve(path: str, kind: str) -> None:
    """Declare `GET path`, which shows the object of `kind` that the path names."""
    endpoint("GET", path)(lambda call: call.account.get(kind, call.id))


def listing(
    path: str, kind: str, *, created: bool = True, keep: dict[str, Keep] | None = None, **filters: Field
) -> None:
    """Declare `GET path`: newest first, paged. A filter equals the field of its name unless `keep` says otherwise."""
    fields = {**PAGING, **({"created": Span()} if created else {}), **filters}

    def handler(call: Call) -> Obj:
        return list_objects(call.account, kind, params=call.params, url=path, keep=keep or {})

    ROUTES.append(Route("GET", path, handler, fields))


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The endpoint for a request; literal paths win over those with ids. Stripe's searches, which are not here, are no
    objects that are called so."""
    best: tuple[Route, tuple[str, ...]] | None = None
    for route in ROUTES:
        if route.method == method and (match := route.pattern.match(path)) and SEARCH not in match.groups():
            if not match.groups():
                return route, ()
            if best is None or len(match.groups()) < len(best[1]):
                best = (route, match.groups())
    return best
