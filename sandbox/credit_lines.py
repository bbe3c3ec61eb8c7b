"""The lines of a credit note, and the discounts that go with what they credit."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction

from sandbox.account import Account
from sandbox.errors import InvalidRequest
from sandbox.pricing import part_of, rounded
from sandbox.types import Obj, Params


def new_lines(account: Account, invoice: Obj, wish: Params) -> list[Obj]:
    """The note's lines, each of an invoice's line crediting what the notes before have left of it."""
    earlier = [line for note in issued_notes(account, invoice) for line in note["lines"]["data"]]
    lines: list[Obj] = []
    for at, wished in enumerate(wished_lines(wish)):
        source = invoice_line(invoice, wished, at=at) if wished["type"] == "invoice_line_item" else None
        before = [line for line in earlier + lines if source and line.get("invoice_line_item") == source["id"]]
        lines.append(new_line(account, wished, source=source, before=before, at=at))
    return lines


def wished_lines(wish: Params) -> list[Params]:
    """The lines asked for; a bare `amount` is one line."""
    if ("amount" in wish) == bool(wish.get("lines")):
        raise InvalidRequest("You must pass exactly one of `amount` or `lines`.", param="amount")
    if "amount" in wish:
        return [{"type": "custom_line_item", "quantity": 1, "unit_amount": wish["amount"]}]
    return list(wish["lines"])


def issued_notes(account: Account, invoice: Obj) -> list[Obj]:
    return [note for note in account.list("credit_note", invoice=invoice["id"]) if note["status"] == "issued"]


def invoice_line(invoice: Obj, wish: Params, *, at: int) -> Obj:
    for line in invoice["lines"]["data"]:
        if line["id"] == wish.get("invoice_line_item"):
            return dict(line)
    raise InvalidRequest(
        f"No such invoice line item: '{wish.get('invoice_line_item')}'",
        code="resource_missing",
        param=f"lines[{at}][invoice_line_item]",
    )


def new_line(account: Account, wish: Params, *, source: Obj | None, before: list[Obj], at: int) -> Obj:
    """`source`: the invoice's line that is credited; `before`: the lines that credited some of it already."""
    quantity = wish.get("quantity")
    if source:
        part = Fraction(quantity or 1, source["quantity"]) if quantity and source["quantity"] else Fraction(1)
        amount = wish["amount"] if "amount" in wish else part_of(source["amount"], part)
        quantity = None if "amount" in wish else quantity or source["quantity"]
        check_left(source, before=before, amount=amount, at=at)
    elif "unit_amount" in wish and quantity:
        amount = wish["unit_amount"] * quantity
    else:
        raise InvalidRequest(
            f"Missing required param: lines[{at}][{'quantity' if 'unit_amount' in wish else 'unit_amount'}].",
            code="parameter_missing",
            param=f"lines[{at}]",
        )
    discounts = discounts_credited(source, before=before, amount=amount) if source else []
    each = Decimal(amount) / quantity if quantity else None
    return {
        "id": account.ids.make("cnli"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": wish.get("description") or (source["description"] if source else None),
        "discount_amount": sum(part["amount"] for part in discounts),
        "discount_amounts": discounts,
        "livemode": False,
        "metadata": wish.get("metadata") or {},
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "tax_rates": [],
        "taxes": [],
        "type": wish["type"],
        "unit_amount": None if each is None else rounded(each),
        "unit_amount_decimal": None if each is None else f"{round(each, 12):f}",
        **({"invoice_line_item": source["id"]} if source else {}),
    }


def check_left(source: Obj, *, before: list[Obj], amount: int, at: int) -> None:
    """No more of a line is credited than it asked for."""
    whole, credited = source["amount"], sum(line["amount"] for line in before)
    if (credited + amount) * whole < 0 or abs(credited + amount) > abs(whole):
        raise InvalidRequest(
            f"The amount to credit ({amount}) is greater than what is left of the invoice line item "
            f"({whole - credited}).",
            param=f"lines[{at}][amount]",
        )


def discounts_credited(source: Obj, *, before: list[Obj], amount: int) -> list[Obj]:
    """The part of a line's discounts that goes with `amount` of it: all that is left of them with the last of it."""
    if not source["amount"]:
        return []
    upto = Fraction(sum(line["amount"] for line in before) + amount, source["amount"])
    given = Counter[str]()
    for line in before:
        given.update({part["discount"]: part["amount"] for part in line["discount_amounts"]})
    shares = [
        {"amount": part_of(part["amount"], upto) - given[part["discount"]], "discount": part["discount"]}
        for part in source["discount_amounts"]
    ]
    return [share for share in shares if share["amount"] > 0]


def shared_off(invoice: Obj, lines: list[Obj]) -> int:
    """What the lines credit of the whole invoice's discounts: a subtotal has only those of its lines taken off."""
    own = {line["id"]: line["discounts"] for line in invoice["lines"]["data"]}
    return sum(
        part["amount"]
        for line in lines
        for part in line["discount_amounts"]
        if part["discount"] not in own[line["invoice_line_item"]]
    )
