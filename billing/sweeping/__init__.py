"""Keeping true without being told: lists beside what we know, and what is kept no longer."""
