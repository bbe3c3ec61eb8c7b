"""The owner's rules: what they are, what they decide, and who would be touched by a change."""
