"""Workers that kill themselves at a step, without a word.

Reads "STEP SUBJECT" lines, forks a worker for each (Python and Django are read once), and writes how it ended.
"""

import os
import signal
import sys

import django

django.setup()

from billing.refreshing.refresh import refresh  # noqa: E402
from tests.races.steps import at_step  # noqa: E402


def work(step: str, subject: str) -> None:
    sys.setprofile(at_step(step, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    refresh(subject)


if __name__ == "__main__":
    for line in sys.stdin:
        worker = os.fork()
        if worker == 0:
            work(*line.split())
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]), flush=True)
