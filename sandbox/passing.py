"""Time goes by: the tick of real time, the clock moved by hand, test clocks advanced. Always in small steps, so that
requests get their turn at the lock in between."""

import threading
import time
from typing import TYPE_CHECKING

from sandbox.account import Account
from sandbox.clock import Timeline, run_due
from sandbox.errors import NotFound
from sandbox.types import Obj

if TYPE_CHECKING:
    from sandbox.box import Box

STEP = 40  # appointments kept while others wait
PAUSE = 0.001  # real seconds in which they get the lock: an RLock is not fair by itself
TICK = 1.0


class Passing:
    """`turn` is held by whoever moves time; the box's lock only for a step."""

    def __init__(self, box: "Box") -> None:
        self.box = box
        self.turn = threading.Lock()
        self.wake = threading.Event()

    def start(self) -> None:
        with self.box.lock:
            self.box.tell_clock()
        threading.Thread(target=self.run, name="clock", daemon=True).start()

    def run(self) -> None:
        while True:
            self.wake.clear()
            self.advance_clocks()
            self.tick()
            self.wake.wait(TICK)

    def move(self, *, to: int) -> int:
        """Do everything due up to `to` in every account, each at its time, then let time go on from there. Returns how
        many appointments were kept. Not to be called with the lock held, which the steps give back."""
        with self.turn:
            done = sum(self._run_to(account, account.main, until=to) for account in list(self.box.accounts))
            with self.box.lock:
                for account in self.box.accounts:
                    account.main.reach(to)
                self.box.save(settings=True)
                self.box.tell_clock()
        return done

    def _run_to(self, account: Account, line: Timeline, *, until: int) -> int:
        done = 0
        while step := self._step(account, line, until=until):
            done += step
            time.sleep(PAUSE)
        return done

    def _step(self, account: Account, line: Timeline, *, until: int) -> int:
        """A portion of what is due; time has come as far as its last appointment."""
        with self.box.lock:
            done = run_due(account, line, until=until, limit=STEP)
            if done and (at := line.kept_at) is not None:
                line.reach(at)
            self.box.save()
        return done

    def tick(self) -> None:
        """What real time has made due."""
        if not self.turn.acquire(blocking=False):
            return  # somebody is moving the clock past it
        try:
            for account in list(self.box.accounts):
                with self.box.lock:  # looking for the next appointment drops stale ones
                    at = account.main.next_at()
                if at is not None and at <= account.main.now():
                    self._run_to(account, account.main, until=account.main.now())
        finally:
            self.turn.release()

    def advance_clocks(self) -> None:
        """Finish the test clocks that are `advancing`."""
        for account in list(self.box.accounts):
            for clock_id, line in list(account.clocks.items()):
                if line.target is not None:
                    self._run_to(account, line, until=line.target)
                    with self.box.lock:
                        arrive(account, clock_id, line)
                        self.box.save()


def arrive(account: Account, clock_id: str, line: Timeline) -> None:
    """A test clock has come where it was sent."""
    try:
        clock: Obj = account.get("test_helpers.test_clock", clock_id)
    except NotFound:
        return  # deleted on the way
    if line.target is not None:
        line.frozen, line.target = line.target, None
        account.change(clock, frozen_time=line.frozen, status="ready", status_details={})
        account.emit("test_helpers.test_clock.ready", clock)
