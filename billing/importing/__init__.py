"""Bringing in who bought before Foyer: read Stripe's lists, rehearse, and apply only what was shown."""
