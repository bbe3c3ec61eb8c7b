from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key


def read_or_make_secret_key(folder: Path, *, allowed: bool) -> str:
    """The secret key kept in `folder` for sites that were given none. Production must be given one."""
    if not allowed:
        raise ImproperlyConfigured("Set SECRET_KEY in the environment: see .env.example.")
    path = folder / "secret_key"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()
