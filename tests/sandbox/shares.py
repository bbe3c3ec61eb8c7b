"""What discounts take off bills, line by line, and what of it goes with a credit note: worked out anew."""

from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

from tests.sandbox.looking import Rows
from tests.sandboxes import Json

Coupons = dict[str, Json]  # by the discount that was made of it


def check_shares(rows: Rows, *, coupons: Coupons) -> None:
    """Of every bill, and of every note that was issued for it."""
    notes: dict[str, list[Json]] = defaultdict(list)
    for note in rows["credit_notes"]:
        notes[note["invoice"]].append(note)
    for invoice in rows["invoices"]:
        check_discounted(invoice, coupons=coupons)
        check_discounts_credited(invoice, notes[invoice["id"]])


def check_discounted(invoice: Json, *, coupons: Coupons) -> None:
    """A line's own discounts come first, then those of the bill, each off what the ones before have left."""
    counted = [part["discount"] for part in invoice["total_discount_amounts"]]
    lines = [line for line in invoice["lines"]["data"] if line["discountable"]]
    left = {line["id"]: max(0, line["amount"]) for line in lines}
    seen: Counter[str] = Counter()
    of_lines = [(discount, [line]) for line in lines for discount in line["discounts"]]
    for discount, covered in of_lines + [(discount, lines) for discount in invoice["discounts"]]:
        if discount not in counted:
            continue  # over, or used up by an earlier bill
        bases = [left[line["id"]] for line in covered]
        parts = [part_off(line, discount) for line in covered]
        check_parts(coupons[discount], parts, bases, where=invoice["id"])
        for line, part in zip(covered, parts, strict=True):
            left[line["id"]] -= part
            seen[discount] += part
    assert {part["discount"]: part["amount"] for part in invoice["total_discount_amounts"]} == {
        discount: seen[discount] for discount in counted
    }, invoice["id"]


def part_off(line: Json, discount: str) -> int:
    return sum(part["amount"] for part in line["discount_amounts"] if part["discount"] == discount)


def check_parts(coupon: Json, parts: list[int], bases: list[int], *, where: str) -> None:
    """A percentage is that share of each line; an amount is given whole, in proportion, as far as there is to take."""
    if coupon["percent_off"] is not None:
        percent = Decimal(str(coupon["percent_off"]))
        assert parts == [share(base * percent / 100) for base in bases], where
        return
    whole = min(coupon["amount_off"], sum(bases))
    assert sum(parts) == whole, where
    for part, base in zip(parts, bases, strict=True):
        assert part <= base and abs(part * sum(bases) - whole * base) < max(1, sum(bases)), where


def check_discounts_credited(invoice: Json, notes: list[Json]) -> None:
    """No line gives back more than it took, and of each discount the part that goes with it; what takes the discounts
    of the whole bill off a note is no part of its subtotal."""
    lines = {line["id"]: line for line in invoice["lines"]["data"]}
    credited: Counter[str] = Counter()
    off: Counter[tuple[str, str]] = Counter()
    for note in notes:
        shared = 0
        for row in note["lines"]["data"]:
            if row["type"] != "invoice_line_item":
                continue
            source = lines[row["invoice_line_item"]]
            shared += sum(
                part["amount"] for part in row["discount_amounts"] if part["discount"] not in source["discounts"]
            )
            if note["status"] == "issued":
                credited[source["id"]] += row["amount"]
                off.update({(source["id"], part["discount"]): part["amount"] for part in row["discount_amounts"]})
        assert note["subtotal"] == note["total"] + shared, note["id"]
    loose = sum(note["status"] != "issued" for note in notes)  # who takes a note back takes its rounding along
    for line in lines.values():
        assert 0 <= abs(credited[line["id"]]) <= abs(line["amount"])
        for part in line["discount_amounts"]:
            due = share(Decimal(part["amount"] * credited[line["id"]]) / line["amount"])
            slack = 0 if credited[line["id"]] == line["amount"] else loose
            assert abs(off[line["id"], part["discount"]] - due) <= slack, (line["id"], part)
    assert {key for key, amount in off.items() if amount} <= {
        (line["id"], part["discount"]) for line in lines.values() for part in line["discount_amounts"]
    }


def share(amount: Decimal) -> int:
    """Half a unit up."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
