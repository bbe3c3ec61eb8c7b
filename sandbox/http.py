"""The door of `/v1/…`: key, misbehaviour, idempotency, parameters, handler, expansion, log."""

import base64
import hashlib
import json
import logging
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox import resources  # noqa: F401 - declares every endpoint
from sandbox.account import Account
from sandbox.box import Box, box
from sandbox.errors import (
    AuthenticationRequired,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    StripeRefusal,
    Unauthorized,
)
from sandbox.expansion import expand, show
from sandbox.forms import parse_form
from sandbox.routing import Call, Route, find_route
from sandbox.timelines import timeline_for
from sandbox.types import API_VERSION, DAY, Obj
from sandbox.validation import check

LOG = logging.getLogger(__name__)


@dataclass
class Answer:
    status: int
    body: bytes
    replayed: bool = False


@dataclass
class Remembered:
    """What an idempotency key was used for; `answer` is None while the first request is still running."""

    fingerprint: str
    at: float
    answer: Answer | None = None


MOST_KEYS = 20_000  # the oldest keys beyond these are forgotten before their day is over
REMEMBERED: dict[tuple[str, str], Remembered] = {}


@csrf_exempt
def v1(request: HttpRequest, path: str) -> HttpResponse:
    """Answer one API request as Stripe would."""
    started = time.monotonic()
    sandbox = box()
    method, target = request.method or "GET", f"/v1/{path}"
    body = request.body.decode(errors="replace")
    query = request.META.get("QUERY_STRING", "")
    found = find_route(method, target)
    request_id = ""
    spoilt = misbehave(sandbox, request, method=method, target=target)
    if spoilt is not None:
        answer = spoilt
    else:
        with sandbox.lock:
            account, refusal = authenticate(sandbox, request)
            request_id = (account or sandbox.account).ids.make("req")
        if account is None:
            answer = refused(refusal)
        else:
            answer = serve(
                sandbox,
                account,
                request,
                found=found,
                target=target,
                form="&".join(part for part in (query, body) if part),
                request_id=request_id,
            )
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    response["Request-Id"] = request_id or "req_none"
    response["Stripe-Version"] = API_VERSION
    if key := request.headers.get("Idempotency-Key"):
        response["Idempotency-Key"] = key
    if answer.replayed:
        response["Idempotent-Replayed"] = "true"
    note(
        sandbox,
        request,
        answer,
        route=found[0].path if found else target,
        target=target,
        query=query,
        body=body,
        started=started,
    )
    return response


def note(
    sandbox: Box,
    request: HttpRequest,
    answer: Answer,
    *,
    route: str,
    target: str,
    query: str,
    body: str,
    started: float,
) -> None:
    """Log the request; keep the exchange when that is on."""
    whole = f"{target}?{query}" if query else target
    with sandbox.lock:
        sandbox.note_request(
            {
                "at": round(time.time(), 3),
                "method": request.method,
                "path": whole,
                "route": route,
                "status": answer.status,
                "idempotency_key": request.headers.get("Idempotency-Key"),
                "replayed": answer.replayed,
                "ms": round((time.monotonic() - started) * 1000, 1),
            }
        )
        if sandbox.options.exchanges:
            shown = json.loads(answer.body) if answer.body else None
            sandbox.record(
                {"method": request.method, "path": whole, "params": body, "status": answer.status, "response": shown}
            )


def misbehave(sandbox: Box, request: HttpRequest, *, method: str, target: str) -> Answer | None:
    """The spoilt answer that chaos wants, after its latency; None where the request goes through."""
    with sandbox.lock:
        latency = sandbox.chaos.latency
        rule = sandbox.chaos.answer_for(method=method, path=target)
    if latency:
        time.sleep(latency)
    if rule is None:
        return None
    status = rule["status"]
    if status in ("hang", "cut"):
        time.sleep(float(rule.get("seconds", 30 if status == "hang" else 0)))
        cut_connection(request)
        return Answer(503, b"")
    return refused(spoilt_refusal(int(status)), status=int(status))


def cut_connection(request: HttpRequest) -> None:
    """Close the socket without an answer, as a broken network does."""
    socket = request.META.get("gunicorn.socket")
    if socket is not None:
        socket.shutdown(2)


def spoilt_refusal(status: int) -> StripeRefusal:
    refusal: StripeRefusal
    if status == 429:
        refusal = StripeRefusal("Request rate limit exceeded.", code="rate_limit", status=429)
    elif status == 401:
        refusal = Unauthorized("Invalid API Key provided: sk_test_****")
    elif status == 403:
        refusal = StripeRefusal(
            "The provided key does not have the required permissions for this endpoint on this account.", status=403
        )
    elif status == 404:
        refusal = NotFound("object", "chaos")
    else:
        refusal = StripeRefusal("An unknown error occurred.", status=status)
        refusal.error["type"] = "api_error"
    return refusal


