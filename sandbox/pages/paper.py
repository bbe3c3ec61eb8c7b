"""A page of paper: the smallest PDF that shows an invoice's lines."""

from dataclasses import dataclass
from typing import Final

WIDTH, HEIGHT, MARGIN = 595, 842, 56  # A4, in points
LEADING: Final = 1.6
WIDE: Final = 0.556  # Helvetica's digits, in their size: amounts stand at the right by it
NARROW: Final = {" ": 0.278, ",": 0.278, ".": 0.278}


@dataclass(frozen=True)
class Line:
    """A text at the left and an amount at the right; `gap` leaves room above."""

    text: str
    amount: str = ""
    size: int = 10
    bold: bool = False
    gap: bool = False


def write_pdf(lines: list[Line]) -> bytes:
    """A PDF of as many pages as the lines need."""
    pages = [page_stream(page) for page in paginate(lines)]
    kids = " ".join(f"{5 + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        *(font(name) for name in ("Helvetica", "Helvetica-Bold")),
    ]
    for at, stream in enumerate(pages):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {6 + 2 * at} 0 R "
            "/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    return assemble(objects)


def font(name: str) -> bytes:
    return f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()


def paginate(lines: list[Line]) -> list[list[tuple[float, Line]]]:
    """Lines with their heights on the page, a list for each page."""
    pages: list[list[tuple[float, Line]]] = [[]]
    y = float(HEIGHT - MARGIN)
    for line in lines:
        step = line.size * LEADING * (2 if line.gap else 1)
        if y - step < MARGIN:
            pages.append([])
            y = float(HEIGHT - MARGIN)
        y -= step
        pages[-1].append((y, line))
    return pages


def page_stream(page: list[tuple[float, Line]]) -> bytes:
    parts = []
    for y, line in page:
        name = b"F2" if line.bold else b"F1"
        for text, x in ((line.text, float(MARGIN)), (line.amount, WIDTH - MARGIN - width_of(line))):
            if text:
                parts.append(b"BT /%s %d Tf %.1f %.1f Td (%s) Tj ET" % (name, line.size, x, y, escape(text)))
    return b"\n".join(parts)


def width_of(line: Line) -> float:
    """How wide the amount is, nearly."""
    return line.size * sum(NARROW.get(letter, WIDE) for letter in line.amount)


def escape(text: str) -> bytes:
    """A string of PDF in Windows' Latin letters; others become question marks."""
    encoded = text.replace("\N{MINUS SIGN}", "-").encode("cp1252", "replace")
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def assemble(objects: list[bytes]) -> bytes:
    """Numbered objects, the table of where they begin, and the trailer."""
    out, starts = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % start for start in starts)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
