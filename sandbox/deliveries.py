"""Webhooks: which endpoint hears of an event, when, and what it answered."""

import heapq
import http.client
import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from sandbox.account import Account
from sandbox.chaos import Chaos
from sandbox.events import Event
from sandbox.listening import WEBHOOKS, Listeners, Session
from sandbox.signing import signature_header
from sandbox.types import API_VERSION, Obj

LOG = logging.getLogger(__name__)
TIMEOUT = 10
# Real seconds between attempts; Stripe's own take hours, a demo cannot wait.
BACKOFF = (1, 5, 30, 120, 600, 3_600)
WORKERS = 4
MOST_KEPT = 20_000  # deliveries in the log
PATH_SIGNS = "/?#[]@!$&'()*+,;=:%~"  # what quoting leaves as it is
LISTENING = "stripe listen"  # where a listening command line has said no address


@dataclass
class Delivery:
    """One event on its way to one endpoint. `state`: held, waiting, sending, delivered, failed, or dropped: lost for
    good, so that nobody tries again and the event does not wait for it."""

    id: str
    account: Account
    endpoint: str
    url: str
    event: Event
    state: str = "waiting"
    attempts: list[Obj] = field(default_factory=list)

    @property
    def under_way(self) -> bool:
        return self.state in ("held", "waiting", "sending")

    def move(self, state: str) -> None:
        """Into another state; the event's `pending_webhooks` counts endpoints, not command lines that listen."""
        self.state = state
        if self.under_way and self.endpoint.startswith("we_"):
            self.event.pending |= {self.endpoint}
        elif not self.under_way:
            self.event.pending -= {self.endpoint}

    @property
    def failing(self) -> bool:
        """Whether the last attempt was refused."""
        return bool(self.attempts) and self.state != "delivered"

    def as_json(self) -> Obj:
        return {
            "id": self.id,
            "endpoint": self.endpoint,
            "url": self.url,
            "event": self.event.id,
            "type": self.event.type,
            "created": self.event.created,
            "state": self.state,
            "attempts": self.attempts,
        }


