"""What is for sale at Stripe, and how it is bought and managed there."""
