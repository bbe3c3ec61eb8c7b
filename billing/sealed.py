"""Secrets at rest: Fernet under keys derived from ENCRYPTION_KEYS. The first seals, every one opens: keys rotate."""

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal_text(text: str) -> str:
    return _fernet().encrypt(text.encode()).decode()


def open_text(text: str) -> str:
    """The sealed text. Raises cryptography's InvalidToken when no key opens it."""
    return _fernet().decrypt(text.encode()).decode()


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(_derive(secret)) for secret in settings.ENCRYPTION_KEYS])


def _derive(secret: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=b"foyer", info=b"billing secrets")
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))
