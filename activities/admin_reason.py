"""An action of Django's admin that asks why, on a page that names what it is about, before it does anything."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

MOST = 100  # rows at once, so that whoever decides has read them
LONGEST = 240


def asks_why(
    modeladmin: "ModelAdmin[Any]",
    request: HttpRequest,
    chosen: QuerySet[Any],
    *,
    question: str,
    button: str,
    effect: str,
    act: Callable[[Any, str], bool],
    done: str,
    kept: str,
    most: int = MOST,
) -> HttpResponse | None:
    """The page that asks; or, when it comes back with a reason, `act(row, reason)` on each. None leads to the list.

    `act` says whether it did anything. `effect` tells what will happen, `done` what has, before a number.
    `kept`: where the reason is to be read. `most`: how many rows this person may choose.
    """
    rows = list(chosen[: most + 1])
    if len(rows) > most:
        messages.error(request, f"Choose at most {most} at once: nothing was changed.")
        return None
    reason = " ".join(request.POST.get("reason", "").split())
    is_asked = "reason" in request.POST
    if is_asked and 0 < len(reason) <= LONGEST:
        count = sum(act(row, reason) for row in rows)
        messages.success(request, f"{done}: {count}.")
        if left := len(rows) - count:
            messages.warning(request, f"Left as they were: {left}. Nothing was to be done, or you may not.")
        return None
    context = {
        **modeladmin.admin_site.each_context(request),
        "title": question,
        "opts": modeladmin.opts,
        "rows": rows,
        "button": button,
        "effect": effect,
        "kept": kept,
        "action": request.POST["action"],
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
        "is_wrong": is_asked,
        "longest": LONGEST,
    }
    return TemplateResponse(request, "admin/reason.html", context, status=422 if is_asked else 200)
