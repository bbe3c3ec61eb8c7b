"""The door of `/v1/…`: key, misbehaviour, idempotency, parameters, handler, expansion, log."""

import base64
import json
import logging
import time
from typing import Any
from urllib.parse import unquote

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from sandbox import resources  # noqa: F401 - declares every endpoint
from sandbox.account import Account
from sandbox.box import Box, box
from sandbox.errors import AuthenticationRequired, InvalidRequest, StripeRefusal, Unauthorized
from sandbox.expansion import expand, show
from sandbox.forms import parse_form
from sandbox.idempotency import Answer, claim, fingerprint_of, forget, remember
from sandbox.keys import Key
from sandbox.listening import REQUEST_LOGS
from sandbox.misbehaving import MAIMED, maim, spoil, spoilt_refusal
from sandbox.routing import Call, Route, find_route
from sandbox.timelines import timeline_for
from sandbox.types import API_VERSION, Obj
from sandbox.validation import check
from sandbox.versions import check_version

LOG = logging.getLogger(__name__)
FORM = "application/x-www-form-urlencoded"
UNRECOGNIZED = (
    "Unrecognized request URL ({}). If you are trying to list objects, remove the trailing slash. If you are trying to "
    "retrieve an object, make sure you passed a valid (non-empty) identifier in your code."
)


@csrf_exempt
def answer_api(request: HttpRequest, path: str) -> HttpResponseBase:
    """Answer one API request as Stripe would."""
    started = time.monotonic()
    sandbox = box()
    method, target = request.method or "GET", f"/{path}"
    body = read_body(request)
    query = request.META.get("QUERY_STRING", "")
    found = find_route(method, target)
    rule = next_rule(sandbox, method=method, target=target)
    account, request_id = None, ""
    if rule and rule["status"] not in MAIMED:
        answer = spoil(request, rule)
    else:
        form = body if isinstance(body, StripeRefusal) else "&".join(part for part in (query, body) if part)
        account, answer, request_id = enter(sandbox, request, found=found, target=target, form=form)
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    response["Request-Id"] = request_id or "req_none"
    response["Stripe-Version"] = API_VERSION
    if key := request.headers.get("Idempotency-Key"):
        response["Idempotency-Key"] = key
    if answer.replayed:
        response["Idempotent-Replayed"] = "true"
    if answer.limited:
        response["Stripe-Rate-Limited-Reason"] = answer.limited
    if answer.retry_after:
        response["Retry-After"] = str(answer.retry_after)
    note(
        sandbox,
        request,
        answer,
        route=found[0] if found else None,
        target=target,
        query=query,
        body="" if isinstance(body, StripeRefusal) else body,
        started=started,
    )
    if account:
        tell_listeners(sandbox, account, request, answer, request_id=request_id, target=target)
    return maim(request, response, rule) if rule and rule["status"] in MAIMED else response


def read_body(request: HttpRequest) -> str | StripeRefusal:
    """The form that was sent, or why it cannot be read: a refusal for after the key was looked at."""
    try:
        body = request.body.decode(errors="replace")
    except RequestDataTooBig:
        return InvalidRequest("Invalid request: its body is too large.")
    if body and request.content_type not in ("", FORM):
        return InvalidRequest(f"Invalid request (check that your POST content type is {FORM}).")
    return body


def enter(
    sandbox: Box,
    request: HttpRequest,
    *,
    found: tuple[Route, tuple[str, ...]] | None,
    target: str,
    form: str | StripeRefusal,
) -> tuple[Account | None, Answer, str]:
    """(account, answer, request id) of a request whose key is looked at first; no account without a good key."""
    account = None
    with sandbox.lock:
        request_id = sandbox.account.request_ids.make("req")
        try:
            account, key = authenticate(sandbox, request)
            request_id = account.request_ids.make("req") if account is not sandbox.account else request_id
            account.limiter.check(most=account.settings["requests_per_second"])
            check_version(request.headers.get("Stripe-Version"))
            key.check_account(request.headers.get("Stripe-Account"), account=account.id)
            if found is not None:
                key.check(method=request.method or "GET", path=target, account=account.id)
        except StripeRefusal as refusal:
            return account, refused(refusal), request_id
    answer = serve(sandbox, account, request, found=found, target=target, form=form, request_id=request_id)
    return account, answer, request_id


def note(
    sandbox: Box,
    request: HttpRequest,
    answer: Answer,
    *,
    route: Route | None,
    target: str,
    query: str,
    body: str,
    started: float,
) -> None:
    """Log the request; keep the exchange when that is on and Stripe's document could judge it."""
    whole = f"{target}?{query}" if query else target
    with sandbox.lock:
        sandbox.note_request(
            {
                "at": round(time.time(), 3),
                "method": request.method,
                "path": whole,
                "route": route.path if route else target,
                "status": answer.status,
                "idempotency_key": request.headers.get("Idempotency-Key"),
                "replayed": answer.replayed,
                "ms": round((time.monotonic() - started) * 1000, 1),
            }
        )
        if sandbox.options.exchanges and (route is None or route.published):
            asked = {"method": request.method, "path": whole, "params": body, "status": answer.status}
            sandbox.record(asked, response=answer.body.decode() or "null")


