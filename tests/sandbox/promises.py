"""What was promised and has to come, or to come once: attempts to collect, drafts that advance, discounts."""

from collections import Counter, defaultdict

from tests.sandbox.looking import Rows
from tests.sandboxes import Json

RETRIES = 3  # the account's setting: three days on which a payment is tried again


def check_attempts(rows: Rows, *, now: int) -> None:
    """Whoever owes by a card is asked again, at a time to come, or there is a reason why not."""
    clocks = {clock["id"]: clock["frozen_time"] for clock in rows["test_helpers/test_clocks"]}
    intents = {row["id"]: row for row in rows["payment_intents"]}
    subscriptions = {row["id"]: row for row in rows["subscriptions"]}
    asked = {
        row["invoice"]: intents[row["payment"]["payment_intent"]]
        for row in rows["invoice_payments"]
        if row["status"] == "open"
    }
    for invoice in rows["invoices"]:
        today = clocks.get(invoice["test_clock"], now)
        planned, finalizes = invoice["next_payment_attempt"], invoice["automatically_finalizes_at"]
        assert planned is None or (invoice["status"] == "open" and planned > today), invoice["id"]
        assert finalizes is None or (invoice["status"] == "draft" and finalizes > today), invoice["id"]
        owner = subscriptions.get(subscription_of(invoice) or "")
        if owner and owner["status"] in ("active", "past_due") and invoice["status"] == "open":
            if owner["status"] == "active":
                assert not has_failed(invoice, asked.get(invoice["id"]), owner), owner["id"]
            assert planned or why_not_tried(invoice, asked.get(invoice["id"]), owner), (invoice["id"], owner["status"])


def has_failed(invoice: Json, intent: Json | None, owner: Json) -> bool:
    """Whether a subscription owes what its card was asked for in vain: the newest bill counts."""
    waits = owner["pending_update"] or invoice["collection_method"] != "charge_automatically"
    refused = intent and intent["status"] == "requires_payment_method" and intent["last_payment_error"]
    return bool(owner["latest_invoice"] == invoice["id"] and refused and not waits)


def why_not_tried(invoice: Json, intent: Json | None, owner: Json) -> str | None:
    """Why nobody tries to collect an open invoice of a running subscription."""
    if invoice["collection_method"] != "charge_automatically":
        return "its customer pays it"
    if owner["pending_update"] and owner["latest_invoice"] == invoice["id"]:
        return "what it pays for waits"
    if not invoice["auto_advance"]:
        return "its owner does"
    if intent and intent["status"] in ("processing", "requires_action"):
        return "the bank or the payer is asked"
    if not invoice["attempt_count"]:
        return "it was left to be confirmed"
    if invoice["attempt_count"] > RETRIES:
        return "it was tried often enough"
    return None


def check_discounts(rows: Rows, discounts: list[Json], *, coupons: dict[str, Json]) -> None:
    """`discounts`: those that events told of; `coupons`: by id, also deleted ones. What is for once is for one bill,
    what is for some months for bills of those months."""
    given = {row["id"]: row for row in discounts}
    bills: dict[str, list[Json]] = defaultdict(list)
    for invoice in rows["invoices"]:
        for part in invoice["total_discount_amounts"]:
            if part["amount"] and invoice["status_transitions"]["finalized_at"] and part["discount"] in given:
                bills[part["discount"]].append(invoice)
    for name, found in bills.items():
        coupon, end = coupons[given[name]["source"]["coupon"]], given[name]["end"]
        assert coupon["duration"] != "once" or len(found) == 1, name
        assert all(end is None or invoice["created"] < end for invoice in found), name


def check_redemptions(rows: Rows, discounts: list[Json]) -> None:
    """A code counts every discount that was given for it, and no more are than it allows; a coupon counts those of its
    codes too. `discounts`: all that were seen."""
    by_code = Counter(row["promotion_code"] for row in discounts)
    for code in rows["promotion_codes"]:
        assert by_code[code["id"]] == code["times_redeemed"] <= code["max_redemptions"], code["id"]
        assert not (code["active"] and code["times_redeemed"] == code["max_redemptions"]), code["id"]
    by_coupon = Counter(row["source"]["coupon"] for row in discounts)
    assert all(by_coupon[coupon["id"]] <= coupon["times_redeemed"] for coupon in rows["coupons"])


def subscription_of(invoice: Json) -> str | None:
    details = invoice["parent"] and invoice["parent"]["subscription_details"]
    return details["subscription"] if details else None
