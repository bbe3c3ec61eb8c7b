"""Where the demo lives: its folder, its two addresses, and the environment of its processes."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk_test_foyer_demo"


@dataclass(frozen=True, slots=True)
class Place:
    port: int
    folder: Path = Path(os.environ.get("FOYER_DEMO_DIR") or ROOT / "var") / "demo"

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def mailbox(self) -> str:
        return f"{self.sandbox}/sandbox/mail/"

    @property
    def clock_file(self) -> Path:
        return self.folder / "clock.json"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def shop(self) -> Path:
        """What the seeding left to tell; its being there says that the month of history is complete."""
        return self.folder / "shop.json"

    @property
    def handover(self) -> Path:
        """Addresses, key and products of the running demo, for scripts."""
        return self.folder.parent / "demo.json"

    @property
    def note(self) -> Path:
        """The environment as a file, so that a plain manage.py speaks of the demo (see config.env)."""
        return self.folder / "environment"

    def environment(self) -> dict[str, str]:
        """For the demo's processes: the caller's variables, with `settings` over them."""
        return os.environ | self.settings() | {"LOG_LEVEL": "INFO", "PYTHONUNBUFFERED": "1"}

    def settings(self) -> dict[str, str]:
        """Everything is named, so that neither the caller's variables nor a .env of a real site reach the demo."""
        return {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "FOYER_DEMO": "1",
            "FOYER_THROWAWAY_SCHEMA": "1",
            "FOYER_VAR": str(self.folder),
            "FOYER_CLOCK_FILE": str(self.clock_file),
            "FOYER_STRIPE_KEY": "",
            "STRIPE_API_BASE": self.sandbox,
            "STRIPE_CALLS_PER_SECOND": "200",
            "SITE_URL": self.site,
            "ALLOWED_HOSTS": "",
            "DEBUG": "0",
            "SECRET_KEY": "",
            "ENCRYPTION_KEYS": "",
            "DATABASE_URL": "",
            "CACHE_URL": f"filecache://{self.folder / 'cache'}",
            "CELERY_BROKER_URL": "folder://",
            "EMAIL_URL": "",
            "FROM_EMAIL": "Hillside Pottery <studio@example.com>",
            "STATIC_ROOT": str(self.folder / "static"),
            "TRUSTED_PROXIES": "0",
            "SWEEP_SECONDS": "5",
            "LOG_LEVEL": "WARNING",
        }
