"""A file of people, however a spreadsheet wrote it: each line is taken, or says what is wrong with it."""

import pytest

from activities import spreadsheet
from hub.batches import reading
from hub.batches.reading import Line, Unreadable, read_people, unread_columns
from hub.models import Product
from tests import cast


@pytest.fixture
def products(db: None) -> list[Product]:
    return [
        cast.ProductFactory(name="The Wheel", slug="wheel"),
        cast.ProductFactory(name="Slip, and Line", slug="slip"),
        cast.ProductFactory(name="Twin", slug="twin-1"),
        cast.ProductFactory(name="Twin", slug="twin-2"),
    ]


def taken(lines: list[Line]) -> list[tuple[str, str]]:
    return [(line.email, line.name) for line in lines if not line.problem]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_whatever_wrote_it_the_same_people_are_in_it(
    products: list[Product], encoding: str, delimiter: str, end: str
) -> None:
    rows = [
        ["E-Mail", "Full name"],
        ["Zoë@Example.ORG".replace("ë", "e"), "Zoë Müller"],
        ["", ""],
        ["bo@example.org", "Bo"],
    ]
    data = end.join(delimiter.join(row) for row in rows).encode(encoding)
    assert taken(read_people(data, products=products)) == [("zoe@example.org", "Zoë Müller"), ("bo@example.org", "Bo")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "There is no e-mail address."),
        ("nobody", "This is no e-mail address."),
        ("ada@example", "This is no e-mail address."),
        (
            "adı@example.org",
            "The e-mail address has letters that can be mistaken for others. Write it in plain letters.",
        ),
        (f"{'a' * 250}@example.org", "The e-mail address is too long."),
        ("ADA@example.org", "The same address stands in line 2."),
        ("ada@example.org ", "The same address stands in line 2."),
    ],
)
def test_an_address_that_is_none_says_why(products: list[Product], line: str, problem: str) -> None:
    lines = read_people(f"email,name\nada@example.org,Ada\n{line},x\n".encode(), products=products)
    assert [(found.number, found.problem) for found in lines] == [(2, ""), (3, problem)]


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "@SUM(A1)", "+1", "'=1+1"])
def test_a_name_that_is_a_formula_is_a_name_and_leaves_as_none(products: list[Product], name: str) -> None:
    (line,) = read_people(f"email,name\nada@example.org,{name}\n".encode(), products=products)
    assert (line.name, line.problem) == (name.removeprefix("'"), "")
    written = b"".join(spreadsheet.lines(["E-mail", "Name"], [[line.email, line.name]]))
    assert f'"\'{line.name}"' in written.decode()
    (again,) = read_people(written, products=products)
    assert again.name == line.name


def test_only_a_line_that_is_taken_keeps_another_with_its_address_out(products: list[Product]) -> None:
    data = b"email,products\nada@example.org,Kiln\nada@example.org,wheel\nada@example.org,wheel\n"
    assert [line.problem for line in read_people(data, products=products)] == [
        "There is no product called Kiln.",
        "",
        "The same address stands in line 3.",
    ]


def test_products_are_named_in_a_column_by_name_or_by_their_part_of_the_address(products: list[Product]) -> None:
    wheel, slip, *_twins = (product.pk for product in products)
    data = (
        'email,products\na@example.org,the wheel\nb@example.org,"Slip, and Line"\nc@example.org,wheel | slip\n'
        "d@example.org,Kiln\ne@example.org,Twin\nf@example.org,twin-2\n"
    )
    lines = read_people(data.encode(), products=products)
    assert [list(line.products) for line in lines] == [[wheel], [slip], [wheel, slip], [], [], [products[3].pk]]
    assert [line.problem for line in lines][3:5] == [
        "There is no product called Kiln.",
        "There is no product called Twin.",
    ]


def test_first_and_last_names_are_put_together(products: list[Product]) -> None:
    data = b"First name;Last name;E-mail\nAda;Lind;ada@example.org\n"
    assert taken(read_people(data, products=products)) == [("ada@example.org", "Ada Lind")]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "The file is empty."),
        (b"\n\n", "The file is empty."),
        (b"email\n", "The file has a heading, and nobody below it."),
        (b"who,what\nada@example.org,x\n", "No column is called E-mail."),
        (b"PK\x03\x04rest", "This is a spreadsheet and no CSV file."),
        (b"email\n\x00\x01\x02@example.org\n", "This is no CSV file."),
        (b"\xff\xfee", "The file's letters cannot be read."),
        (b'email,name\na@example.org,"' + b"x" * 200_000 + b'"\n', "Line 2 is no line of a CSV file."),
        (b"x" * (reading.MOST_BYTES + 1), "The file is larger than 2 MB. Split it."),
        (
            b"email\n" + b"\n".join(b"p%d@example.org" % n for n in range(10_001)),
            "The file has more than 10,000 people.",
        ),
    ],
)
def test_a_file_that_cannot_be_taken_says_why(products: list[Product], data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_people(data, products=products)


def test_ten_thousand_people_are_read(products: list[Product]) -> None:
    data = b"email\n" + b"\n".join(b"p%d@example.org" % n for n in range(10_000))
    assert len(taken(read_people(data, products=products))) == 10_000


def test_columns_that_say_nothing_here_are_named(products: list[Product]) -> None:
    data = b"E-Mail;Until;First name;;Products;Note \nada@example.org;2027-01-01;Ada;x;The Wheel;y\n"
    assert taken(read_people(data, products=products)) == [("ada@example.org", "Ada")]
    assert unread_columns(data) == ["Until", "Note"]
    assert unread_columns(b"name,email\nAda,ada@example.org\n") == []
