"""Business time: real time plus an offset that only grows, and the queue of what is due on the way."""

import heapq
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.types import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from sandbox.account import Account

LOG = logging.getLogger(__name__)
Action = Callable[["Account", str], None]
ACTIONS: dict[str, Action] = {}
UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def due(name: str) -> Callable[[Action], Action]:
    """Register what happens to an object when its appointment `name` comes."""

    def register(action: Action) -> Action:
        ACTIONS[name] = action
        return action

    return register


def parse_span(text: str) -> int:
    """Seconds of "90", "15m", "24h", "31d" or "2w". Raises ValueError."""
    text = text.strip()
    if text and text[-1] in UNITS:
        return int(float(text[:-1]) * UNITS[text[-1]])
    return int(text)


class Timeline:
    """One flow of time. The account has one that runs; each test clock has one that stands still until advanced."""

    def __init__(self, *, frozen: int | None = None) -> None:
        self.frozen = frozen
        self.target: int | None = None  # where a test clock is on its way to
        self.clear()

    def clear(self) -> None:
        """Back to real time, nothing due."""
        self.offset = 0
        self.at: int | None = None
        self.kept_at: int | None = None  # when the last appointment was
        self.latest = 0
        self.heap: list[tuple[int, int, str, str]] = []
        self.appointments: dict[tuple[str, str], int] = {}
        self.changed: set[tuple[str, str]] = set()  # appointments that the store has not seen yet
        self.count = 0

    @property
    def ahead(self) -> int:
        """Seconds by which this flow is ahead of real time."""
        return self.offset if self.frozen is None else self.frozen - int(time.time())

    def reach(self, at: int) -> None:
        """It is `at` now, if it was earlier."""
        if self.frozen is not None:
            self.frozen = max(self.frozen, at)
        else:
            self.offset = max(self.offset, at - int(time.time()))
            self.latest = max(self.latest, at)

    def copy_time(self, other: "Timeline") -> None:
        """Show the same time as another flow."""
        self.offset, self.latest, self.frozen = other.offset, other.latest, other.frozen

    def now(self) -> int:
        """Epoch seconds. While due work runs, the time at which it is due."""
        if self.at is not None:
            return self.at
        if self.frozen is not None:
            return self.frozen
        self.latest = max(self.latest, int(time.time()) + self.offset)
        return self.latest

    def schedule(self, action: str, object_id: str, *, at: int | None) -> None:
        """Set the one appointment `action` of an object; None cancels it. Stale heap entries are skipped when met."""
        if at is None:
            if self.appointments.pop((action, object_id), None) is not None:
                self.changed.add((action, object_id))
        elif self.appointments.get((action, object_id)) != at:
            self.appointments[action, object_id] = at
            self.changed.add((action, object_id))
            self.count += 1
            heapq.heappush(self.heap, (at, self.count, action, object_id))

    def next_at(self) -> int | None:
        """When the next appointment is, or None."""
        while self.heap and self.appointments.get(self.heap[0][2:]) != self.heap[0][0]:
            heapq.heappop(self.heap)
        return self.heap[0][0] if self.heap else None

    def pop(self) -> tuple[int, str, str]:
        at, _, action, object_id = heapq.heappop(self.heap)
        del self.appointments[action, object_id]
        self.changed.add((action, object_id))
        return at, action, object_id


def run_due(account: "Account", timeline: Timeline, *, until: int, limit: int | None = None) -> int:
    """Do everything due up to `until`, in time order, each at its own time. Returns how many appointments were kept.

    One that fails is logged and over: time must go on for everything else.
    """
    done = 0
    with account.on(timeline):
        while (at := timeline.next_at()) is not None and at <= until and (limit is None or done < limit):
            at, action, object_id = timeline.pop()
            timeline.at = at
            try:
                ACTIONS[action](account, object_id)
            except Exception:
                LOG.exception("%s of %s failed", action, object_id)
            finally:
                timeline.at = None
            timeline.kept_at = at
            done += 1
    return done
