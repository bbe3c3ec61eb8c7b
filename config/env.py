"""The environment, typed: every setting an operator may give, read in one place.

A checkout that was told nothing of a site of its own (no `.env`, no SECRET_KEY) speaks of its demo, once there is one.
"""

import os
import sys
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

DEMO_ENVIRONMENT = BASE_DIR / "var" / "demo" / "environment"

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")
elif "SECRET_KEY" not in os.environ and DEMO_ENVIRONMENT.is_file():
    env.read_env(DEMO_ENVIRONMENT)
    print("There is no .env and no SECRET_KEY: this is about the demo in var/demo.", file=sys.stderr)

VAR_DIR = Path(env.str("FOYER_VAR", default=str(BASE_DIR / "var")))

DEBUG = env.bool("DEBUG", default=False)
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")


def listed(name: str, *, default: str = "") -> list[str]:
    """A comma-separated variable as a list of stripped, non-empty words."""
    return [word for part in env.str(name, default=default).split(",") if (word := part.strip())]
