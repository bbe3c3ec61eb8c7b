"""Everything that has appointments with the clock: importing this registers them all."""

from sandbox import changing, checkout, customers, invoicing, payments, portal, refunds, subscribing

__all__ = ["changing", "checkout", "customers", "invoicing", "payments", "portal", "refunds", "subscribing"]
