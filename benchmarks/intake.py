"""Webhooks a second: ours, dj-stripe's own view, and the bare INSERT. `python -m benchmarks.intake [EVENTS]`

The same PostgreSQL, gunicorn (2 workers of 8 threads), Django settings and signed events; every event is committed
before its 200. Stripe is a sandbox on this machine, which answers in milliseconds: kinder to the peer, whose view
asks it while Stripe waits, than the network is. The sender and the sandbox share the machine's processors.
Ours is answered before the site's other middleware, the peer's behind it, as each of them is installed. The limit is
the same INSERT behind the same gunicorn with nothing around it (`benchmarks/site/bare.py`).

Exits with 1 when we are not GOAL times as fast. Where the machine has other things to do, the processor time of the
web and database processes for one event is the steadier figure.
"""

import statistics
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.ground import Json, cpu_seconds, database_pid, ground, open_shop, post_all, sandbox, signed, web

PORTS = (4361, 4362, 4368)
ROUNDS = 5
GOAL = 10


@dataclass
class Door:
    """A webhook view, and what its rounds took: events a second, and milliseconds of processor time for each event."""

    name: str
    path: str
    count: int
    port: int = PORTS[1]
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def take(self, events: list[bytes], *, servers: list[int]) -> None:
        before = cpu_seconds(*servers)
        self.rates.append(len(events) / post_all(self.port, events))
        self.costs.append((cpu_seconds(*servers) - before) / len(events) * 1000)

    def forget(self) -> None:
        self.rates, self.costs = [], []

    def __str__(self) -> str:
        rounds = ", ".join(f"{rate:.0f}" for rate in self.rates)
        rate, cost = statistics.median(self.rates), statistics.median(self.costs)
        return f"{self.name:10} {rate:8.0f} events/s {cost:8.2f} ms of processor time each  (rounds: {rounds})"


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    with ground() as folder, sandbox(folder, port=PORTS[0]):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        connection, templates = open_shop(40)
        secret = connection.webhook_secrets[0]
        ours = Door("foyer", f"/stripe/webhook/{connection.webhook_uuid}/", events // ROUNDS)
        peer = Door("dj-stripe", f"/peer/webhook/{_add_peer_endpoint(secret)}/", max(100, events // 10) // ROUNDS)
        bare = Door("bare", "/", ours.count, port=PORTS[2])
        _measure([ours, peer, bare], templates=templates, secret=secret, folder=folder)
        stored = {"inbox": ours.count + bare.count, "dj-stripe": peer.count}
        _check_that_all_is_stored({name: count * (ROUNDS + 1) for name, count in stored.items()})
    print(ours, peer, bare, sep="\n")
    peers, limit = _ratio(ours.rates, peer.rates), _ratio(ours.rates, bare.rates)
    print(f"beside dj-stripe {peers:6.1f} times the rate, {_ratio(ours.costs, peer.costs):5.2f} times the cost")
    print(f"beside the bare  {limit:6.2f} times the rate, {_ratio(ours.costs, bare.costs):5.2f} times the cost")
    sys.exit(peers < GOAL)


def _ratio(ours: list[float], others: list[float]) -> float:
    return statistics.median(ours) / statistics.median(others)


def _measure(doors: list[Door], *, templates: list[Json], secret: str, folder: Path) -> None:
    """In turns, so that all meet the same machine. The first turn warms up."""
    with web(folder, port=PORTS[1]) as site, web(folder, port=PORTS[2], serves="benchmarks.site.bare") as bare:
        for turn in range(ROUNDS + 1):
            for door in doors:
                chosen = [templates[n % len(templates)] for n in range(door.count)]
                events = [signed(each, secret=secret, path=door.path) for each in chosen]
                door.take(events, servers=[site.pid, bare.pid, database_pid(folder)])
                if not turn:
                    door.forget()


def _add_peer_endpoint(secret: str) -> Any:
    from djstripe.models import WebhookEndpoint

    return WebhookEndpoint.objects.create(
        id="we_peer",
        secret=secret,
        url="http://127.0.0.1/",
        enabled_events=["*"],
        status="enabled",
        livemode=False,
        djstripe_validation_method="verify_signature",
        stripe_data={},
    ).djstripe_uuid


def _check_that_all_is_stored(expected: dict[str, int]) -> None:
    from djstripe.models import Event

    from billing.models import InboxEvent

    stored = {"inbox": InboxEvent.objects.count(), "dj-stripe": Event.objects.count()}
    if stored != expected:
        raise SystemExit(f"stored {stored} of {expected}")


if __name__ == "__main__":
    main()
