"""One sentence carried over a redirect in a signed cookie: what was just done, or why it was refused."""

import json
from typing import TypedDict

from django.http import HttpRequest, HttpResponse

COOKIE = "sandbox_note"


class Note(TypedDict):
    """``tone`` is ``good`` or ``bad``."""

    tone: str
    text: str


def leave_note(response: HttpResponse, *, text: str, tone: str = "good") -> HttpResponse:
    """Have the next page show ``text``."""
    response.set_signed_cookie(
        COOKIE, json.dumps({"tone": tone, "text": text}), max_age=60, httponly=True, samesite="Lax"
    )
    return response


def read_note(request: HttpRequest) -> Note | None:
    """Return the sentence left by the previous answer, if any."""
    raw = request.get_signed_cookie(COOKIE, default=None, max_age=60)
    return json.loads(raw) if raw else None


def forget_note(response: HttpResponse) -> HttpResponse:
    """Make sure that the sentence is shown once."""
    response.delete_cookie(COOKIE, samesite="Lax")
    return response
