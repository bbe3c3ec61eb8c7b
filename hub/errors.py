class Refused(Exception):
    """A rule of the house forbids it: in words for who asked; nothing was changed."""
