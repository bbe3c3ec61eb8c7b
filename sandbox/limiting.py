"""Stripe's rate limit: so many requests a second and account, the rest answered 429."""

import time
from collections import deque

from sandbox.errors import RateLimited


class Limiter:
    """Counts the requests of the last real second."""

    def __init__(self) -> None:
        self.seen: deque[float] = deque()

    def check(self, *, most: int | None) -> None:
        """Note a request. Raises Stripe's 429 for one more than `most` in a second."""
        if most is None:
            return
        now = time.monotonic()
        while self.seen and self.seen[0] <= now - 1:
            self.seen.popleft()
        if len(self.seen) >= most:
            raise RateLimited
        self.seen.append(now)
