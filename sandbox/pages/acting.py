"""How a page acts: under the lock, in one account, through the same endpoints as everybody else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from sandbox import resources  # noqa: F401 - declares the endpoints that pages act through
from sandbox.account import Account
from sandbox.box import box
from sandbox.errors import NotFound
from sandbox.routing import Call, find_route
from sandbox.timelines import timeline_for
from sandbox.types import Obj
from sandbox.validation import check

View = Callable[..., HttpResponse]


def in_account(view: View) -> View:
    """Run a page under the sandbox's lock and keep what it changed. An unknown object is a 404 page."""

    @wraps(view)
    def run(request: HttpRequest, **ids: str) -> HttpResponse:
        sandbox = box()
        with sandbox.lock:
            account = sandbox.accounts.holding(ids.values())
            account.base_url = f"{request.scheme}://{request.get_host()}"
            try:
                with account.on(timeline_for(account, ids.values(), {})):
                    return view(request, account, **ids)
            except NotFound as missing:
                raise Http404(str(missing)) from missing
            finally:
                sandbox.save()

    return run


def call_api(account: Account, method: str, path: str, **params: Any) -> Obj:
    """Do what the API request would do; values are written as a form sends them. Raises StripeRefusal."""
    found = find_route(method, path)
    if found is None:
        raise LookupError(f"no endpoint {method} {path}")
    route, ids = found
    return route.handler(Call(account, check(params, route.fields), ids))
