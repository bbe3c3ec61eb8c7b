"""The dashboard's overview, its clock, and the catalogue."""

from datetime import UTC, datetime
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from sandbox.account import Account
from sandbox.box import box
from sandbox.clock import parse_span
from sandbox.pages.acting import in_account
from sandbox.pages.lists import page_of
from sandbox.pages.notes import leave_note
from sandbox.pages.rail import show_page
from sandbox.pages.rows import LIVE
from sandbox.pages.wording import day
from sandbox.seeding import seed_subscribers
from sandbox.types import DAY, Obj

STEPS: Final = [
    {"value": "1d", "label": "+1 day"},
    {"value": "1w", "label": "+1 week"},
    {"value": "31d", "label": "+1 month"},
    {"value": "365d", "label": "+1 year"},
]
# A leap of centuries would make every renewal on its way: refuse what nobody means.
FARTHEST = 5 * 366 * DAY
RECENT = 8
FILLING = 100  # subscribers


@require_safe
@in_account
def overview(request: HttpRequest, account: Account) -> HttpResponse:
    """Counts, the clock, the latest events."""
    now = account.main.now()
    events = account.events.newest_first()
    return show_page(
        request,
        "dashboard",
        "sandbox/dashboard/overview.html",
        {
            "begin": None if len(account.events) or len(account.table("customer")) else first_steps(account.base_url),
            "stats": list(count_stats(account)),
            "steps": STEPS,
            "offset": offset_text(account.main.ahead),
            "next_renewal": next_renewal(account, now=now),
            "earliest": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M}",
            "events": [event for event, _ in zip(events, range(RECENT), strict=False)],
        },
    )


def first_steps(url: str) -> Obj:
    """How a program finds an empty account."""
    key = box().accounts.key
    return {
        "url": url,
        "key": key,
        "python": f'stripe.StripeClient("{key}", base_addresses={{"api": "{url}"}})',
        "cli": f"stripe trigger checkout.session.completed --api-base {url} --api-key {key}",
    }


@require_POST
def fill(request: HttpRequest) -> HttpResponse:
    """Give an empty account something to look at."""
    response = redirect("dashboard")
    response.status_code = 303
    told = seed_subscribers(box(), count=FILLING, seed=1, events=True)
    return leave_note(response, text=f"{told['subscribers']} subscribers joined in the last four weeks.")


def count_stats(account: Account) -> list[Obj]:
    """The figures at the top."""
    live = sum(len(account.table("subscription").by("status", status)) for status in LIVE)
    behind = len(account.table("subscription").by("status", "past_due"))
    subscriptions = reverse("dashboard-subscriptions")
    return [
        {
            "label": "customers",
            "count": len(account.table("customer")),
            "url": reverse("dashboard-customers"),
        },
        {"label": "subscriptions", "count": live, "url": subscriptions},
        {"label": "past due", "count": behind, "url": f"{subscriptions}?status=past_due"},
        {
            "label": "payments",
            "count": len(account.table("payment_intent")),
            "url": reverse("dashboard-payments"),
        },
        {"label": "events", "count": len(account.events), "url": reverse("dashboard-events")},
    ]


def next_renewal(account: Account, *, now: int) -> int | None:
    """When the next live subscription's period ends."""
    ends = [
        item["current_period_end"]
        for status in ("active", "trialing")
        for subscription in account.table("subscription").by("status", status)
        for item in subscription["items"]["data"]
    ]
    return min((end for end in ends if end > now), default=None)


def offset_text(offset: int) -> str:
    """How far account time is ahead of real time, in words."""
    if offset < DAY:
        return f"{offset // 3600} h" if offset >= 3600 else ""
    days = round(offset / DAY)
    return f"{days} day{'s' if days > 1 else ''}"


@require_POST
def move_time(request: HttpRequest) -> HttpResponse:
    """Move the account's time forward by a span, to an epoch or to a date; all that is due happens."""
    response = redirect("dashboard")
    response.status_code = 303
    now = box().account.main.now()
    try:
        target = wanted_time(request, now=now)
    except ValueError:
        return leave_note(response, text="That is not a date.", tone="bad")
    if target <= now:
        return leave_note(response, text="Time only moves forward: choose a later date.", tone="bad")
    if target - now > FARTHEST:
        return leave_note(response, text="Move at most five years at a time.", tone="bad")
    done = box().passing.move(to=target)
    things = "nothing was due" if not done else f"{done} thing{'s' if done > 1 else ''} happened on the way"
    return leave_note(response, text=f"It is now {day(box().account.main.now())}: {things}.")


def wanted_time(request: HttpRequest, *, now: int) -> int:
    """The epoch that the clock's form asks for. Raises ValueError."""
    if "advance" in request.POST:
        return now + parse_span(request.POST["advance"])
    if "to" in request.POST:
        return int(request.POST["to"]) + 1
    at = datetime.fromisoformat(request.POST.get("date", ""))
    return int(at.replace(tzinfo=UTC).timestamp())


@require_safe
@in_account
def products(request: HttpRequest, account: Account) -> HttpResponse:
    """What is sold, with its prices and payment links."""
    found, pager = page_of(request, account, "product")
    links = account.list("payment_link")
    rows = [
        {
            "product": product,
            "prices": account.list("price", product=product["id"]),
            "links": [link for link in links if sells(account, link, product["id"])],
        }
        for product in found
    ]
    return show_page(request, "dashboard-products", "sandbox/dashboard/products.html", {"rows": rows, **pager})


def sells(account: Account, link: Obj, product_id: str) -> bool:
    """Whether a payment link sells this product."""
    lines = account.notes(link["id"]).get("line_items", [])
    return any(line["price"] and line["price"]["product"] == product_id for line in lines)
