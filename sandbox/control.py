"""The control API under `/sandbox/`: JSON, for tests, the demo and the command line. Stripe has none of this."""

import json
import time
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from sandbox import checkout, customers
from sandbox.account import Account
from sandbox.answers import Answers
from sandbox.box import Box, box
from sandbox.chaos_wishes import FLUSH, check_fields
from sandbox.clock import parse_span
from sandbox.control_objects import act_on_dispute, set_object
from sandbox.control_portal import act_in_portal
from sandbox.deliveries import is_loopback
from sandbox.errors import AuthenticationRequired, StripeRefusal
from sandbox.expansion import show
from sandbox.keys import read_permissions
from sandbox.seeding import seed_subscribers
from sandbox.timelines import timeline_for
from sandbox.types import DAY, Obj

Action = Callable[..., Any]
FARTHEST = 36_525 * DAY  # that time moves at once


def control(*methods: str, locked: bool = True) -> Callable[[Action], Action]:
    """A JSON endpoint: the action gets (box, account, wishes, *ids) under the lock and returns what to show. One that
    is not `locked` takes the lock itself."""

    def wrap(action: Action) -> Action:
        @csrf_exempt
        def view(request: HttpRequest, **ids: str) -> HttpResponse:
            if request.method not in methods:
                return JsonResponse({"error": {"message": f"Use {' or '.join(methods)}."}}, status=405)
            if not is_loopback(request.META.get("REMOTE_ADDR") or "127.0.0.1") or sent_by_a_page(request):
                return JsonResponse({"error": {"message": "Only for programs on this machine."}}, status=403)
            if request.method == "GET":
                # A query filters a list. Where a POST would act, a GET tells, whatever its query says.
                return answer(request, {} if "POST" in methods else request.GET.dict(), ids)
            if request.content_type != "application/json":
                return JsonResponse({"error": {"message": "Send application/json."}}, status=415)
            wishes = read_object(request)
            if wishes is None:
                return JsonResponse(
                    {"error": {"message": "The body must be a JSON object, not too large."}}, status=400
                )
            return answer(request, wishes, ids)

        def answer(request: HttpRequest, wishes: Obj, ids: dict[str, str]) -> HttpResponse:
            try:
                shown = run(action, request, wishes, ids) if locked else action(box(), wishes)
            except StripeRefusal as refusal:
                return JsonResponse(refusal.as_json(), status=refusal.status)
            except AuthenticationRequired as required:
                return JsonResponse(
                    {"error": {"type": "card_error", "code": "authentication_required", "message": str(required)}},
                    status=402,
                )
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                return JsonResponse({"error": {"message": f"{type(error).__name__}: {error}"}}, status=400)
            return shown if isinstance(shown, HttpResponse) else JsonResponse(shown, safe=False)

        return view

    return wrap


def read_object(request: HttpRequest) -> Obj | None:
    """What a program sent; None where it is no JSON object, or more of it than can be read."""
    try:
        wishes = json.loads(request.body or b"{}")
    except (RecursionError, RequestDataTooBig, ValueError):
        return None
    return wishes if isinstance(wishes, dict) else None


def sent_by_a_page(request: HttpRequest) -> bool:
    """Whether a web page, not a program, made the request: browsers say so, and no page keeps them from it."""
    return "Origin" in request.headers or request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def run(action: Action, request: HttpRequest, wishes: Obj, ids: dict[str, str]) -> Any:
    """Act in the account that holds the objects of the path, or that `account` names."""
    sandbox = box()
    with sandbox.lock:
        account = sandbox.accounts.named(wishes.pop("account")) if "account" in wishes else None
        account = account or sandbox.accounts.holding(ids.values())
        account.base_url = f"{request.scheme}://{request.get_host()}"
        try:
            with account.on(timeline_for(account, ids.values(), {})):
                return action(sandbox, account, wishes, *ids.values())
        finally:
            sandbox.save()