class Post:
    """The queue and its workers. `lock` is the sandbox's: held to read state, never while talking to an endpoint."""

    def __init__(
        self,
        *,
        lock: threading.RLock,
        chaos: Chaos,
        save: Callable[[], None],
        listeners: Listeners,
        allowed_hosts: Iterable[str] = (),
    ) -> None:
        self.lock = lock
        self.save = save
        self.chaos = chaos
        self.listeners = listeners
        self.allowed_hosts = set(allowed_hosts)
        self.log: dict[str, Delivery] = {}
        self.queue: list[tuple[float, int, Delivery]] = []
        self.count = 0
        self.wake = threading.Condition()
        self.stopped = False

    def start(self) -> None:
        for number in range(WORKERS):
            threading.Thread(target=self.work, name=f"webhooks-{number}", daemon=True).start()

    def offer(self, account: Account, event: Event) -> None:
        """Queue an event for every enabled endpoint that asked for its type."""
        for endpoint in account.table("webhook_endpoint"):
            if endpoint["status"] != "enabled" or not wants(endpoint, event.type):
                continue
            self.offer_to(account, event, endpoint=endpoint)
        self.offer_listeners(account, event)

    def offer_to(self, account: Account, event: Event, *, endpoint: Obj) -> None:
        """Queue an event for one endpoint, whatever it asked for."""
        self._queue(account, event, endpoint=endpoint["id"], url=endpoint["url"])

    def offer_listeners(self, account: Account, event: Event) -> None:
        """Queue an event for every command line that listens; it chooses among the types itself."""
        for session in self.listeners.hearing(account, WEBHOOKS):
            self._queue(account, event, endpoint=session.id, url=LISTENING)

    def _queue(self, account: Account, event: Event, *, endpoint: str, url: str) -> None:
        copies = 2 if self.chaos.happens("duplicate", event=event.id) else 1
        for _ in range(copies):
            self._queue_copy(account, event, endpoint=endpoint, url=url)

    def _queue_copy(self, account: Account, event: Event, *, endpoint: str, url: str) -> None:
        self.count += 1
        delivery = Delivery(f"del_{self.count}", account, endpoint, url, event)
        self.log[delivery.id] = delivery
        while len(self.log) > MOST_KEPT:
            self.forget(next(iter(self.log.values())))
        if self.chaos.happens("drop", event=event.id):
            delivery.state = "dropped"  # another copy of it may be under way
        elif self.chaos.deliveries.get("hold"):
            delivery.move("held")
        else:
            self.enqueue(delivery, after=self.chaos.delay())
            return
        self.keep(delivery)

    def keep(self, delivery: Delivery) -> None:
        """Let the store know how a delivery stands."""
        number = int(delivery.id.removeprefix("del_"))
        delivery.account.unsaved["_delivery", delivery.id] = (number, delivery.as_json())

    def forget(self, delivery: Delivery) -> None:
        del self.log[delivery.id]
        delivery.account.unsaved.pop(("_delivery", delivery.id), None)
        delivery.account.gone.add(("_delivery", delivery.id))

    def restore(self, account: Account) -> None:
        """Take up the deliveries that the store has kept of an account; those not yet arrived are sent again."""
        for row in account.kept_deliveries:
            event = account.events.get(row["event"])
            if event is None:
                continue
            delivery = Delivery(
                row["id"], account, row["endpoint"], row["url"], event, row["state"], list(row["attempts"])
            )
            self.log[delivery.id] = delivery
            self.count = max(self.count, int(delivery.id.removeprefix("del_")))
            if delivery.under_way:
                delivery.move(delivery.state)
            if delivery.failing:
                event.failed |= {delivery.endpoint}
            if delivery.state in ("waiting", "sending"):
                self.enqueue(delivery, after=0)
        account.kept_deliveries = []

    def enqueue(self, delivery: Delivery, *, after: float) -> None:
        delivery.move("waiting")
        self.keep(delivery)
        with self.wake:
            self.count += 1
            heapq.heappush(self.queue, (time.monotonic() + after, self.count, delivery))
            self.wake.notify()

    def held(self) -> list[Delivery]:
        return [delivery for delivery in self.log.values() if delivery.state == "held"]

    def flush(self, *, order: object = "created", duplicate: float = 0, drop: float = 0) -> list[Delivery]:
        """Send what is held: "created", "reversed" or "shuffled" order, or a list of event ids. One worker keeps it."""
        chosen = self.held()
        if isinstance(order, list):
            chosen = sorted((d for d in chosen if d.event.id in order), key=lambda d: order.index(d.event.id))
        elif order == "shuffled":
            self.chaos.random.shuffle(chosen)
        elif order == "reversed":
            chosen.reverse()
        sent, lost = [], []
        for delivery in chosen:
            if self.chaos.random.random() < drop:
                lost.append(delivery)
                continue
            sent += [delivery] * (2 if self.chaos.random.random() < duplicate else 1)
        for delivery in lost:
            delivery.move("dropped")
            self.keep(delivery)
        for delivery in [row for row in self.log.values() if row.under_way] if lost else []:
            delivery.move(delivery.state)  # a copy of what was lost
        for delivery in sent:
            self.enqueue(delivery, after=0)
        return sent

    def resend(self, delivery: Delivery) -> None:
        self.enqueue(delivery, after=0)

    def work(self) -> None:
        while not self.stopped:
            delivery = self._next()
            if delivery:
                self._send_surely(delivery)

    def _send_surely(self, delivery: Delivery) -> None:
        """A delivery that goes wrong in a way of its own must not take the worker with it."""
        try:
            self.send(delivery)
        except Exception as error:
            LOG.exception("delivery %s failed", delivery.id)
            with self.lock:
                self._note_attempt(delivery, status=None, ms=None, excerpt=f"{type(error).__name__}: {error}")

    def _next(self) -> Delivery | None:
        with self.wake:
            wait = self.queue[0][0] - time.monotonic() if self.queue else 60
            if wait > 0:
                self.wake.wait(wait)
                return None
            return heapq.heappop(self.queue)[2]

    def send(self, delivery: Delivery) -> None:
        """One attempt; a failed one is tried again after BACKOFF."""
        if session := self.listeners.get(delivery.endpoint):
            self.tell(session, delivery)
            return
        with self.lock:
            endpoint = delivery.account.find("webhook_endpoint", delivery.endpoint)
            if endpoint is None or endpoint["status"] != "enabled":
                delivery.move("failed")
                self.keep(delivery)
                return
            delivery.state = "sending"
            body, headers = self.signed(delivery)
            url = endpoint["url"]
        started = time.monotonic()
        status, excerpt = self._post(url, body, headers)
        with self.lock:
            ms = round((time.monotonic() - started) * 1000)
            self._note_attempt(delivery, status=status, ms=ms, excerpt=excerpt)

    def _note_attempt(self, delivery: Delivery, *, status: int | None, ms: int | None, excerpt: str) -> None:
        delivery.attempts.append({"at": int(time.time()), "status": status, "ms": ms, "body": excerpt})
        self._settle(delivery, ok=status is not None and 200 <= status < 300)
        self.keep(delivery)
        self.save()

    def tell(self, session: Session, delivery: Delivery) -> None:
        """One message to a listening command line, which says later what became of it. It is not tried again."""
        with self.lock:
            delivery.state = "sending"
            body, headers = self.signed(delivery)
        message = {
            "type": "webhook_event",
            "event_payload": body.decode(),
            "http_headers": headers,
            "webhook_conversation_id": delivery.id,
            "webhook_id": session.id,
        }
        # It passes over the one that is not in the version it was started for: none, the account's own, or the latest.
        said = [session.say({**message, "endpoint": {"api_version": version}}) for version in (None, API_VERSION)]
        if not all(said):
            with self.lock:
                delivery.state = "failed"
                self.keep(delivery)
                self.save()

    def hear(self, session: Session, message: Obj) -> None:
        """What a listening command line says: that an event has come, what its endpoint answered, that it is gone."""
        with self.lock:
            if message.get("type") == "gone":
                told = [row for row in self.log.values() if row.endpoint == session.id and row.state == "sending"]
                for row in told:
                    row.state = "failed"
                    self.keep(row)
            elif delivery := self.log.get(str(message.get("webhook_conversation_id"))):
                self._note_answer(delivery, message)
            self.save()

    def _note_answer(self, delivery: Delivery, message: Obj) -> None:
        if message.get("type") == "webhook_response":
            status = message.get("status")
            delivery.url = str(message.get("forward_url") or delivery.url)
            excerpt = str(message.get("body") or "")[:500]
            delivery.attempts.append({"at": int(time.time()), "status": status, "ms": None, "body": excerpt})
            delivery.state = "delivered" if isinstance(status, int) and 200 <= status < 300 else "failed"
        elif delivery.state == "sending":  # it came; what an endpoint answers may be said before or after
            delivery.state = "delivered"
        self.keep(delivery)

    def signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """(body, headers) as they would be sent now."""
        body = json.dumps(delivery.event.as_json(), indent=2).encode()
        return body, {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Accept": "*/*; q=0.5, application/xml",
            "Stripe-Signature": signature_header(body, secrets=self.secrets_of(delivery), at=int(time.time())),
        }

    def secrets_of(self, delivery: Delivery) -> list[str]:
        """The signing secrets that are valid now."""
        if session := self.listeners.get(delivery.endpoint):
            return [session.secret]
        kept = delivery.account.notes(delivery.endpoint).get("secrets", [])
        return [secret for secret, until in kept if until is None or until > time.time()]

    def _settle(self, delivery: Delivery, *, ok: bool) -> None:
        event, tries = delivery.event, len(delivery.attempts)
        if ok:
            delivery.move("delivered")
            event.failed -= {delivery.endpoint}
        elif tries <= len(BACKOFF):
            event.failed |= {delivery.endpoint}
            self.enqueue(delivery, after=BACKOFF[tries - 1])
        else:
            delivery.move("failed")

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, str]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not (is_loopback(host) or host in self.allowed_hosts):
            return None, f"{host} is not a loopback address: start the sandbox with --allow-hosts"
        connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(host, parts.port, timeout=TIMEOUT)
        try:
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            connection.request("POST", quote(path, safe=PATH_SIGNS), body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(500).decode(errors="replace")
        except OSError as error:
            return None, f"{type(error).__name__}: {error}"
        except http.client.HTTPException as error:
            return None, f"{type(error).__name__}: {error}"
        finally:
            connection.close()


def wants(endpoint: Obj, event_type: str) -> bool:
    return "*" in endpoint["enabled_events"] or event_type in endpoint["enabled_events"]


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
