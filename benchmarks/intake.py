"""Webhooks a second: ours and dj-stripe's own view, side by side. `python -m benchmarks.intake [EVENTS]`

The same PostgreSQL, gunicorn (2 workers of 8 threads), Django settings and signed events; every event is committed
before its 200. Stripe is a sandbox on this machine, which answers in milliseconds: kinder to the peer, whose view
asks it while Stripe waits, than the network is.
"""

import sys

from benchmarks.ground import ground, open_shop, post_all, sandbox, signed, web

PORTS = (4361, 4362)


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
        with web(folder, port=PORTS[1]):
            rates = {}
            for name, count in (("foyer", events), ("dj-stripe", max(100, events // 20))):
                for share in (0.1, 1.0):  # the first tenth warms up
                    posts = [signed(templates[n % len(templates)], secret=secret) for n in range(int(count * share))]
                    seconds = post_all(PORTS[1], paths[name], posts)
                    rates[name] = len(posts) / seconds
                print(f"{name:10} {rates[name]:8.0f} events/s  ({count} events)", flush=True)
        _check_that_all_is_stored(events)
        print(f"ratio      {rates['foyer'] / rates['dj-stripe']:8.1f}")


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


def _check_that_all_is_stored(events: int) -> None:
    from djstripe.models import Event

    from billing.models import InboxEvent

    expected, peers = events + events // 10, max(100, events // 20)
    assert InboxEvent.objects.count() == expected, InboxEvent.objects.count()
    assert Event.objects.count() == peers + peers // 10, Event.objects.count()


if __name__ == "__main__":
    main()