@control("GET")
def health(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    return {
        "ok": True,
        "account": account.id,
        "now": account.main.now(),
        "offset": account.main.ahead,
        "objects": {kind: len(table) for kind, table in sorted(account.tables.items())},
        "events": len(account.events),
        "listeners": [session.id for session in sandbox.listeners.connected(account)],
    }


@control("GET", "POST", locked=False)
def clock(sandbox: Box, wishes: Obj) -> Obj:
    """{"advance": "31d"} or {"to": epoch seconds} moves time; a GET, or neither, only tells it."""
    line, done = sandbox.account.main, 0
    if "advance" in wishes or "to" in wishes:
        now = line.now()
        to = now + parse_span(str(wishes["advance"])) if "advance" in wishes else int(wishes["to"])
        if to < now:
            raise ValueError("time only moves forward")
        if to > now + FARTHEST:
            raise ValueError("time moves at most a hundred years at once")
        done = sandbox.passing.move(to=to)
    with sandbox.lock:
        return {"now": line.now(), "offset": line.ahead, "next": line.next_at(), "done": done}


@control("GET", "POST")
def accounts(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    """{"live": bool} opens another account, or the live mode of one; a GET, or nothing, lists them."""
    if "live" not in wishes:
        return {"data": [{"id": row.id, "livemode": row.live} for row in sandbox.accounts]}
    opened, key = sandbox.accounts.open(live=bool(wishes["live"]))
    sandbox.save(settings=True)
    return {"id": opened.id, "livemode": opened.live, "key": key.text}


@control("POST")
def keys(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    """{"permissions": {"customer": "read", "payment_link": "write"}} makes a restricted key."""
    key = sandbox.accounts.restrict(account, read_permissions(wishes.get("permissions")))
    sandbox.save(settings=True)
    return {"key": key.text, "permissions": key.permissions}


@control("POST", locked=False)
def seed(sandbox: Box, wishes: Obj) -> Obj:
    """{"subscribers": N, "seed": S, "events": bool} adds true subscribers, many at once."""
    return seed_subscribers(
        sandbox,
        count=int(wishes["subscribers"]),
        seed=int(wishes.get("seed", 1)),
        events=bool(wishes.get("events", False)),
    )


@control("POST")
def reset(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    sandbox.reset()
    return {"ok": True}


# Settings that may be switched off.
OPTIONAL = ("due_soon_days", "overdue_days", "requests_per_second", "upcoming_days")


def is_setting(name: str, value: Any) -> bool:
    """Whether the setting can have this value: whole days and counts, a list of days, or one of a few words."""
    if name == "display_name":
        return isinstance(value, str)
    if name == "portal_saved":
        return isinstance(value, bool)
    if name == "after_retries":
        return value in ("cancel", "unpaid", "past_due")
    if name == "retry_days":
        return isinstance(value, list) and all(is_count(days) for days in value)
    return is_count(value) or (name in OPTIONAL and value is None)


def is_count(value: Any) -> bool:
    return type(value) is int and 0 < value < 1_000


@control("GET", "POST")
def settings(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    """The account's Dashboard settings: retry_days, after_retries, debit_days, …"""
    unknown = set(wishes) - set(account.settings) - {"display_name"}
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    if wrong := [name for name, value in wishes.items() if not is_setting(name, value)]:
        raise ValueError(f"not a value for: {', '.join(sorted(wrong))}")
    account.settings.update(wishes)
    sandbox.save(settings=True)
    return account.settings


@control("GET", "POST")
def chaos(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    if wishes:
        sandbox.chaos.configure(wishes)
    return sandbox.chaos.as_json()


@control("GET")
def log(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    """Requests received, oldest first, and how many of each route."""
    return {"data": list(sandbox.log), "counts": dict(sandbox.counts), "total": sum(sandbox.counts.values())}


@control("POST")
def clear_log(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    sandbox.clear_log()
    return {"ok": True}


@csrf_exempt
def log_view(request: HttpRequest) -> HttpResponse:
    """GET shows the log, POST forgets it."""
    shown: HttpResponse = (clear_log if request.method == "POST" else log)(request)
    return shown


@control("GET")
def exchanges(sandbox: Box, account: Account, wishes: Obj) -> HttpResponse:
    """What was recorded, one JSON exchange a line."""
    return HttpResponse("".join(line + "\n" for line in sandbox.exchanges), content_type="application/jsonl")


@control("GET")
def deliveries(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    rows = [row for row in sandbox.post.log.values() if wishes.get("state") in (None, row.state)]
    return {"data": [row.as_json() for row in reversed(rows)]}


@control("GET")
def pending(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    """Held deliveries, oldest first, with body and headers: a test may post them itself."""
    shown = []
    for row in sandbox.post.held():
        body, headers = sandbox.post.signed(row)
        event = row.event.as_json()
        shown.append({"id": row.id, "url": row.url, "event": event, "body": body.decode(), "headers": headers})
    return {"data": shown}


@control("POST")
def discard(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    """Forget what is held: {"ids": [...]} of deliveries, default all. They count as delivered."""
    rows = [row for row in sandbox.post.held() if row.id in wishes.get("ids", [row.id])]
    for row in rows:
        row.move("delivered")
        sandbox.post.keep(row)
    return {"discarded": len(rows)}


@control("POST")
def flush(sandbox: Box, account: Account, wishes: Obj) -> Obj:
    check_fields(wishes, FLUSH, under="")
    sent = sandbox.post.flush(**wishes)
    return {"sent": [row.event.id for row in sent]}


@control("POST")
def resend(sandbox: Box, account: Account, wishes: Obj, delivery_id: str) -> Obj:
    row = sandbox.post.log.get(delivery_id)
    if row is None:
        raise ValueError(f"no delivery {delivery_id}")
    sandbox.post.resend(row)
    return row.as_json()


@control("POST")
def resend_event(sandbox: Box, account: Account, wishes: Obj, event_id: str) -> Obj:
    """Deliver an event again to every endpoint that wants it."""
    event = account.events.get(event_id)
    if event is None:
        raise ValueError(f"no event {event_id}")
    sandbox.post.offer(account, event)
    return event.as_json()


@control("POST")
def roll_secret(sandbox: Box, account: Account, wishes: Obj, endpoint_id: str) -> Obj:
    """Roll a signing secret: for `hours` (default 24, real time) both the old and the new one sign."""
    account.get("webhook_endpoint", endpoint_id)
    until = time.time() + float(wishes.get("hours", 24)) * 3_600
    fresh = account.ids.make("whsec")
    old = [[secret, min(end or until, until)] for secret, end in account.notes(endpoint_id)["secrets"]]
    account.note(endpoint_id, secrets=[*old, [fresh, None]])
    return {"id": endpoint_id, "secret": fresh}


def paid(account: Account, session: Obj) -> Obj:
    return {"session": show(account, session), "redirect_url": checkout.redirect_url(account, session)}


def pay_wishes(wishes: Obj) -> Obj:
    names = ("email", "name", "card", "promotion_code", "amount", "outcome", "authenticated")
    fields = {name: wishes[name] for name in names if wishes.get(name) is not None}
    return {**fields, "answers": Answers(**wishes["answers"])} if wishes.get("answers") is not None else fields


@control("POST")
def pay_session(sandbox: Box, account: Account, wishes: Obj, session_id: str) -> Obj:
    """{email, name, card, promotion_code, amount, outcome, authenticated} → {session, redirect_url}; 402 declined."""
    return paid(
        account, checkout.pay_session(account, session_id, **pay_wishes({"card": "4242424242424242", **wishes}))
    )


@control("POST")
def pay_link(sandbox: Box, account: Account, wishes: Obj, link_id: str) -> Obj:
    """Open a payment link and pay: as above, and {client_reference_id, url_params}."""
    link = account.get("payment_link", link_id)
    params = dict(wishes.get("url_params") or {})
    if wishes.get("client_reference_id"):
        params["client_reference_id"] = wishes["client_reference_id"]
    session = checkout.open_session_from_link(account, link, params=params)
    fields = pay_wishes({"card": "4242424242424242", **wishes})
    return paid(account, checkout.pay_session(account, session["id"], **fields))


@control("POST")
def answer_authentication(sandbox: Box, account: Account, wishes: Obj, session_id: str) -> Obj:
    return paid(
        account, checkout.answer_authentication(account, session_id, approved=bool(wishes.get("approved", True)))
    )


@control("POST")
def use_portal(sandbox: Box, account: Account, wishes: Obj, session_id: str, act: str) -> Obj:
    return act_in_portal(account, session_id, act, wishes)


@control("POST")
def set_card(sandbox: Box, account: Account, wishes: Obj, customer_id: str) -> Obj:
    """{card, retry}: put another default card in place, as its owner would."""
    customer = account.get("customer", customer_id)
    return customers.set_default_card(account, customer, number=str(wishes["card"]), retry=bool(wishes.get("retry")))


@control("POST")
def discount_customer(sandbox: Box, account: Account, wishes: Obj, customer_id: str) -> Obj:
    """{coupon}: give a customer a discount, as only the Dashboard can."""
    return customers.give_discount(account, account.get("customer", customer_id), coupon=str(wishes["coupon"]))


@control("POST")
def retry_customer(sandbox: Box, account: Account, wishes: Obj, customer_id: str) -> Obj:
    return {"paid": customers.pay_open_invoices(account, account.get("customer", customer_id))}


@control("POST")
def dispute_charge(sandbox: Box, account: Account, wishes: Obj, charge_id: str) -> Obj:
    """{reason, status, amount}"""
    return act_on_dispute(account, charge_id, wishes)


@control("POST")
def change_object(sandbox: Box, account: Account, wishes: Obj, object_id: str) -> Obj:
    """{"set": {...}, "emit": event type}: force a state that the API cannot reach."""
    return set_object(account, object_id, wishes)


urlpatterns = [
    path("sandbox/health", health),
    path("sandbox/clock", clock),
    path("sandbox/accounts", accounts),
    path("sandbox/keys", keys),
    path("sandbox/seed", seed),
    path("sandbox/reset", reset),
    path("sandbox/settings", settings),
    path("sandbox/chaos", chaos),
    path("sandbox/log", log_view),
    path("sandbox/exchanges", exchanges),
    path("sandbox/deliveries", deliveries),
    path("sandbox/deliveries/pending", pending),
    path("sandbox/deliveries/discard", discard),
    path("sandbox/deliveries/flush", flush),
    path("sandbox/deliveries/<str:delivery_id>/resend", resend),
    path("sandbox/events/<str:event_id>/resend", resend_event),
    path("sandbox/webhook_endpoints/<str:endpoint_id>/roll", roll_secret),
    path("sandbox/checkout/<str:session_id>/pay", pay_session),
    path("sandbox/checkout/<str:session_id>/authenticate", answer_authentication),
    path("sandbox/links/<str:link_id>/pay", pay_link),
    path("sandbox/portal/<str:session_id>/<str:act>", use_portal),
    path("sandbox/customers/<str:customer_id>/card", set_card),
    path("sandbox/customers/<str:customer_id>/discount", discount_customer),
    path("sandbox/customers/<str:customer_id>/retry", retry_customer),
    path("sandbox/charges/<str:charge_id>/dispute", dispute_charge),
    path("sandbox/objects/<str:object_id>", change_object),
]
