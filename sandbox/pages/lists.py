"""One page of a long list, newest first, and the addresses of its neighbours."""

from collections.abc import Callable
from typing import Any

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


def pager(request: HttpRequest, *, last: str | None) -> dict[str, Any]:
    """What the pager template shows; ``last`` is the id of the page's last row where more follow."""
    return {
        "next_url": older_url(request, after=last) if last else None,
        "first_url": newest_url(request),
        "page": {"after": request.GET.get("after")},
    }
