"""Security headers of the sandbox's pages."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse

# Product pictures are addresses the shop chose, so any picture may load; nothing else may.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src * data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# A mail is somebody else's markup: it may look like itself, and can do nothing.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src * data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def protect_pages(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a foreign Host is refused (400); every answer gets the strict policy unless its view set another."""

    def middleware(request: HttpRequest) -> HttpResponse:
        # A name that somebody else points at this machine would make their page the same origin as ours.
        request.get_host()
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    return middleware


def allow_leaving_to(response: HttpResponse, *urls: str | None) -> HttpResponse:
    """Let the page's forms end at these addresses: browsers apply ``form-action`` to redirects too."""
    parts = [urlsplit(url) for url in urls if url]
    origins = sorted({f"{part.scheme}://{part.netloc}" for part in parts if part.scheme in ("http", "https")})
    if origins:
        response.headers["Content-Security-Policy"] = f"{POLICY} {' '.join(origins)}"
    return response
