"""Connecting a Stripe account: what its key may do, and the endpoint to which Stripe sends its events."""
