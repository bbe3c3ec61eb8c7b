"""The environment of a further process of the site under test."""

import os
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    config = connection.settings_dict
    host = config["HOST"] or config["OPTIONS"].get("host", "")
    user, password, name = quote(config["USER"]), quote(config["PASSWORD"]), config["NAME"]
    if host.startswith("/"):
        url = f"postgresql://{user}:{password}@/{name}?host={quote(host)}"
    else:
        url = f"postgresql://{user}:{password}@{host}:{config['PORT'] or 5432}/{name}"
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DATABASE_POOL": "2",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STRIPE_API_BASE": settings.STRIPE_API_BASE,
        "PYTHONPATH": str(ROOT),
        **more,
    }
