"""One look at a subject: fetched, written down, decided, told."""
