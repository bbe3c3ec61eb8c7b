"""The environment of the tests, set before Django reads it. Every process has a folder of its own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from tests import postgres

folder = tempfile.mkdtemp(prefix="foyer-tests-")
atexit.register(shutil.rmtree, folder, ignore_errors=True)

os.environ.update(
    FOYER_VAR=folder,
    FOYER_CLOCK_FILE=f"{folder}/clock.json",
    FOYER_THROWAWAY_SCHEMA="1",
    SECRET_KEY="for-tests-alone-" + "x" * 40,
    SITE_URL="http://127.0.0.1:8000",
    CACHE_URL="locmemcache://",
    LOG_LEVEL="CRITICAL",
    STRIPE_TIMEOUT="3",
    STRIPE_CALLS_PER_SECOND="1000",
)
for name in ("FOYER_DEMO", "DEBUG", "STRIPE_API_BASE", "EMAIL_URL", "CELERY_BROKER_URL"):
    os.environ.pop(name, None)
if postgres.wanted():
    os.environ["DATABASE_URL"] = postgres.start(Path(folder))
