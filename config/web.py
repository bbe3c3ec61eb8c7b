"""gunicorn's worker of threads. What it refuses before Django hears of it, it says in words that people can use."""

from contextlib import suppress
from socket import socket
from typing import Any

from gunicorn.http.errors import LimitRequestLine  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

HEAD = (
    "HTTP/1.1 414 URI Too Long\r\n"
    "Connection: close\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: {length}\r\n\r\n"
)


class Worker(ThreadWorker):
    def handle_error(self, req: Any, client: socket, addr: Any, exc: Exception) -> None:
        if not isinstance(exc, LimitRequestLine):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("An address was too long: %s", exc)
        page = _page()
        with suppress(OSError):  # who has gone reads nothing
            client.sendall(HEAD.format(length=len(page)).encode() + page)


def _page() -> bytes:
    # Only here, so that the process that starts the workers does not hold Django.
    from django.template.loader import render_to_string

    return render_to_string("414.html").encode()
