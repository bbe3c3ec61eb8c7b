from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured


def refuse_live_key(key: str, *, toys: Mapping[str, object]) -> None:
    """Stops the start of a site that would bill real cards while one of these settings makes it a toy."""
    found = [name for name, given in toys.items() if given]
    if found and "_live_" in key:
        raise ImproperlyConfigured(f"FOYER_STRIPE_KEY is a live key: take a test key, or unset {', '.join(found)}.")
