"""What a site's processes hold after an hour's worth of events. `python -m benchmarks.memory [EVENTS]`

Web (2 workers of 8 threads) takes signed webhooks while a Celery worker works them off and beat rings its bells;
PostgreSQL and the sandbox are not counted.
"""

import sys
import time
from collections.abc import Iterator

import psutil

from benchmarks.ground import ground, open_shop, post_all, running, sandbox, signed, web

PORTS = (4363, 4364)
LIMIT = 250
BATCH = 1000


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with ground() as folder, sandbox(folder, port=PORTS[0]):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        connection, templates = open_shop(40)
        worker = ("celery", "-A", "config", "worker", "-c", "1", "-l", "ERROR")
        beat = ("celery", "-A", "config", "beat", "-s", str(folder / "beat"), "--pidfile=", "-l", "ERROR")
        with (
            web(folder, port=PORTS[1]) as site,
            running(*worker, log=folder / "worker.log") as drains,
            running(*beat, log=folder / "beat.log") as rings,
        ):
            secret, path = connection.webhook_secrets[0], f"/stripe/webhook/{connection.webhook_uuid}/"
            for start in range(0, events, BATCH):
                chosen = [templates[n % len(templates)] for n in range(start, start + BATCH)]
                post_all(PORTS[1], [signed(each, secret=secret, path=path) for each in chosen])
            _wait_until_worked_off()
            processes = {"web": site, "worker": drains, "beat": rings}
            held = {name: list(_megabytes(process.pid)) for name, process in processes.items()}
    for name, sizes in held.items():
        print(f"{name:7} {sum(sizes):4.0f} MB in {len(sizes)} processes: {', '.join(f'{size:.0f}' for size in sizes)}")
    largest = max(size for sizes in held.values() for size in sizes)
    print(f"largest {largest:4.0f} MB after {events} events (limit {LIMIT})")
    sys.exit(largest > LIMIT)


def _wait_until_worked_off() -> None:
    from billing.models import InboxEvent

    until = time.monotonic() + 120
    while InboxEvent.objects.filter(state=InboxEvent.State.PENDING).exists():
        if time.monotonic() > until:
            raise SystemExit("The worker did not work the inbox off.")
        time.sleep(0.5)


def _megabytes(pid: int) -> Iterator[float]:
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        yield each.memory_info().rss / 2**20


if __name__ == "__main__":
    main()
