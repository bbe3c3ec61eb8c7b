"""The dashboard's frame: the rail, the account's time, the sentence left by the last action."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from sandbox.box import box
from sandbox.pages.notes import forget_note, read_note
from sandbox.pages.rows import merchant_name

RAIL: Final = [
    ("dashboard", "Overview", "layout-dashboard"),
    ("dashboard-customers", "Customers", "users"),
    ("dashboard-subscriptions", "Subscriptions", "repeat"),
    ("dashboard-payments", "Payments", "credit-card"),
    ("dashboard-products", "Products", "package"),
    ("dashboard-events", "Events", "activity"),
    ("dashboard-deliveries", "Webhooks", "webhook"),
    ("dashboard-misbehaviour", "Misbehaviour", "cloud-lightning"),
    ("mailbox", "Mail", "mail"),
]


def show_page(
    request: HttpRequest, current: str, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a dashboard page; ``current`` names its entry in the rail."""
    sandbox = box()
    with sandbox.lock:
        note = read_note(request)
        frame = {
            "merchant": merchant_name(sandbox.account),
            "now": sandbox.account.main.now(),
            "rail": [
                {"url": reverse(name), "label": label, "icon": icon, "current": name == current}
                for name, label, icon in RAIL
            ],
            "note": note,
        }
        response = render(request, template, frame | context, status=status)
    return forget_note(response) if note else response


def older_url(request: HttpRequest, *, after: str) -> str:
    """This list's address, from the row after ``after`` on."""
    query = request.GET.copy()
    query["after"] = after
    return f"?{query.urlencode()}"


def newest_url(request: HttpRequest) -> str:
    """This list's address, from its beginning."""
    query = request.GET.copy()
    query.pop("after", None)
    return f"?{query.urlencode()}"
