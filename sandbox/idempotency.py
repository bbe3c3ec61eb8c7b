"""Idempotency keys: one request's answer, given again for a day to whoever asks the same with the same key."""

import hashlib
import time
from dataclasses import dataclass

from sandbox.account import Account
from sandbox.errors import IdempotencyMismatch
from sandbox.types import DAY, Obj

LONGEST_KEY = 255
MOST_KEYS = 20_000  # the oldest keys beyond these are forgotten before their day is over


@dataclass
class Answer:
    status: int
    body: bytes
    replayed: bool = False
    limited: str | None = None  # why the rate was limited
    retry_after: int | None = None  # seconds


def fingerprint_of(target: str, form: str) -> str:
    """What must be the same for a key to be used again."""
    return hashlib.sha256(f"{target}?{form}".encode()).hexdigest()


def claim(account: Account, key: str, fingerprint: str) -> Answer | None:
    """Take the key for a request, or give the answer that its earlier use decided. Raises IdempotencyMismatch.

    What is kept of a use: {"fingerprint", "at"} while it runs, with "status" and "body" afterwards.
    """
    if len(key) > LONGEST_KEY:
        raise IdempotencyMismatch(f"Idempotency keys can have at most {LONGEST_KEY} characters.")
    earlier = account.remembered.get(key)
    if earlier is None or earlier["at"] < time.time() - DAY:
        account.remembered.pop(key, None)
        account.remembered[key] = {"fingerprint": fingerprint, "at": int(time.time())}
        if len(account.remembered) > MOST_KEYS:
            forget(account, next(iter(account.remembered)))
        return None
    if earlier["fingerprint"] != fingerprint:
        raise IdempotencyMismatch(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
    if "status" not in earlier:
        raise in_use(key)
    return Answer(earlier["status"], earlier["body"].encode(), replayed=True)


def in_use(key: str) -> IdempotencyMismatch:
    """Stripe's 409."""
    return IdempotencyMismatch(
        f"There is currently another in-progress request using this Idempotent Key: {key}.",
        code="idempotency_key_in_use",
        status=409,
    )


def remember(account: Account, key: str | None, answer: Answer) -> None:
    """Keep the answer of a request that was executed, over restarts too."""
    if key is None:
        return
    use: Obj = account.remembered[key]
    use |= {"status": answer.status, "body": answer.body.decode()}
    account.unsaved["_key", key] = (use["at"], use)
    account.gone.discard(("_key", key))


def forget(account: Account, key: str | None) -> None:
    """Free a key: Stripe does not remember requests that never began to execute."""
    if key is None:
        return
    account.remembered.pop(key, None)
    account.unsaved.pop(("_key", key), None)
    account.gone.add(("_key", key))
