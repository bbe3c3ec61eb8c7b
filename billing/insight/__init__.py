"""What the site earns, from the subscriptions as they were last seen."""
