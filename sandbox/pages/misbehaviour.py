"""Misbehaviour by hand: answers that are refused, late or broken off, and deliveries that get lost."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from sandbox.account import Account
from sandbox.box import box
from sandbox.chaos_wishes import LONGEST, LONGEST_DELAY
from sandbox.pages.acting import in_account
from sandbox.pages.notes import leave_note
from sandbox.pages.rail import show_page
from sandbox.types import Obj

SPOILS: Final = {
    "401": "401: the key is refused",
    "403": "403: the key may not do this",
    "404": "404: nothing is there",
    "409": "409: an idempotency key is in use",
    "429": "429: too many requests",
    "500": "500: an error of Stripe's",
    "hang": "Hang: no answer for a while, then the connection breaks",
    "cut": "Cut: the connection breaks, nothing was done",
    "trickle": "Trickle: done, and the answer comes in drips",
    "cut_body": "Broken off: done, and half of the answer comes",
}
METHODS: Final = ("", "GET", "POST", "DELETE")
SHOWN: Final = 50


@require_safe
@in_account
def misbehaviour(request: HttpRequest, account: Account) -> HttpResponse:
    """The switches as they stand, and what they have spoilt so far."""
    chaos = box().chaos
    context = {
        "chaos": delivery_fields(),
        "rules": [rule_row(at, rule) for at, rule in enumerate(chaos.answers)],
        "spoils": SPOILS.items(),
        "methods": METHODS,
        "latency": f"{chaos.latency:g}",
        "seed": chaos.seed,
        "done": [done_row(account, entry) for entry in list(chaos.done)[: -SHOWN - 1 : -1]],
    }
    return show_page(request, "dashboard-misbehaviour", "sandbox/dashboard/misbehaviour.html", context)


def delivery_fields() -> Obj:
    """The switches of deliveries: shares in percent, the delay as its two ends in seconds."""
    wishes = box().chaos.deliveries
    low, high = wishes.get("delay") or (0, 0)
    return {
        "drop": percent(wishes.get("drop")),
        "duplicate": percent(wishes.get("duplicate")),
        "delay_from": f"{low:g}",
        "delay_to": f"{high:g}",
        "reorder": bool(wishes.get("reorder")),
        "hold": bool(wishes.get("hold")),
        "on": any(wishes.values()),
    }


def rule_row(at: int, rule: Obj) -> Obj:
    """One rule for answers, in words."""
    left = rule.get("times")
    return {
        "at": at,
        "where": f"{rule.get('method') or 'Any method'} {rule.get('path', '/')}",
        "what": SPOILS.get(str(rule["status"]), str(rule["status"])),
        "share": f"{percent(rule.get('probability', 1))} %",
        "left": "without end" if left is None else "used up" if left == 0 else f"{left} more",
        "seconds": rule.get("seconds"),
    }


def done_row(account: Account, entry: Obj) -> Obj:
    """One line of the log. `event` is the id of the account's event that a delivery was about."""
    if entry["what"] == "answer":
        return {**entry, "what": f"{entry['method']} {entry['path']}", "how": str(entry["status"])}
    event = account.events.get(entry["event"])
    return {
        "at": entry["at"],
        "event": event and event.id,
        "what": event.type if event else entry["event"],
        "how": {"drop": "dropped"}.get(entry["what"], "sent twice"),
    }


def percent(share: object) -> int:
    """A share from 0 to 1 as whole percents."""
    return round(float(str(share or 0)) * 100)


@require_POST
@in_account
def change_deliveries(request: HttpRequest, account: Account) -> HttpResponse:
    """Set the switches of deliveries; "Behave" clears them."""
    if request.POST.get("do") == "behave":
        box().chaos.configure({"deliveries": {}})
        return go_back("Deliveries behave again.")
    try:
        wishes = read_deliveries(request)
    except ValueError:
        return go_back("Write shares from 0 to 100 and delays in seconds.", tone="bad")
    box().chaos.configure({"deliveries": wishes})
    return go_back("Deliveries misbehave as you asked.")


def read_deliveries(request: HttpRequest) -> Obj:
    """The switches that the form sent. Raises ValueError."""
    drop, duplicate = (float(request.POST.get(name) or 0) / 100 for name in ("drop", "duplicate"))
    low, high = (float(request.POST.get(name) or 0) for name in ("delay_from", "delay_to"))
    if not (0 <= drop <= 1 and 0 <= duplicate <= 1 and 0 <= low <= high <= LONGEST_DELAY):
        raise ValueError("out of range")
    wishes: Obj = {"drop": drop, "duplicate": duplicate}
    if high:
        wishes["delay"] = [low, high]
    return wishes | {name: True for name in ("reorder", "hold") if request.POST.get(name)}


@require_POST
@in_account
def add_rule(request: HttpRequest, account: Account) -> HttpResponse:
    """Spoil the answers to some requests from now on."""
    try:
        rule = read_rule(request)
    except ValueError:
        text = f"A path begins with /v1/, a share is from 1 to 100, and seconds are at most {LONGEST}."
        return go_back(text, tone="bad")
    chaos = box().chaos
    chaos.configure({"answers": [*chaos.answers, rule]})
    return go_back("Answers misbehave as you asked.")


def read_rule(request: HttpRequest) -> Obj:
    """The rule that the form sent. Raises ValueError."""
    path, status = request.POST.get("path", "").strip(), request.POST.get("status", "")
    method, times = request.POST.get("method", ""), request.POST.get("times", "").strip()
    share, seconds = (float(request.POST.get(name) or default) for name, default in (("share", 100), ("seconds", 0)))
    if not path.startswith("/v1/") or status not in SPOILS or method not in METHODS:
        raise ValueError("not one of the choices")
    if not (0 < share <= 100 and 0 <= seconds <= LONGEST and (not times or int(times) > 0)):
        raise ValueError("out of range")
    rule: Obj = {"path": path, "status": int(status) if status.isdigit() else status, "probability": share / 100}
    if method:
        rule["method"] = method
    if times:
        rule["times"] = int(times)
    return rule | ({"seconds": seconds} if seconds else {})


@require_POST
@in_account
def remove_rule(request: HttpRequest, account: Account) -> HttpResponse:
    """Take one rule back, or all of them."""
    chaos, at = box().chaos, request.POST.get("at", "")
    if at.isdecimal():
        chaos.configure({"answers": [rule for number, rule in enumerate(chaos.answers) if number != int(at)]})
        return go_back("The rule is gone.")
    chaos.configure({"answers": [], "latency": 0})
    return go_back("Answers behave again.")


@require_POST
@in_account
def change_chance(request: HttpRequest, account: Account) -> HttpResponse:
    """Set the latency of every answer, and the seed by which chance can be repeated."""
    try:
        latency, seed = float(request.POST.get("latency") or 0), int(request.POST.get("seed") or 1)
        if not 0 <= latency <= LONGEST:
            raise ValueError("out of range")
    except ValueError:
        return go_back(f"A latency is at most {LONGEST} seconds, a seed a whole number.", tone="bad")
    box().chaos.configure({"latency": latency, "seed": seed})
    return go_back("Chance begins anew from this seed.")


def go_back(text: str, *, tone: str = "good") -> HttpResponse:
    response = redirect("dashboard-misbehaviour")
    response.status_code = 303
    return leave_note(response, text=text, tone=tone)
