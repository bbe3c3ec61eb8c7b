"""docs/sandbox.md, read as tests compare it: its sections and their tables."""

from tests.sandboxes import ROOT

TEXT = (ROOT / "docs" / "sandbox.md").read_text()


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(title: str) -> list[list[str]]:
    """The cells of a section's tables, without their heads."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [
        row for at, row in enumerate(cells) if not is_rule(row) and not (at + 1 < len(cells) and is_rule(cells[at + 1]))
    ]


def is_rule(row: list[str]) -> bool:
    return set("".join(row)) <= set("-|")
