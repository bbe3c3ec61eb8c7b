"""Everything that has appointments with the clock or listens to payments: importing this registers it all."""

from sandbox import checkout, collecting, payments, refunds, renewing, standing, subscribing

__all__ = ["checkout", "collecting", "payments", "refunds", "renewing", "standing", "subscribing"]
