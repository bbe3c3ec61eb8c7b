"""How fast everything is compared with Stripe, beside the bare lists. `python -m benchmarks.passes [SUBSCRIBERS]`

Seeded subscribers (5000) are imported; then the full pass and `verify` compare them all, where nothing has changed, and
where a share of them has and the pass mends it. The limit is what listing the same objects takes, page after page,
with nothing done with them. The sandbox and PostgreSQL share the machine's processors with the pass.
"""

import io
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from benchmarks.ground import KEY, ground, sandbox

PORT = 4366
CHANGED = 0.01


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with ground() as folder, sandbox(folder, port=PORT) as url:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        gateway = linked_site(url, count=count)
        bring_everybody()
        from billing.intake.draining import drain
        from billing.sweeping import reconcile

        bare = timed("bare lists", count, lambda: list_everything(gateway))
        quiet = timed("full pass, nothing changed", count, reconcile.full_pass)
        timed("verify, nothing changed", count, verify, memory=True)
        change_some(count)
        timed(f"full pass, {CHANGED:.0%} changed", count, lambda: reconcile.full_pass(confirmed=True))
        timed("mending them", round(count * CHANGED), drain)
        print(f"the full pass takes {quiet / bare:.1f} times as long as the bare lists")


def timed(name: str, count: int, work: Callable[[], Any], *, memory: bool = False) -> float:
    """The seconds it took."""
    from django.db import connection

    statements = 0

    def count_it(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*args)

    if memory:
        tracemalloc.start()
        work()
        peak = f", at most {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MB more"
        tracemalloc.stop()
    else:
        peak = ""
    started, busy = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(count_it):
        work()
    took, busy = time.perf_counter() - started, time.process_time() - busy
    print(
        f"{name:30} {count / took:7.0f} customers/s {busy / count * 1000:7.2f} ms of our processor each,"
        f" {statements / count:6.2f} statements each{peak}",
        flush=True,
    )
    return took


def linked_site(url: str, *, count: int) -> Any:
    """A connected site, with the membership linked that so many subscribers were seeded for. Returns its gateway."""
    import json
    import urllib.request

    from activities import clock
    from billing.connection import connect
    from billing.gateway import gateway_for
    from billing.shop.linking import link
    from hub.models import Product

    request = urllib.request.Request(
        f"{url}/sandbox/seed",
        data=json.dumps({"subscribers": count, "seed": 1}).encode(),
        headers={"content-type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=600).read()
    connection = connect(KEY, actor=None, now=clock.now())
    gateway = gateway_for(connection)
    club = Product.objects.create(name="Club", slug="club", is_live=True, purchase=Product.Purchase.CHECKOUT)
    seeded = next(found for found in gateway.product_page()[0] if found["name"] == "Seeded membership")
    prices = [price["id"] for price in gateway.prices_of(seeded["id"])]
    link(club, stripe_product=seeded["id"], prices=prices, actor=None)
    return gateway


def bring_everybody() -> None:
    from django.core.management import call_command

    from billing.models import ImportBatch

    call_command("import_subscribers", "--dry-run", stdout=io.StringIO())
    call_command("import_subscribers", "--apply", ImportBatch.objects.get().plan, stdout=io.StringIO())


def list_everything(gateway: Any) -> None:
    """What a full pass has to ask, one page after the other."""
    for page_of in (gateway.subscription_page, gateway.session_page):
        after, more = "", True
        while more:
            page, more = page_of(after=after)
            after = page[-1]["id"] if page else ""
    for pages in ("open_invoice", "refund", "dispute", "billed_invoice_item"):
        for _ in getattr(gateway, f"{pages}_pages")():
            pass


def verify() -> None:
    from django.core.management import call_command

    with suppress(SystemExit):
        call_command("verify", stdout=io.StringIO())


def change_some(count: int) -> None:
    """Some grants end too early, as if a renewal had never been told."""
    from datetime import timedelta

    from django.db.models import F

    from hub.models import Grant

    some = Grant.objects.filter(source_ref__startswith="sub_", ends_at__isnull=False, state="active").order_by("pk")
    ids = list(some.values_list("pk", flat=True)[: round(count * CHANGED)])
    Grant.objects.filter(pk__in=ids).update(ends_at=F("ends_at") - timedelta(days=1))


if __name__ == "__main__":
    main()
