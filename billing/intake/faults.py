"""What went wrong with an event, whatever it went wrong with: what is alike is shown and worked off together."""

import re

STRIPE_ID = re.compile(r"\b[a-z]{2,6}_(?:test_|live_)?[A-Za-z0-9]{6,}\b")
LONGEST = 240  # characters


def fault_of(error: str) -> str:
    """The beginning of an error, without the ids that it names."""
    return STRIPE_ID.sub("…", error)[:LONGEST]
