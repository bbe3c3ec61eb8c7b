"""What events tell: every object's life as a chain of lawful steps, each told in full when it happened."""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.sandboxes import Json

# What a status may become, by Stripe's descriptions of each life cycle.
LAWFUL: dict[str, dict[str, set[str]]] = {
    "subscription": {
        "incomplete": {"active", "incomplete_expired"},
        "trialing": {"active", "canceled", "past_due", "paused"},
        "active": {"canceled", "past_due", "unpaid", "trialing"},
        "past_due": {"active", "canceled", "unpaid", "trialing"},
        "unpaid": {"active", "canceled"},
        "paused": {"active", "canceled"},
    },
    "invoice": {
        "draft": {"open", "uncollectible"},
        "open": {"paid", "void", "uncollectible"},
        "uncollectible": {"paid", "void"},
    },
    "charge": {"pending": {"succeeded", "failed"}},
    "payment_intent": {
        "requires_payment_method": {"requires_action", "requires_capture", "processing", "succeeded", "canceled"},
        "requires_confirmation": {
            "requires_action",
            "requires_capture",
            "processing",
            "succeeded",
            "canceled",
            "requires_payment_method",
        },
        "requires_action": {"requires_payment_method", "requires_capture", "processing", "succeeded", "canceled"},
        "requires_capture": {"succeeded", "canceled"},
        "processing": {"requires_payment_method", "succeeded"},
    },
    "refund": {"pending": {"succeeded", "failed"}, "succeeded": {"failed"}},
    "dispute": {
        "needs_response": {"under_review", "won", "lost"},
        "under_review": {"won", "lost"},
        "lost": {"won"},
        "warning_needs_response": {"warning_under_review", "warning_closed", "needs_response"},
        "warning_under_review": {"warning_closed", "needs_response"},
    },
    "credit_note": {"issued": {"void"}},
    "checkout.session": {"open": {"complete", "expired"}},
    "subscription_schedule": {
        "not_started": {"active", "canceled", "released"},
        "active": {"canceled", "completed", "released"},
    },
    "test_helpers.test_clock": {"ready": {"advancing"}, "advancing": {"ready"}},
}
DISPUTED = {"needs_response", "warning_needs_response"}
# What the object of an event shows at that moment: a status, or whatever else must be so.
SHOWS: dict[str, Json] = {
    "charge.captured": {"status": {"succeeded"}, "captured": {True}},
    "charge.dispute.closed": {"status": {"won", "lost", "prevented", "warning_closed"}},
    "charge.dispute.created": {"status": DISPUTED},
    "charge.dispute.funds_reinstated": {"status": {"won"}},
    "charge.failed": {"status": {"failed"}, "paid": {False}},
    "charge.pending": {"status": {"pending"}, "paid": {False}},
    "charge.succeeded": {"status": {"succeeded"}, "disputed": {False}, "amount_refunded": {0}},
    "checkout.session.completed": {"status": {"complete"}},
    "checkout.session.expired": {"status": {"expired"}},
    "credit_note.created": {"status": {"issued"}},
    "credit_note.voided": {"status": {"void"}},
    "customer.subscription.created": {"status": {"incomplete", "trialing", "active"}, "ended_at": {None}},
    "customer.subscription.deleted": {"status": {"canceled", "incomplete_expired"}},
    "customer.subscription.paused": {"status": {"paused"}},
    "customer.subscription.resumed": {"status": {"active"}},
    "customer.subscription.trial_will_end": {"status": {"trialing"}},
    "invoice.created": {"status": {"draft"}, "amount_paid": {0}, "attempt_count": {0}, "number": {None}},
    "invoice.finalized": {"status": {"open"}, "amount_paid": {0}},
    "invoice.marked_uncollectible": {"status": {"uncollectible"}},
    "invoice.overdue": {"status": {"open"}},
    "invoice.paid": {"status": {"paid"}, "amount_remaining": {0}},
    "invoice.payment_action_required": {"status": {"open", "uncollectible"}},
    "invoice.payment_failed": {"status": {"open", "uncollectible"}, "attempted": {True}},
    "invoice.payment_succeeded": {"status": {"paid"}},
    "invoice.sent": {"status": {"open", "paid"}},
    "invoice.voided": {"status": {"void"}},
    "payment_intent.amount_capturable_updated": {"status": {"requires_capture"}},
    "payment_intent.canceled": {"status": {"canceled"}},
    "payment_intent.created": {"status": {"requires_payment_method"}, "latest_charge": {None}},
    "payment_intent.payment_failed": {"status": {"requires_payment_method"}, "amount_received": {0}},
    "payment_intent.processing": {"status": {"processing"}, "amount_received": {0}},
    "payment_intent.requires_action": {"status": {"requires_action"}},
    "payment_intent.succeeded": {"status": {"succeeded"}},
    "refund.created": {"status": {"pending", "succeeded"}},
    "refund.failed": {"status": {"failed"}},
    "subscription_schedule.aborted": {"status": {"canceled"}},
    "subscription_schedule.canceled": {"status": {"canceled"}},
    "subscription_schedule.completed": {"status": {"completed"}},
    "subscription_schedule.created": {"status": {"not_started", "active"}},
    "subscription_schedule.released": {"status": {"released"}},
}
# What happens to an object at most once.
ONCE = {
    "charge.captured",
    "charge.dispute.created",
    "charge.expired",
    "charge.failed",
    "charge.succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "credit_note.created",
    "credit_note.voided",
    "customer.created",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "invoice.created",
    "invoice.deleted",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.overdue",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.voided",
    "invoiceitem.created",
    "invoiceitem.deleted",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "subscription_schedule.aborted",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.created",
    "subscription_schedule.released",
}
# Kinds of which Stripe has events for everything that becomes of them.
TOLD = (
    "subscriptions",
    "invoices",
    "charges",
    "payment_intents",
    "refunds",
    "disputes",
    "credit_notes",
    "customers",
    "subscription_schedules",
    "coupons",
    "promotion_codes",
)
# Fields that change with no event about their own object.
SILENT = {
    "charge": ("customer", "disputed"),
    "coupon": ("times_redeemed", "valid"),
    "customer": ("currency", "next_invoice_sequence"),
    "payment_intent": ("amount", "customer"),
    "promotion_code": ("times_redeemed", "active"),
}
ENDED = {"auto_advance", "automatically_finalizes_at", "next_payment_attempt", "status", "status_transitions"}
TRIED = {"attempt_count", "attempted"}
CONFIRMED = {"last_payment_error", "latest_charge", "next_action", "payment_method", "status"}
# What an event that is no `….updated` may tell that no event told before. All others tell nothing new.
NEWS: dict[str, set[str]] = {
    "charge.captured": {"amount_captured", "captured"},
    "charge.dispute.closed": {"is_charge_refundable", "status"},
    "charge.expired": {"amount_refunded", "refunded"},
    "charge.failed": {"failure_code", "failure_message", "outcome", "status"},
    "charge.succeeded": {"amount_captured", "captured", "paid", "status"},
    "checkout.session.async_payment_succeeded": {"payment_status"},
    "credit_note.voided": {"status", "voided_at"},
    "customer.subscription.deleted": {"canceled_at", "cancellation_details", "ended_at", "status"},
    "invoice.finalized": {
        "automatically_finalizes_at",
        "effective_at",
        "ending_balance",
        "hosted_invoice_url",
        "invoice_pdf",
        "number",
        "status",
        "status_transitions",
    },
    "invoice.marked_uncollectible": ENDED,
    "invoice.paid": {"amount_paid", "amount_paid_off_stripe", "amount_remaining"} | ENDED | TRIED,
    "invoice.payment_action_required": TRIED,
    "invoice.payment_failed": {"next_payment_attempt"} | TRIED,
    "invoice.voided": ENDED,
    "invoice_payment.paid": {"amount_paid", "status", "status_transitions"},
    "payment_intent.amount_capturable_updated": {"amount_capturable"} | CONFIRMED,
    "payment_intent.canceled": {"amount_capturable", "canceled_at", "cancellation_reason", "next_action", "status"},
    "payment_intent.payment_failed": CONFIRMED,
    "payment_intent.processing": CONFIRMED,
    "payment_intent.requires_action": CONFIRMED,
    "payment_intent.succeeded": {"amount_capturable", "amount_received"} | CONFIRMED,
    "subscription_schedule.aborted": {"canceled_at", "current_phase", "status"},
    "subscription_schedule.canceled": {"canceled_at", "current_phase", "status"},
    "subscription_schedule.completed": {"completed_at", "current_phase", "status"},
    "subscription_schedule.released": {
        "current_phase",
        "released_at",
        "released_subscription",
        "status",
        "subscription",
    },
    "test_helpers.test_clock.advancing": {"status", "status_details"},
    "test_helpers.test_clock.ready": {"frozen_time", "status", "status_details"},
}
NOT_GONE = ("customer.subscription.deleted", "customer.discount.deleted", "customer.source.deleted")


