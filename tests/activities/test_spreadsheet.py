"""What is exported stays what it is in whichever spreadsheet opens it."""

import csv
import io

import pytest

from activities import spreadsheet

ODD = ["Ada;=cmd|'/C calc'!A0", "=1+1", " =1+1", "\uff1d1+1", 'x";=1+1;"', "a\n=1+1", "@SUM(A1)", "\t=1"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("odd", ODD)
def test_no_cell_becomes_a_formula_however_the_file_is_split(odd: str, delimiter: str) -> None:
    text = b"".join(spreadsheet.lines(["Name", "Mail"], [[odd, "a@example.org"]])).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
    assert not [cell for cell in cells if cell.strip()[:1] in tuple("=+-@\uff1d")]


def test_names_and_sums_are_kept_as_they_are() -> None:
    text = b"".join(spreadsheet.lines(["Name", "Sum"], [["Zo\u00eb, Ada", "-24.00"]])).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text)))[1] == ["Zo\u00eb, Ada", "-24.00"]
