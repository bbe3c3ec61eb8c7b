"""Stripe's webhook signature: HMAC-SHA256 of "{t}.{body}" with the endpoint's secret."""

import hashlib
import hmac
from collections.abc import Iterable


def signature_header(body: bytes, *, secrets: Iterable[str], at: int) -> str:
    """`t=…,v1=…`, one v1 for each valid secret: while a secret is being rolled both sign."""
    payload = b"%d." % at + body
    signatures = [hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={signature}" for signature in signatures)])