class Lives:
    """Every object as its newest event told it."""

    def __init__(self) -> None:
        self.told: dict[str, Json] = {}
        self.heard: Counter[tuple[str, str]] = Counter()
        self.gone: set[str] = set()

    def hear(self, event: Json) -> None:
        """One step of a life: lawful, once where it can be but once, and told with what was before."""
        kind, shown = event["type"], event["data"]["object"]
        for name, values in SHOWS.get(kind, {}).items():
            assert shown[name] in values, (kind, name, shown[name])
        before = event["data"].get("previous_attributes", {})
        for name, old in before.items():
            assert shown.get(name) != old, (kind, name)
        if "id" not in shown:
            return
        known = self.told.get(shown["id"])
        assert shown["id"] not in self.gone, (kind, shown["id"])
        self.heard[shown["id"], kind] += 1
        assert kind not in ONCE or self.heard[shown["id"], kind] == 1, (kind, shown["id"])
        if known:
            check_step(kind, known, shown, before)
        self.told[shown["id"]] = shown
        if kind.endswith(".deleted") and kind not in NOT_GONE:
            self.gone.add(shown["id"])

    def check(self, rows: dict[str, list[Json]]) -> None:
        """Everything is as it was told, and what is gone is listed nowhere."""
        for path in TOLD:
            for row in rows[path]:
                assert row["id"] not in self.gone, row["id"]
                assert not (silence := untold(self.told[row["id"]], row)), (row["id"], silence)
        for session in rows["checkout/sessions"]:
            for status, kind in (("complete", "checkout.session.completed"), ("expired", "checkout.session.expired")):
                assert (session["status"] == status) == bool(self.heard[session["id"], kind])


