"""How fast subscribers are imported, beside dj-stripe's own sync. `python -m benchmarks.imports [SUBSCRIBERS]`

Seeded subscribers (2000) are read, rehearsed and imported, each with an account, a grant, its ledger line and a line in
the feed. The peer stores the same subscriptions in its own tables with `Subscription.sync_from_stripe_data`, for which
it asks Stripe for whatever they refer to; it has no people, access or preview, so this is the least that it may be
compared with. It gets a share of them, because a rate needs no more. The limit is the bare lists of the same objects.
The sandbox and PostgreSQL share the machine's processors with the import.
"""

import sys
from itertools import islice
from typing import Any

from benchmarks.ground import KEY, ground, sandbox
from benchmarks.passes import linked_site, list_everything, timed

PORT = 4369
PEERS_SHARE = 0.1


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with ground() as folder, sandbox(folder, port=PORT) as url:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        gateway = linked_site(url, count=count)
        bare = timed("bare lists", count, lambda: list_everything(gateway))
        peers = listed(count=round(count * PEERS_SHARE))
        peer = timed("dj-stripe's sync", len(peers), lambda: sync(peers)) / len(peers)
        batch = begin()
        ours = sum(timed(name, count, step) for name, step in steps(batch))
        timed("the same again, nothing new", count, again)
        check(count)
    print(f"the import takes {ours / bare:.1f} times as long as the bare lists,")
    print(f"and brings {peer / (ours / count):.1f} times as many subscribers a second as dj-stripe's sync")


def listed(*, count: int) -> list[Any]:
    """The first subscriptions, as the peer takes them: the SDK's objects, with the ids of what they refer to."""
    import stripe
    from django.conf import settings

    api = stripe.StripeClient(KEY, base_addresses={"api": settings.STRIPE_API_BASE}).v1
    pages = api.subscriptions.list({"limit": 100, "status": "all"}).auto_paging_iter()
    return list(islice(pages, count))


def sync(subscriptions: list[Any]) -> None:
    from djstripe.models import Subscription

    for subscription in subscriptions:
        Subscription.sync_from_stripe_data(subscription)


def begin() -> Any:
    from activities import clock
    from billing.connection import required_connection
    from billing.importing import asking

    return asking.begin(required_connection(), now=clock.now())


def steps(batch: Any) -> list[tuple[str, Any]]:
    """The import's own steps, each as `billing.importing.working` takes it."""
    from activities import clock
    from billing.importing import asking, carrying_out, reading, rehearsing

    def check_and_carry_out() -> None:
        asking.ask_for(batch, plan=batch.plan, now=clock.now())
        carrying_out.check(batch, now=clock.now())
        carrying_out.carry_on(batch)

    return [
        ("reading", lambda: reading.read(batch)),
        ("the plan", lambda: rehearsing.plan(batch, now=clock.now())),
        ("checking it, carrying it out", check_and_carry_out),
    ]


def again() -> None:
    for _, step in steps(begin()):
        step()


def check(count: int) -> None:
    from billing.models import Subscription
    from hub.models import Grant

    if not Subscription.objects.count() == count <= Grant.objects.count() + count * 0.2:
        raise SystemExit(f"{Subscription.objects.count()} subscriptions, {Grant.objects.count()} grants")


if __name__ == "__main__":
    main()
