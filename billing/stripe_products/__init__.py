"""The owner's products at Stripe: looked for, made, and counted, before and while one of them is linked."""