def check_step(kind: str, known: Json, shown: Json, before: Json) -> None:
    """From what was told last to what is told now."""
    if "status" in shown and known["status"] != shown["status"]:
        moves = LAWFUL.get(shown["object"])
        assert moves is None or shown["status"] in moves.get(known["status"], ()), (kind, known["status"])
    if kind == "refund.updated" and not untold(known, shown):
        return  # told a moment ago as `charge.refund.updated`
    was = restored(shown, before)
    if "metadata" in before:  # of a key that is new, `previous_attributes` says null
        was["metadata"] = {name: value for name, value in was["metadata"].items() if value is not None}
    news = {path: pair for path, pair in untold(known, was).items() if path.split(".", 1)[0] not in NEWS.get(kind, ())}
    assert not news, (kind, news)


def untold(told: Json, is_now: Json) -> Json:
    """path → (as events told it, as it is), where they differ and Stripe has an event to tell it."""
    silent = SILENT.get(is_now["object"], ())
    return {path: pair for path, pair in differences(told, is_now) if path.split(".", 1)[0] not in silent}


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Where two values differ: dotted paths, and both values there."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            yield from differences(old.get(name), new.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{path}.{at}")
    elif old != new:
        yield path, (old, new)


def restored(shown: Any, before: Any) -> Any:
    """An object as it was before the event, by its `previous_attributes`."""
    if isinstance(shown, dict) and isinstance(before, dict):
        return {**copy.deepcopy(shown), **{name: restored(shown.get(name), old) for name, old in before.items()}}
    return before
