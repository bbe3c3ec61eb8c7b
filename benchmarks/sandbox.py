"""How large and how fast the sandbox is. `python -m benchmarks.sandbox [SUBSCRIBERS …]` (default 10000 100000)

A process of its own with its state in a file, asked over HTTP by one caller on one connection, who shares the
machine's processors with it. Beside the time by the clock stands the time of the sandbox's own on a processor, which
other work on the machine lengthens less. Seeding is without events. Figures of a run are in docs/sandbox.md.
"""

import base64
import http.client
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import psutil

from benchmarks.ground import KEY, Json, running, wait_for

PORT = 4365
PAGES, CALLS = 30, 2_000
EXPANSIONS = ["data.customer", "data.default_payment_method", "data.latest_invoice"]
HEADERS = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="foyer-bench-"))
    try:
        for count in [int(word) for word in sys.argv[1:]] or [10_000, 100_000]:
            measure(count, log=folder / "sandbox.log")
    finally:
        shutil.rmtree(folder)


def measure(count: int, *, log: Path) -> None:
    """Print what `count` subscribers cost, and how fast they are shown."""
    options = [
        "serve",
        "--port",
        str(PORT),
        "--state",
        str(log.with_suffix(f".{count}.sqlite3")),
        "--seed",
        "1",
        "--key",
        KEY,
    ]
    with running("sandbox", *options, log=log) as process:
        wait_for(f"http://127.0.0.1:{PORT}/sandbox/health")
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
        workers = psutil.Process(process.pid).children()
        before = spent(workers)
        seeded = ask(connection, "POST", "/sandbox/seed", json.dumps({"subscribers": count, "seed": 1}))
        print(f"{count} subscribers seeded in {seeded['seconds']} s ({spent(workers) - before:.1f} s of a processor)")
        memory = sum(worker.memory_info().rss for worker in workers)
        print(f"  memory                          {memory / 1e6:6.0f} MB")
        before = spent(workers)
        page = statistics.median(page_times(connection))
        each = (spent(workers) - before) / PAGES
        print(f"  100 subscriptions, 3 expansions {page * 1000:6.1f} ms ({each * 1000:.1f} ms of a processor)")
        before = spent(workers)
        rate = calls_a_second(connection)
        second = CALLS / (spent(workers) - before)
        print(f"  simple calls                    {rate:6.0f} /s ({second:.0f} in a second of a processor)", flush=True)
        connection.close()


def spent(workers: list[psutil.Process]) -> float:
    """Seconds that these processes have spent on a processor."""
    return sum(times.user + times.system for times in (worker.cpu_times() for worker in workers))


def page_times(connection: http.client.HTTPConnection) -> list[float]:
    """Seconds for each of PAGES pages of 100 subscriptions, one after the other."""
    times, query = [], {"limit": "100"} | {f"expand[{at}]": path for at, path in enumerate(EXPANSIONS)}
    for _ in range(PAGES):
        asked = time.perf_counter()
        page = ask(connection, "GET", f"/v1/subscriptions?{urlencode(query)}")
        times.append(time.perf_counter() - asked)
        query["starting_after"] = page["data"][-1]["id"]
    return times


def calls_a_second(connection: http.client.HTTPConnection) -> float:
    """Retrieving one customer after the other."""
    page = ask(connection, "GET", "/v1/customers?limit=100")["data"]
    started = time.perf_counter()
    for number in range(CALLS):
        ask(connection, "GET", f"/v1/customers/{page[number % len(page)]['id']}")
    return CALLS / (time.perf_counter() - started)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None) -> Json:
    connection.request(method, path, body, {**HEADERS, "Content-Type": "application/json"} if body else HEADERS)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
    shown: Json = json.loads(text)
    return shown


if __name__ == "__main__":
    main()
