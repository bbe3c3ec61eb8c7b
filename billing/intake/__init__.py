"""What Stripe tells us, kept before it is understood, and worked off."""
