"""A worker that kills itself at a step, without a word: `python -m tests.races.doomed STEP SUBJECT`."""

import os
import signal
import sys

import django

django.setup()

from billing.refresh import refresh  # noqa: E402
from tests.races.steps import at_step  # noqa: E402

if __name__ == "__main__":
    step, subject = sys.argv[1:]
    sys.setprofile(at_step(step, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    refresh(subject)
