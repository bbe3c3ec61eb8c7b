"""Whose signature a webhook's address asks for, and whether a delivery bears it.

Every delivery needs this, and it hardly ever changes: each process keeps it for a second. A signature that fits
none of the kept secrets is held against the row as it is now before it is refused, so a new secret is good at once;
a withdrawn one, or a disconnected account's, is good for a second longer, which does no harm: an event only says
where to look.
"""

import time
from dataclasses import dataclass

import stripe
from django.utils import timezone

from billing.models import Connection

KEPT_SECONDS = 1.0
TOLERANCE = 300


@dataclass(frozen=True, slots=True)
class Signer:
    connection_id: int
    livemode: bool
    secrets: tuple[str, ...]
    read_at: float  # of the monotonic clock

    def signed(self, text: str, *, signature: str) -> bool:
        """Whether any valid secret signed this very text within the last five minutes."""
        return any(_fits(text, signature=signature, secret=secret) for secret in self.secrets)


_kept: dict[str, Signer] = {}  # only what exists is kept: guessed addresses fill no memory


def find_signer(text: str, *, signature: str, webhook_uuid: str) -> tuple[Signer | None, bool]:
    """Who the address belongs to (None: nobody), and whether they signed the text. One query, mostly none."""
    kept = _kept.get(webhook_uuid)
    if kept and time.monotonic() - kept.read_at < KEPT_SECONDS and kept.signed(text, signature=signature):
        return kept, True
    found = _read(webhook_uuid)
    return found, found is not None and found.signed(text, signature=signature)


def _read(webhook_uuid: str) -> Signer | None:
    read_at = time.monotonic()
    used = Connection.objects.filter(webhook_uuid=webhook_uuid).exclude(state=Connection.State.OFF)
    connection = used.only("livemode", "sealed_webhook_secrets", "old_secret_until").order_by().first()
    if connection is None:
        _kept.pop(webhook_uuid, None)
        return None
    found = Signer(connection.pk, connection.livemode, tuple(connection.valid_secrets(now=timezone.now())), read_at)
    _kept[webhook_uuid] = found
    return found


def _fits(text: str, *, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE)
    except stripe.SignatureVerificationError:
        return False
    return True
