"""Everything that has appointments with the clock or listens to payments: importing this registers it all."""

from sandbox import (
    checkout,
    collecting,
    coupons,
    direct_charges,
    payments,
    pending,
    previews,
    refunds,
    renewing,
    resuming,
    schedules,
    standing,
    subscribing,
)

__all__ = [
    "checkout",
    "collecting",
    "coupons",
    "direct_charges",
    "payments",
    "pending",
    "previews",
    "refunds",
    "renewing",
    "resuming",
    "schedules",
    "standing",
    "subscribing",
]
