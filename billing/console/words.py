"""What the owner's pages about Stripe have in common."""

AWAY = "Stripe does not answer right now. Nothing was changed; try again in a minute."
