"""Object ids in Stripe's forms, the same on every run with the same seed."""

import hashlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TO_LETTERS = bytes(ord(ALPHABET[byte % 62]) for byte in range(256))
# Lengths after the prefix. Stripe's ids are opaque; the lengths only make ours look familiar.
SHORT = {"cus", "prod", "si", "req", "sub_sched"}
LONG = {"cs_test": 58, "bps": 24, "whsec": 32}


class IdMaker:
    """Deterministic: the n-th id of a seed is always the same, so that a failing run can be repeated."""

    def __init__(self, seed: int, *, count: int = 0) -> None:
        self.seed = seed
        self.count = count

    def make(self, prefix: str) -> str:
        length = LONG.get(prefix, 14 if prefix in SHORT else 24)
        return f"{prefix}_{self.letters(length)}"

    def letters(self, length: int) -> str:
        self.count += 1
        digest = hashlib.blake2b(f"{self.seed}:{self.count}".encode()).digest()
        return digest.translate(TO_LETTERS)[:length].decode()