def tell_listeners(
    sandbox: Box, account: Account, request: HttpRequest, answer: Answer, *, request_id: str, target: str
) -> None:
    """Show the request to the command lines that follow the account's requests."""
    if not sandbox.listeners.hearing(account, REQUEST_LOGS):
        return
    error = json.loads(answer.body).get("error", {}) if answer.body else {}
    entry = {
        "created_at": int(time.time()),
        "livemode": account.live,
        "method": request.method,
        "request_id": request_id,
        "status": answer.status,
        "url": target,
        "error": {name: error.get(name, "") for name in ("type", "charge", "code", "decline_code", "message", "param")},
    }
    sandbox.listeners.log_request(account, entry)


def next_rule(sandbox: Box, *, method: str, target: str) -> Obj | None:
    """The rule of chaos that this request meets, after chaos's latency."""
    with sandbox.lock:
        latency = sandbox.chaos.latency
        rule = sandbox.chaos.answer_for(method=method, path=target)
    if latency:
        time.sleep(latency)
    return rule


def refused(refusal: StripeRefusal) -> Answer:
    limited = "global-rate" if refusal.status == 429 else None
    return Answer(refusal.status, dump(refusal.as_json()), limited=limited)


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def authenticate(sandbox: Box, request: HttpRequest) -> tuple[Account, Key]:
    """The key that the request carries and the account it opens. Raises Stripe's 401."""
    header = request.headers.get("Authorization", "")
    text = ""
    if header.startswith("Bearer "):
        text = header[7:].strip()
    elif header.startswith("Basic "):
        text = read_basic(header[6:])
    if not text:
        raise Unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if text not in sandbox.accounts.keys:
        raise Unauthorized(f"Invalid API Key provided: {Key(text).masked}")
    return sandbox.accounts.keys[text]


def read_basic(encoded: str) -> str:
    """The name in a Basic header, "" where there is none."""
    try:
        return base64.b64decode(encoded + "==").decode(errors="replace").split(":")[0]
    except ValueError:
        return ""


def serve(
    sandbox: Box,
    account: Account,
    request: HttpRequest,
    *,
    found: tuple[Route, tuple[str, ...]] | None,
    target: str,
    form: str | StripeRefusal,
    request_id: str,
) -> Answer:
    if found is None:
        return refused(StripeRefusal(UNRECOGNIZED.format(f"{request.method}: {target}"), status=404))
    if isinstance(form, StripeRefusal):
        return refused(form)
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key:
        with sandbox.lock:
            try:
                if (earlier := claim(account, key, fingerprint_of(target, form))) is not None:
                    return earlier
            except StripeRefusal as refusal:
                return refused(refusal)
    return handle(sandbox, account, request, found=found, form=form, request_id=request_id, key=key)


def handle(
    sandbox: Box,
    account: Account,
    request: HttpRequest,
    *,
    found: tuple[Route, tuple[str, ...]],
    form: str,
    request_id: str,
    key: str | None,
) -> Answer:
    """Check the parameters, then execute; the answer of what was executed is kept under `key`."""
    route, ids = found
    try:
        params = check(parse_form(form), route.fields)
        wanted = params.pop("expand", [])
    except StripeRefusal as refusal:
        with sandbox.lock:
            forget(account, key)
        return refused(refusal)
    except Exception:
        # Nothing was executed: whoever sends it again, mended, may use the same key.
        LOG.exception("%s %s could not be read", route.method, route.path)
        with sandbox.lock:
            forget(account, key)
        return refused(spoilt_refusal(500))
    call = Call(account, params, tuple(unquote(part) for part in ids))
    with sandbox.lock:
        account.base_url = f"{request.scheme}://{request.get_host()}"
        account.request = {"id": request_id, "idempotency_key": key} if request.method != "GET" else account.request
        try:
            answer = execute(route, call, wanted=wanted)
            remember(account, key, answer)
        finally:
            account.request = {"id": None, "idempotency_key": None}
            sandbox.save()
    return answer


def execute(route: Route, call: Call, *, wanted: list[str]) -> Answer:
    """What the endpoint says, `wanted` expanded."""
    account = call.account
    try:
        with account.on(timeline_for(account, call.ids, call.params)):
            refuse_while_advancing(account, route.method)
            return Answer(200, dump(render(account, route.handler(call), wanted)))
    except AuthenticationRequired as required:
        return refused(InvalidRequest(str(required), code="authentication_required"))
    except StripeRefusal as refusal:
        return refused(refusal)
    except Exception:
        # A client must see Stripe's shape even where the fault is ours; the log keeps the cause.
        LOG.exception("%s %s failed", route.method, route.path)
        return refused(spoilt_refusal(500))


def refuse_while_advancing(account: Account, method: str) -> None:
    """A test clock on its way must not be disturbed."""
    if method != "GET" and account.timeline.target is not None:
        raise InvalidRequest("Test clock advancement underway - cannot perform modifications.")


def render(account: Account, result: Obj, wanted: list[str]) -> Obj:
    if result.get("object") == "list":
        result = {**result, "data": [show(account, row) for row in result["data"]]}
    return expand(account, result, wanted) if wanted else show(account, result)
