"""Stripe's keys and signing secrets, sealed."""

from hub.sealing import seal, unseal

PURPOSE = "billing secrets"


def seal_text(text: str) -> str:
    return seal(text, purpose=PURPOSE)


def open_text(text: str) -> str:
    """The sealed text. Raises cryptography's InvalidToken when no key opens it."""
    return unseal(text, purpose=PURPOSE)
