"""Webhooks a second: ours and dj-stripe's own view, side by side. `python -m benchmarks.intake [EVENTS]`

The same PostgreSQL, gunicorn (2 workers of 8 threads), Django settings and signed events; every event is committed
before its 200. Stripe is a sandbox on this machine, which answers in milliseconds: kinder to the peer, whose view
asks it while Stripe waits, than the network is.
"""

import statistics
import sys

from benchmarks.ground import ground, open_shop, post_all, sandbox, signed, web

PORTS = (4361, 4362)
ROUNDS = 5


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    with ground() as folder, sandbox(folder, port=PORTS[0]):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        connection, templates = open_shop(40)
        secret = connection.webhook_secrets[0]
        peer = _add_peer_endpoint(secret)
        paths = {"foyer": f"/stripe/webhook/{connection.webhook_uuid}/", "dj-stripe": f"/peer/webhook/{peer}/"}
        counts = {"foyer": events // ROUNDS, "dj-stripe": max(100, events // 10) // ROUNDS}
        rates: dict[str, list[float]] = {name: [] for name in counts}
        with web(folder, port=PORTS[1]):
            for turn in range(ROUNDS + 1):  # in turns, so that both meet the same machine; the first one warms up
                for name, count in counts.items():
                    chosen = [templates[n % len(templates)] for n in range(count)]
                    seconds = post_all(PORTS[1], [signed(each, secret=secret, path=paths[name]) for each in chosen])
                    rates[name] += [count / seconds] if turn else []
        _check_that_all_is_stored({name: count * (ROUNDS + 1) for name, count in counts.items()})
        middle = {name: statistics.median(found) for name, found in rates.items()}
        for name, found in rates.items():
            print(f"{name:10} {middle[name]:8.0f} events/s  (rounds: {', '.join(f'{rate:.0f}' for rate in found)})")
        print(f"ratio      {middle['foyer'] / middle['dj-stripe']:8.1f}")


def _add_peer_endpoint(secret: str) -> str:
    from djstripe.models import WebhookEndpoint

    endpoint = WebhookEndpoint.objects.create(
        id="we_peer",
        secret=secret,
        url="http://127.0.0.1/",
        enabled_events=["*"],
        status="enabled",
        livemode=False,
        djstripe_validation_method="verify_signature",
        stripe_data={},
    )
    return str(endpoint.djstripe_uuid)


def _check_that_all_is_stored(expected: dict[str, int]) -> None:
    from djstripe.models import Event

    from billing.models import InboxEvent

    stored = {"foyer": InboxEvent.objects.count(), "dj-stripe": Event.objects.count()}
    if stored != expected:
        raise SystemExit(f"stored {stored} of {expected}")


if __name__ == "__main__":
    main()
