"""Secrets at rest: Fernet under keys derived from ENCRYPTION_KEYS. The first seals, every one opens: keys rotate."""

import base64

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(text: str, *, purpose: str) -> str:
    """`purpose` parts the keys: what is sealed for one is opened for no other."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def unseal(text: str, *, purpose: str) -> str:
    """The sealed text. Raises cryptography's InvalidToken when no key opens it."""
    return _fernet(purpose).decrypt(text.encode()).decode()


def _fernet(purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(_derive(secret, purpose)) for secret in settings.ENCRYPTION_KEYS])


def _derive(secret: str, purpose: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=b"foyer", info=purpose.encode())
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))
