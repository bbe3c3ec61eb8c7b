"""Counting what is asked of Stripe."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.sandboxes import Sandbox


@contextmanager
def counted(sandbox: Sandbox, *, at_most: int) -> Iterator[None]:
    """Fails when more calls are made to Stripe."""
    sandbox.forget_calls()
    yield
    calls = [f"{call['method']} {call['path']}" for call in sandbox.calls()]
    assert len(calls) <= at_most, "\n".join(calls)
