"""One page of a long list, newest first, and the addresses of its neighbours."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from sandbox.account import Account
from sandbox.errors import NotFound
from sandbox.pages.rail import newest_url, older_url
from sandbox.paging import list_objects
from sandbox.types import Obj

SIZE = 25


def page_of(
    request: HttpRequest,
    account: Account,
    kind: str,
    *,
    also: Callable[[Obj], bool] | None = None,
    **filters: object,
) -> tuple[list[Obj], dict[str, Any]]:
    """(objects, what the pager template shows) for the ``?after=`` of the request."""
    params = {"limit": SIZE, "starting_after": request.GET.get("after") or None, **filters}
    try:
        found = list_objects(account, kind, params=params, url="", keep={}, also=also)
    except NotFound:
        found = list_objects(account, kind, params=params | {"starting_after": None}, url="", keep={}, also=also)
    rows: list[Obj] = found["data"]
    return rows, pager(request, last=rows[-1]["id"] if rows and found["has_more"] else None)


def search_of(request: HttpRequest) -> str:
    """What is searched for, in lower case."""
    return request.GET.get("q", "").strip().lower()


def contains(query: str, *values: object) -> bool:
    """Whether any of the values contains the query, whatever its case."""
    return any(query in str(value).lower() for value in values if value)


def link_to(**filters: str) -> str:
    """The same list with these filters; an empty one is none."""
    return f"?{urlencode({name: value for name, value in filters.items() if value})}"


def pager(request: HttpRequest, *, last: str | None) -> dict[str, Any]:
    """What the pager template shows; ``last`` is the id of the page's last row where more follow."""
    return {
        "next_url": older_url(request, after=last) if last else None,
        "first_url": newest_url(request),
        "page": {"after": request.GET.get("after")},
    }
