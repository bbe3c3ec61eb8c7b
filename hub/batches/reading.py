"""People from a spreadsheet's CSV, however it was written: each line with what is wrong with it."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hub.addresses import LONGEST, NO_ADDRESS, normalise_email, usable_address
from hub.joining import LONGEST_NAME
from hub.models import Product

MOST_BYTES = 2 * 2**20
MOST_LINES = 10_000
LONGEST_CELL = 2000  # characters
HEADINGS: dict[str, frozenset[str]] = {
    "email": frozenset({"email", "mail", "emailaddress", "mailaddress"}),
    "name": frozenset({"name", "fullname", "person", "customername"}),
    "first": frozenset({"firstname", "givenname", "first"}),
    "last": frozenset({"lastname", "surname", "familyname", "last"}),
    "products": frozenset({"product", "products", "access", "course", "courses"}),
}
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
SPLIT = re.compile(r"[;,|\n]")
FORMULA = tuple("=+-@\t\r")


class Unreadable(Exception):
    """The file as a whole cannot be taken; why, in words."""


@dataclass(frozen=True, slots=True)
class Line:
    """One person of a file. `problem` is empty where they can be added; `products` are ids of ours."""

    number: int
    email: str
    name: str = ""
    products: Sequence[int] = field(default=())
    problem: str = ""


def read_people(data: bytes, *, products: Sequence[Product]) -> list[Line]:
    """Every line of the file that says anything, in order. Raises Unreadable."""
    rows = _rows(_decode(data))
    first = next(rows, None)
    if first is None:
        raise Unreadable("The file is empty.")
    columns = _columns(first[1])
    named = _by_name(products)
    found: list[Line] = []
    seen: dict[str, int] = {}
    for number, cells in rows:
        if len(found) == MOST_LINES:
            raise Unreadable(f"The file has more than {MOST_LINES:,} people. Split it.")
        line = _line(number, cells, columns=columns, named=named, seen=seen)
        if not line.problem:
            seen[line.email] = number
        found.append(line)
    if not found:
        raise Unreadable("The file has a heading, and nobody below it.")
    return found


def unread_columns(data: bytes) -> list[str]:
    """The headings of a file that `read_people` takes whose columns it leaves out, as they stand there."""
    _number, heading = next(_rows(_decode(data)))
    read = set(_columns(heading).values())
    return [cell for place, cell in enumerate(heading) if cell and place not in read]


def check_person(email: str) -> str:
    """What is wrong with an address; empty where nothing is."""
    if not email:
        return "There is no e-mail address."
    if len(email) > LONGEST:
        return "The e-mail address is too long."
    if usable_address(email):
        return ""
    if not email.isascii() and usable_address(email.encode("ascii", "ignore").decode()):
        return "The e-mail address has letters that can be mistaken for others. Write it in plain letters."
    return NO_ADDRESS


def _decode(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 2**20} MB. Split it.")
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("This is a spreadsheet and no CSV file. Save it as CSV, then choose it again.")
    encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise Unreadable("The file's letters cannot be read. Save it as CSV in UTF-8.") from error
        text = data.decode("cp1252", "replace")  # what Excel writes where it is not asked
    if "\0" in text:
        raise Unreadable("This is no CSV file.")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that say anything, each with its number in the file."""
    heading = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [_plain(cell) for cell in cells]
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num} is no line of a CSV file.") from error


def _plain(cell: str) -> str:
    """Without the apostrophe that keeps spreadsheets from running a cell; ours write it, too."""
    cell = " ".join(cell[:LONGEST_CELL].split())
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _columns(heading: Sequence[str]) -> Mapping[str, int]:
    """Which column holds what. Raises Unreadable where none is called an e-mail address."""
    words = [re.sub(r"[^a-z]", "", cell.lower()) for cell in heading]
    columns = {
        what: place
        for what, names in HEADINGS.items()
        for place, word in reversed(list(enumerate(words)))
        if word in names
    }
    if "email" not in columns:
        raise Unreadable("No column is called E-mail. The first line has to say what the columns are.")
    return columns


def _line(
    number: int,
    cells: Sequence[str],
    *,
    columns: Mapping[str, int],
    named: Mapping[str, int],
    seen: Mapping[str, int],
) -> Line:
    def cell(what: str) -> str:
        place = columns.get(what, len(cells))
        return cells[place] if place < len(cells) else ""

    email = cell("email")
    name = cell("name") or " ".join(filter(None, (cell("first"), cell("last"))))
    wanted = _words(cell("products"), named=named)
    unknown = [word for word in wanted if word.casefold() not in named]
    address = normalise_email(email)
    problem = check_person(email)
    if not problem and address in seen:
        problem = f"The same address stands in line {seen[address]}."
    if not problem and len(name) > LONGEST_NAME:
        problem = f"The name is longer than {LONGEST_NAME} letters."
    if not problem and unknown:
        problem = f"There is no product called {unknown[0][:80]}."
    products = [] if problem else sorted({named[word.casefold()] for word in wanted})
    return Line(number, email if problem else address, name, products, problem)


def _words(cell: str, *, named: Mapping[str, int]) -> list[str]:
    """The products of a cell, whose names may have a comma in them."""
    return [cell] if cell.casefold() in named else [word.strip() for word in SPLIT.split(cell) if word.strip()]


def _by_name(products: Sequence[Product]) -> dict[str, int]:
    """Names and slugs; a name that two products share names neither."""
    named: dict[str, int] = {}
    shared: set[str] = set()
    for product in products:
        key = product.name.casefold().strip()
        shared |= {key} & named.keys()
        named[key] = product.pk
    return {key: pk for key, pk in named.items() if key not in shared} | {
        product.slug: product.pk for product in products
    }
