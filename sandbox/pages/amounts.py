"""Amounts as people type them, in a currency's major unit."""

from decimal import Decimal, InvalidOperation

from sandbox.currencies import digits_of


def read_amount(text: str, *, currency: str) -> int:
    """Minor units of an amount written in the currency's major unit. Raises ValueError in plain words."""
    try:
        minor = Decimal(text.strip().replace(",", ".")) * 10 ** digits_of(currency)
        amount = int(minor)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError("Write an amount, such as 12.50.") from None
    if amount != minor or amount <= 0:
        raise ValueError("Write an amount above zero, in whole minor units.")
    return amount


def write_amount(amount: int, *, currency: str) -> str:
    """An amount in its major unit, as ``read_amount`` reads it."""
    digits = digits_of(currency)
    return f"{Decimal(amount) / 10**digits:.{digits}f}"
