"""What spoilt answers look like: refusals, silence, and answers that break off or drip."""

import json
import time
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from sandbox.errors import NotFound, RateLimited, StripeRefusal, Unauthorized
from sandbox.idempotency import Answer, in_use
from sandbox.types import Obj

# The request is not executed: no answer ever, or the connection closed.
SILENT = ("hang", "cut")
# The request is executed, and its answer suffers.
MAIMED = ("trickle", "cut_body")
DRIPS = 20


def spoil(request: HttpRequest, rule: Obj) -> Answer:
    """The answer in place of executing the request."""
    status = rule["status"]
    if status in SILENT:
        time.sleep(rule.get("seconds", 30 if status == "hang" else 0))
        cut_connection(request)
        return Answer(503, b"")
    refusal = spoilt_refusal(status)
    limited = "global-rate" if refusal.status == 429 else None
    return Answer(status, json.dumps(refusal.as_json()).encode(), limited=limited, retry_after=rule.get("retry_after"))


def spoilt_refusal(status: int) -> StripeRefusal:
    """What Stripe says with this status."""
    refusal: StripeRefusal
    if status == 429:
        refusal = RateLimited()
    elif status == 401:
        refusal = Unauthorized("Invalid API Key provided: sk_test_****")
    elif status == 403:
        refusal = StripeRefusal(
            "The provided key does not have the required permissions for this endpoint on this account.", status=403
        )
    elif status == 404:
        refusal = NotFound("object", "chaos")
    elif status == 409:
        refusal = in_use("chaos")
    else:
        refusal = StripeRefusal("An unknown error occurred.", status=status)
        refusal.error["type"] = "api_error"
    return refusal


def cut_connection(request: HttpRequest) -> None:
    """Close the socket without an answer, as a broken network does."""
    socket = request.META.get("gunicorn.socket")
    if socket is not None:
        socket.shutdown(2)


def maim(request: HttpRequest, response: HttpResponse, rule: Obj) -> HttpResponseBase:
    """The answer of an executed request: broken off in the middle, or in drips over `seconds`."""
    body = response.content

    def half() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        cut_connection(request)

    def drips() -> Iterator[bytes]:
        size = max(1, len(body) // DRIPS)
        for at in range(0, len(body), size):
            time.sleep(rule.get("seconds", 5) / DRIPS)
            yield body[at : at + size]

    maimed = StreamingHttpResponse(half() if rule["status"] == "cut_body" else drips(), status=response.status_code)
    for name, value in response.headers.items():
        maimed[name] = value
    maimed["Content-Length"] = str(len(body))
    return maimed