def refused(refusal: StripeRefusal, *, status: int | None = None) -> Answer:
    return Answer(status or refusal.status, dump(refusal.as_json()))


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def authenticate(sandbox: Box, request: HttpRequest) -> tuple[Account | None, StripeRefusal]:
    """The account whose key the request carries, else Stripe's 401."""
    header = request.headers.get("Authorization", "")
    key = ""
    if header.startswith("Bearer "):
        key = header[7:].strip()
    elif header.startswith("Basic "):
        key = base64.b64decode(header[6:] + "==").decode(errors="replace").split(":")[0]
    if not key:
        return None, Unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    return sandbox.account_for(key), Unauthorized(f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:]}")


def serve(
    sandbox: Box,
    account: Account,
    request: HttpRequest,
    *,
    found: tuple[Route, tuple[str, ...]] | None,
    target: str,
    form: str,
    request_id: str,
) -> Answer:
    if found is None:
        return refused(StripeRefusal(f"Unrecognized request URL ({request.method}: {target}).", status=404))
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if not key:
        return handle(sandbox, account, request, found=found, form=form, request_id=request_id, key=None)[0]
    slot = (account.id, key)
    fingerprint = hashlib.sha256(f"{target}?{form}".encode()).hexdigest()
    if (earlier := claim(sandbox, slot, fingerprint)) is not None:
        return earlier
    answer, executed = handle(sandbox, account, request, found=found, form=form, request_id=request_id, key=key)
    with sandbox.lock:
        # Stripe does not remember requests that never began to execute.
        if executed:
            REMEMBERED[slot].answer = answer
        else:
            REMEMBERED.pop(slot, None)
    return answer


def claim(sandbox: Box, slot: tuple[str, str], fingerprint: str) -> Answer | None:
    """Take the idempotency key for this request, or give the answer that its earlier use decides."""
    with sandbox.lock:
        earlier = REMEMBERED.get(slot)
        if earlier is None or earlier.at < time.time() - DAY:
            REMEMBERED[slot] = Remembered(fingerprint, time.time())
            if len(REMEMBERED) > MOST_KEYS:
                REMEMBERED.pop(next(iter(REMEMBERED)))
            return None
        if earlier.fingerprint != fingerprint:
            return refused(
                IdempotencyMismatch(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                    f"Try using a key other than '{slot[1]}' if you meant to execute a different request."
                )
            )
        if earlier.answer is None:
            return refused(
                IdempotencyMismatch(
                    f"There is currently another in-progress request using this Idempotent Key: {slot[1]}.",
                    code="idempotency_key_in_use",
                    status=409,
                )
            )
        return Answer(earlier.answer.status, earlier.answer.body, replayed=True)


def handle(
    sandbox: Box,
    account: Account,
    request: HttpRequest,
    *,
    found: tuple[Route, tuple[str, ...]],
    form: str,
    request_id: str,
    key: str | None,
) -> tuple[Answer, bool]:
    """(answer, whether the handler ran)."""
    route, ids = found
    try:
        params = check(parse_form(form), route.fields)
        wanted = params.pop("expand", [])
    except StripeRefusal as refusal:
        return refused(refusal), False
    with sandbox.lock:
        account.base_url = f"{request.scheme}://{request.get_host()}"
        account.request = {"id": request_id, "idempotency_key": key} if request.method != "GET" else account.request
        try:
            with account.on(timeline_for(account, ids, params)):
                result = route.handler(Call(account, params, tuple(unquote(part) for part in ids)))
                return Answer(200, dump(render(account, result, wanted))), True
        except AuthenticationRequired as required:
            return refused(InvalidRequest(str(required), code="authentication_required")), True
        except StripeRefusal as refusal:
            return refused(refusal), True
        except Exception:
            # A client must see Stripe's shape even where the fault is ours; the log keeps the cause.
            LOG.exception("%s %s failed", route.method, route.path)
            return refused(spoilt_refusal(500)), True
        finally:
            account.request = {"id": None, "idempotency_key": None}
            sandbox.save()


def render(account: Account, result: Obj, wanted: list[str]) -> Obj:
    if result.get("object") == "list":
        result = {**result, "data": [show(account, row) for row in result["data"]]}
    return expand(account, result, wanted) if wanted else show(account, result)
