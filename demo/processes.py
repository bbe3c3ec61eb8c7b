"""The demo's processes: started in groups of their own, watched, and stopped together."""

import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from demo.place import ROOT, Place

PATIENCE = 60.0  # seconds that a process may take to be healthy
GRACE = 10.0  # seconds that it may take to stop
KILL_WITH_PARENT = 1  # Linux's PR_SET_PDEATHSIG


class Stopped(Exception):
    """The demo was asked to stop."""


class Died(Exception):
    """A process ended that should have gone on, or never became healthy."""


@dataclass(slots=True)
class Crew:
    """Every process of the demo. Use as a context: whatever ends it, nothing is left running."""

    place: Place
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __enter__(self) -> "Crew":
        self.place.logs.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._stop_all()

    def start(self, name: str, command: Sequence[str]) -> None:
        """`command` without the interpreter; what it says goes to logs/<name>.log."""
        with self._log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *command],
                cwd=ROOT,
                env=self.place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

    def finish(self, name: str) -> None:
        """Waits for a process that has an end of its own. Raises Died when it failed."""
        while self.running[name].poll() is None:
            self.check(but=name)
            time.sleep(0.05)
        if self.running.pop(name).returncode:
            raise Died(self._obituary(name))

    def wait_until(self, name: str, is_healthy: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not is_healthy():
            self.check()
            if time.monotonic() > deadline:
                raise Died(f"{name} did not become healthy.\n{self._last_words(name)}")
            time.sleep(0.1)

    def says(self, name: str, words: str) -> bool:
        """Whether a process has written these words."""
        return words.encode() in self._log(name).read_bytes()

    def check(self, *, but: str = "") -> None:
        """Raises Died when a process has ended."""
        for name, process in self.running.items():
            if name != but and process.poll() is not None:
                raise Died(self._obituary(name))

    def watch(self) -> None:
        """Goes on until a process dies (Died) or a signal comes (Stopped)."""
        while True:
            self.check()
            time.sleep(0.5)

    def _obituary(self, name: str) -> str:
        return f"The process “{name}” stopped unexpectedly.\n{self._last_words(name)}"

    def _last_words(self, name: str) -> str:
        log = self._log(name)
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else ["(its log is gone)"]
        return "\n".join([*(f"    {line}" for line in lines[-12:]), f"All of it: {self._log(name)}"])

    def _log(self, name: str) -> Path:
        return self.place.logs / f"{name}.log"

    def _stop_all(self) -> None:
        """Newest first, so that the site is gone before Stripe is. A group may outlive its leader."""
        everyone = list(reversed(self.running.values()))
        for process in everyone:
            _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and any(process.poll() is None for process in everyone):
            time.sleep(0.05)
        for process in everyone:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()


def answers(url: str) -> bool:
    """Whether a GET is answered with a success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _stop(*_args: object) -> None:
    raise Stopped


def _die_with_parent() -> None:
    """Runs in the child: should the demo itself be killed outright, its processes are told to stop."""
    ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGTERM)
