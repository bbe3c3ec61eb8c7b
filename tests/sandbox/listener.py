"""A webhook endpoint of the tests' own: keeps what it was sent, answers as told."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import stripe


@dataclass
class Listener:
    """`statuses` are answered in turn, then 200."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                listener.signatures.append(self.headers["Stripe-Signature"])
                self.send_response(listener.statuses.pop(0) if listener.statuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?x=1"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def events(self, secret: str) -> list[stripe.Event]:
        """What arrived, each with its signature checked."""
        return [
            stripe.Webhook.construct_event(body, signature, secret)  # type: ignore[no-untyped-call]
            for body, signature in zip(self.bodies, self.signatures, strict=True)
        ]

    def wait_for(self, count: int) -> None:
        wait_until(lambda: len(self.bodies) >= count)


def wait_until(true: Callable[[], bool]) -> None:
    """Poll for at most ten seconds."""
    for _ in range(500):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen in ten seconds")
