"""Lessons as they are written: one file for a product.

`# …` opens a section, `## …` a page, and a line such as `12 minutes` below it says how long the page takes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

MINUTES = re.compile(r"^(\d+) minutes$")


@dataclass(frozen=True, slots=True)
class Lesson:
    section: str
    title: str
    minutes: int | None
    body: str


def read_lessons(path: Path) -> list[Lesson]:
    """The lessons of a file in their order; none where there is no file."""
    if not path.is_file():
        return []
    found: list[Lesson] = []
    section = ""
    for block in re.split(r"^(?=##? )", path.read_text(), flags=re.MULTILINE):
        heading, _, text = block.partition("\n")
        if heading.startswith("## "):
            found.append(_read_one(section, heading[3:], text.strip()))
        elif heading.startswith("# "):
            section = heading[2:].strip()
    return found


def _read_one(section: str, title: str, text: str) -> Lesson:
    first, _, rest = text.partition("\n")
    if match := MINUTES.match(first.strip()):
        return Lesson(section, title.strip(), int(match[1]), rest.strip())
    return Lesson(section, title.strip(), None, text)
