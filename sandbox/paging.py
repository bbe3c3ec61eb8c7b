"""Stripe's lists: newest first, `limit` 1 to 100, `starting_after` and `ending_before` an id, `has_more`."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator

from sandbox.account import NOUNS, Account
from sandbox.errors import InvalidRequest, NotFound
from sandbox.types import Keep, Obj, Params

CONTROLS = {"limit", "starting_after", "ending_before", "expand"}


def within(bounds: dict[str, int], value: int | None) -> bool:
    """Whether a time lies inside `created[gte]`-like bounds."""
    if value is None:
        return False
    return (
        value > bounds.get("gt", -1)
        and value >= bounds.get("gte", 0)
        and value < bounds.get("lt", 1 << 60)
        and value <= bounds.get("lte", 1 << 60)
    )


def equals(name: str) -> Keep:
    def keep(obj: Obj, value: object) -> bool:
        return within(value, obj.get(name)) if isinstance(value, dict) else obj.get(name) == value

    return keep


def list_objects(
    account: Account,
    kind: str,
    *,
    params: Params,
    url: str,
    keep: dict[str, Keep],
    also: Callable[[Obj], bool] | None = None,
) -> Obj:
    """A page of the objects of `kind` that pass every filter in `params`."""
    table = account.table(kind)
    filters = {name: value for name, value in params.items() if name not in CONTROLS and value is not None}
    # A filter with a rule of its own decides for itself: only plain equality may use an index.
    positions = table.positions({name: value for name, value in filters.items() if name not in keep})
    tests = [
        (keep[name] if name in keep else equals(name), value)
        for name, value in filters.items()
        if name in keep or name not in table.fields
    ]
    indexed = [(name, value) for name, value in filters.items() if name in table.fields and name not in keep]

    def passes(obj: Obj) -> bool:
        return (
            not obj.get("deleted")
            and all(table.key(obj, name) == value for name, value in indexed)
            and all(test(obj, value) for test, value in tests)
            and (also is None or also(obj))
        )

    def place(object_id: str, param: str) -> int:
        at = table.position.get(object_id)
        if at is None:
            raise NotFound(NOUNS.get(kind, kind), object_id, param=param)
        return at

    if after := params.get("starting_after"):
        order: Iterable[int] = reversed(positions[: bisect_left(positions, place(after, "starting_after"))])
    elif before := params.get("ending_before"):
        order = iter(positions[bisect_right(positions, place(before, "ending_before")) :])
    else:
        order = reversed(positions)
    rows = (row for at in order if (row := table.row(at)) is not None and passes(row))
    return page(rows, params=params, url=url)


def page(rows: Iterator[Obj], *, params: Params, url: str) -> Obj:
    """The first `limit` (default 10) of `rows` as Stripe's list object; `ending_before` rows come oldest first."""
    if params.get("starting_after") and params.get("ending_before"):
        raise InvalidRequest("You cannot specify both starting_after and ending_before.", param="ending_before")
    limit = params.get("limit", 10)
    data: list[Obj] = []
    has_more = False
    for row in rows:
        if len(data) == limit:
            has_more = True
            break
        data.append(row)
    if params.get("ending_before"):
        data.reverse()
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def list_rows(rows: list[Obj], *, params: Params, url: str) -> Obj:
    """A page of rows that are already in the order of the list (line items, subscription items: oldest first)."""
    ids = [row["id"] for row in rows]
    if after := params.get("starting_after"):
        if after not in ids:
            raise NotFound("item", after, param="starting_after")
        return page(iter(rows[ids.index(after) + 1 :]), params=params, url=url)
    if before := params.get("ending_before"):
        if before not in ids:
            raise NotFound("item", before, param="ending_before")
        return page(iter(rows[: ids.index(before)][::-1]), params=params, url=url)
    return page(iter(rows), params=params, url=url)
