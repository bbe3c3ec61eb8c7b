"""Every migration as it is published, dj-stripe's too, on a new PostgreSQL: `python -m tests.migrating`.

The suite makes its tables without dj-stripe's history; this is what a first deployment does.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import postgres

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Returns the exit status of the first command that failed, else 0."""
    with tempfile.TemporaryDirectory(prefix="foyer-migrating-") as name:
        folder = Path(name)
        environment = os.environ | {
            "DATABASE_URL": postgres.start(folder),
            "FOYER_VAR": str(folder / "var"),
            "FOYER_THROWAWAY_SCHEMA": "0",
            "FOYER_DEMO": "0",
            "SECRET_KEY": "for-tests-alone-" + "x" * 40,
            "LOG_LEVEL": "ERROR",
        }
        started = time.monotonic()
        for words in (["migrate", "--verbosity", "0"], ["migrate", "--check"]):
            command = [sys.executable, "manage.py", *words]
            if status := subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
                return status
    print(f"Every migration ran on a new PostgreSQL, in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
