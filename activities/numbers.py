"""Numbers: as they stand in addresses and forms, where anybody may write anything, and as they are said."""


def read_number(text: str) -> int | None:
    """A whole number of ASCII digits that a database can keep as a key; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def read_numbers(texts: list[str]) -> list[int] | None:
    """All of them, in their order; None where one is no number."""
    found = [number for text in texts if (number := read_number(text)) is not None]
    return found if len(found) == len(texts) else None


def write_count(count: int, *, most: int) -> str:
    """ "1,234"; "10,000+" for what was counted no further than to one more than `most`."""
    return f"{most:,}+" if count > most else f"{count:,}"
