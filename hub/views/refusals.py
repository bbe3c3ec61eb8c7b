from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme


def form_without_its_token(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from a tab that was left open: leads back to the page it was on, where a new one waits."""
    return render(request, "403_csrf.html", {"back": _page_before(request)}, status=403)


def _page_before(request: HttpRequest) -> str:
    """The path of the page of ours that led here; the library where none did."""
    referer = request.headers.get("referer", "")
    if not url_has_allowed_host_and_scheme(referer, allowed_hosts={request.get_host()}):
        return "/"
    parts = urlsplit(referer)
    path = f"/{parts.path.lstrip('/')}"  # two slashes would begin another host
    return f"{path}?{parts.query}" if parts.query else path
