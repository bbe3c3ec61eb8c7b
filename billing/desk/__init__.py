"""What waits for a person of the staff, and what they need to decide it."""
