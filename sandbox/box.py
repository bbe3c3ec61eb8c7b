"""The running sandbox: its accounts, one lock around all state, the store, the post, and what it has seen."""

import json
import os
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.account import Account
from sandbox.accounts import Accounts
from sandbox.chaos import Chaos
from sandbox.deliveries import Post
from sandbox.events import Event
from sandbox.expansion import show
from sandbox.listening import Listeners
from sandbox.passing import Passing
from sandbox.store import Store
from sandbox.types import Obj

DEMO_KEY = "sk_test_foyer_demo"


@dataclass
class Options:
    """Read from the environment that `python -m sandbox serve` sets."""

    state: str = ":memory:"
    seed: int = 1
    key: str = DEMO_KEY
    clock_file: str = ""
    mail: str = ""
    exchanges: str = ""
    behind: int = 0  # seconds by which a new account's clock starts in the past
    freeze: int | None = None  # epoch at which time stands still until it is moved
    allow_hosts: list[str] = field(default_factory=list)

    @classmethod
    def from_environment(cls) -> "Options":
        env = os.environ
        return cls(
            state=env.get("SANDBOX_STATE", ":memory:"),
            seed=int(env.get("SANDBOX_SEED", "1")),
            key=env.get("SANDBOX_KEY", DEMO_KEY),
            clock_file=env.get("SANDBOX_CLOCK_FILE", ""),
            mail=env.get("SANDBOX_MAIL", ""),
            exchanges=env.get("SANDBOX_EXCHANGES", ""),
            behind=int(env.get("SANDBOX_BEHIND", "0")),
            freeze=int(env["SANDBOX_FREEZE"]) if env.get("SANDBOX_FREEZE") else None,
            allow_hosts=[host for host in env.get("SANDBOX_ALLOW_HOSTS", "").split(",") if host],
        )


class Box:
    """Everything is read and changed under `lock`; deliveries talk to the outside without it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.chaos = Chaos(seed=options.seed)
        self.listeners = Listeners(seed=options.seed)
        self.post = Post(
            lock=self.lock,
            chaos=self.chaos,
            save=self.save,
            listeners=self.listeners,
            allowed_hosts=options.allow_hosts,
        )
        self.store = Store(options.state)
        self.log: deque[Obj] = deque(maxlen=10_000)
        self.counts: Counter[str] = Counter()
        self.exchanges: list[str] = []
        self.passing = Passing(self)
        self.accounts = Accounts(key=options.key, seed=options.seed, prepare=self.prepare)
        self.restore()

    def prepare(self, account: Account) -> None:
        """Connect a new account to the world, and let its time begin."""
        account.listener = self.hear
        account.renderer = show
        account.wake = self.passing.wake.set
        account.main.frozen = self.options.freeze
        if self.options.behind:
            account.main.offset, account.main.latest = -self.options.behind, 0

    def restore(self) -> None:
        """Everything as the store has kept it."""
        meta = self.store.meta()
        self.accounts.restore(meta.get("accounts", {}))
        for account in self.accounts:
            account.restore(self.store.load(account.id), meta)
            self.post.restore(account)

    @property
    def account(self) -> Account:
        """The account that the hosted pages and the control API mean unless told otherwise."""
        return self.accounts.first

    def start(self) -> None:
        """Begin delivering and ticking. Called once, in the process that serves."""
        from sandbox import engine  # noqa: F401 - registers what happens when something is due

        self.post.start()
        self.passing.start()

    def hear(self, account: Account, event: Event) -> None:
        self.post.offer(account, event)
        if self.options.exchanges:
            self.record({"event": event.as_json()})

    def save(self, *, settings: bool = False) -> None:
        """Write what changed since the last call, in one transaction; `settings`: the clock or settings did."""
        for account in self.accounts:
            rows, gone = account.take_unsaved()
            for table in account.tables.values():
                table.tidy()
            if rows or gone or settings:
                meta = {**account.meta(), **self.accounts.as_json()} if settings else account.meta()
                self.store.write(rows, gone=gone, meta=meta)

    def tell_clock(self) -> None:
        """Let the product share our time: {"offset": seconds}, replaced atomically."""
        if not self.options.clock_file:
            return
        path = Path(self.options.clock_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(path.suffix + ".new")
        fresh.write_text(json.dumps({"offset": self.account.main.ahead}))
        fresh.replace(path)

    def reset(self) -> None:
        """Back to one empty account with its own key."""
        self.store.clear()
        self.accounts.clear()
        self.post.log.clear()
        self.post.queue.clear()
        self.chaos.configure({"deliveries": {}, "answers": [], "latency": 0})
        self.clear_log()
        self.exchanges.clear()
        self.tell_clock()

    # What was asked of us

    def note_request(self, entry: Obj) -> None:
        self.log.append(entry)
        self.counts[f"{entry['method']} {entry['route']}"] += 1

    def clear_log(self) -> None:
        self.log.clear()
        self.counts.clear()

    def record(self, exchange: Obj, *, response: str = "") -> None:
        """Keep one exchange for the check against Stripe's OpenAPI document; `response` is JSON text already."""
        line = json.dumps(exchange, separators=(",", ":"))
        if response:
            line = f'{line[:-1]},"response":{response}}}'
        self.exchanges.append(line)
        if self.options.exchanges not in ("", "-"):
            with Path(self.options.exchanges).open("a") as out:
                out.write(line + "\n")


@cache
def box() -> Box:
    """The one sandbox of this process."""
    return Box(Options.from_environment())


def refuse_live_keys(values: Iterable[str | Any]) -> None:
    """A sandbox beside a live key is an accident waiting: do not start."""
    if any(name in str(value) for value in values for name in ("sk_live_", "rk_live_")):
        raise SystemExit("The sandbox does not start where a live Stripe key is set.")
