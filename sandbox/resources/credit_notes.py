"""`/v1/credit_notes`."""

from sandbox.credit_notes import issue_credit_note, void_credit_note
from sandbox.paging import list_rows
from sandbox.rehearsing import rehearsing
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import PAGING, Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Field, Hash, Listed, Text, Timestamp, Whole, merge_metadata, needed

PREVIEW_LINES = "/v1/credit_notes/preview/lines"
LINE = Hash(
    fields={
        "amount": Whole(least=0),
        "description": Text(),
        "invoice_line_item": Text(),
        "metadata": METADATA,
        "quantity": Whole(least=1),
        "type": needed(Choice(options=("custom_line_item", "invoice_line_item"))),
        "unit_amount": Whole(least=0),
    }
)


NOTE: dict[str, Field] = {
    "amount": Whole(least=1),
    "credit_amount": Whole(least=0),
    "effective_at": Timestamp(),
    "invoice": needed(Text()),
    "lines": Listed(each=LINE, least=1),
    "memo": Text(),
    "metadata": METADATA,
    "out_of_band_amount": Whole(least=0),
    "reason": Choice(options=("duplicate", "fraudulent", "order_change", "product_unsatisfactory")),
    "refund_amount": Whole(least=0),
    "refunds": Listed(each=Hash(fields={"amount_refunded": Whole(least=1), "refund": needed(Text())})),
}


@endpoint("POST", "/v1/credit_notes", **NOTE)
def create_note(call: Call) -> Obj:
    invoice = call.account.get("invoice", call.params["invoice"], param="invoice")
    return issue_credit_note(call.account, invoice, call.params)


@endpoint("GET", "/v1/credit_notes/preview", **NOTE)
def preview_note(call: Call) -> Obj:
    """The note as it would be. What it would give back does not exist: it names the refunds that there are."""
    with rehearsing(call.account):
        note = create_note(call)
    lines = {**note["lines"], "url": f"{PREVIEW_LINES}?invoice={note['invoice']}"}
    refunds = [row for row in note["refunds"] if call.account.find("refund", row["refund"])]
    return {**note, "customer_balance_transaction": None, "lines": lines, "refunds": refunds}


@endpoint("GET", PREVIEW_LINES, **PAGING, **NOTE)
def preview_lines(call: Call) -> Obj:
    return list_rows(preview_note(call)["lines"]["data"], params=call.params, url=PREVIEW_LINES)


@endpoint("POST", "/v1/credit_notes/{id}", memo=Text(), metadata=METADATA)
def update_note(call: Call) -> Obj:
    note = call.account.get("credit_note", call.id)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(note["metadata"], changes["metadata"])
    return call.account.change(note, event="credit_note.updated", **changes)


@endpoint("POST", "/v1/credit_notes/{id}/void")
def void_note(call: Call) -> Obj:
    return void_credit_note(call.account, call.account.get("credit_note", call.id))


@endpoint("GET", "/v1/credit_notes/{id}/lines", **PAGING)
def list_lines(call: Call) -> Obj:
    note = call.account.get("credit_note", call.id)
    return list_rows(note["lines"]["data"], params=call.params, url=f"/v1/credit_notes/{call.id}/lines")


retrieve("/v1/credit_notes/{id}", "credit_note")
listing("/v1/credit_notes", "credit_note", customer=Text(), invoice=Text())
