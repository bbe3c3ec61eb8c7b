"""What staff do to many people at once: a draft to look at, then person for person, and undone the same way."""
