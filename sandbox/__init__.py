"""A Stripe account in a box: a process of its own that speaks Stripe's HTTP. The product never imports it."""
