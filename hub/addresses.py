"""E-mail addresses: the one form in which they are stored and compared, and which of them are good for an account."""

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

NO_ADDRESS = "This is no e-mail address."
LONGEST = 254  # characters (RFC 5321 §4.5.3.1.3)


def normalise_email(email: str) -> str:
    """Trimmed, lower-case, nothing folded."""
    return email.strip().lower()


def usable_address(email: str | None) -> str:
    """The address as we store it; empty where it is none that an account can have."""
    address = normalise_email(email or "")
    try:
        validate_email(address)
        validate_unmistakable(address)
    except ValidationError:
        return ""
    return address if len(address) <= LONGEST and address.isprintable() else ""


def validate_unmistakable(email: str) -> None:
    """Refuses what is another address wherever case is ignored: ı is upper-cased to I, and ſ to S."""
    address = normalise_email(email)
    others = {address.casefold(), address.upper().lower(), unicodedata.normalize("NFKC", address).lower()}
    if others != {address}:
        raise ValidationError("This address can be mistaken for another one. Write it in plain letters.")
