"""`stripe listen` and `stripe logs tail`: the sessions that Stripe's command line opens, and its websocket.

Stripe publishes nothing of this protocol; it is what the command line itself reads and writes.
"""

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from simple_websocket import ConnectionClosed, Server

from sandbox.account import Account
from sandbox.ids import IdMaker
from sandbox.types import Obj

LOG = logging.getLogger(__name__)
PATH = "/stripecli/subscribe/"
PROTOCOL = "stripecli-devproxy-v1"
WEBHOOKS, REQUEST_LOGS = "webhooks", "request_logs"
# Stripe's answer to an id that it has forgotten: the command line opens another session then.
UNKNOWN = "Unknown WebSocket ID."
PING_AFTER = 30  # seconds of silence
MOST = 64  # that listen at once: each keeps a thread, which the server has besides those that answer requests
REFUSALS = {400: "400 Bad Request", 403: "403 Forbidden", 404: "404 Not Found", 503: "503 Service Unavailable"}

# What each filter of `stripe logs tail` looks at.
FILTERS: dict[str, Callable[[Obj], str]] = {
    "filter_http_method": lambda entry: str(entry["method"]),
    "filter_request_path": lambda entry: str(entry["url"]),
    "filter_request_status": lambda entry: "SUCCEEDED" if entry["status"] < 400 else "FAILED",
    "filter_source": lambda entry: "API",
    "filter_status_code": lambda entry: str(entry["status"]),
    "filter_status_code_type": lambda entry: str(entry["status"] // 100 * 100),
}

Hear = Callable[["Session", Obj], None]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass
class Session:
    """One command line that listens. `filters` choose among request logs: name → allowed values."""

    id: str
    account: str
    feature: str
    secret: str
    filters: dict[str, list[str]] = field(default_factory=dict)
    socket: Server | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, message: Obj) -> bool:
        """Send a message; whether there is still somebody to send it to."""
        with self.lock:
            try:
                if self.socket is None:
                    return False
                self.socket.send(json.dumps(message))
            except (ConnectionClosed, OSError):
                return False
        return True

    def wants(self, entry: Obj) -> bool:
        """Whether a logged request passes the filters."""
        return all(FILTERS[name](entry) in allowed for name, allowed in self.filters.items())


class Listeners:
    """The sessions of this process. They outlive a reset, as a command line does, but not a restart."""

    def __init__(self, *, seed: int) -> None:
        self.ids = IdMaker(seed + 2)
        self.sessions: dict[str, Session] = {}
        self.places = threading.BoundedSemaphore(MOST)

    def open(self, account: Account, *, device: str, feature: str, filters: dict[str, list[str]]) -> Session:
        """A new session. One device always gets the same signing secret, as at Stripe."""
        digest = hashlib.sha256(f"{account.id}:{account.seed}:{device}".encode()).hexdigest()
        session = Session(f"cliws_{self.ids.letters(24)}", account.id, feature, f"whsec_{digest}", filters)
        self.sessions[session.id] = session
        return session

    def get(self, session_id: str) -> Session | None:
        return self.sessions.get(session_id)

    def hearing(self, account: Account, feature: str) -> list[Session]:
        """The account's sessions that are connected now."""
        return [session for session in self.connected(account) if session.feature == feature]

    def connected(self, account: Account) -> list[Session]:
        """Whoever hears of the account, for whatever feature."""
        return [
            session
            for session in list(self.sessions.values())
            if session.account == account.id and session.socket is not None
        ]

    def log_request(self, account: Account, entry: Obj) -> None:
        """Tell those who follow the account's requests of one more."""
        for session in self.hearing(account, REQUEST_LOGS):
            if session.wants(entry):
                told = {"request_log_id": entry["request_id"], "event_payload": json.dumps(entry)}
                session.say({"type": "request_log_event", **told})

    def answer(self, environ: Obj, start_response: StartResponse, *, hear: Hear) -> Iterable[bytes]:
        """The WSGI application of the websocket: stays until the command line hangs up."""
        session = self.get(environ["PATH_INFO"].removeprefix(PATH))
        if "HTTP_ORIGIN" in environ:  # only web pages send one, and nothing guards a websocket from them
            return refuse(start_response, 403, "Only for programs on this machine.")
        if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
            return refuse(start_response, 400, "This is a websocket.")
        if session is None:
            return refuse(start_response, 404, UNKNOWN)
        if not self.places.acquire(blocking=False):
            return refuse(start_response, 503, f"{MOST} command lines listen already.")
        try:
            attend(session, Server(environ, subprotocols=[PROTOCOL], ping_interval=PING_AFTER), hear=hear)
        finally:
            self.places.release()
        raise StopIteration  # gunicorn's way to leave a connection alone: the answer was given by hand


def refuse(start_response: StartResponse, status: int, message: str) -> list[bytes]:
    start_response(REFUSALS[status], [("Content-Type", "application/json")])
    return [json.dumps({"error": {"message": message}}).encode()]


def attend(session: Session, socket: Server, *, hear: Hear) -> None:
    """Hear everything that is said on a socket. The command line connects anew before it leaves the old one."""
    session.socket = socket
    try:
        while True:
            if isinstance(message := read_message(socket.receive()), dict):
                hear(session, message)
    except ConnectionClosed:
        if session.socket is socket:
            session.socket = None
            hear(session, {"type": "gone"})


def read_message(text: Any) -> Any:
    """What was said, or None where it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        LOG.warning("the command line said %.200r", text)
        return None
