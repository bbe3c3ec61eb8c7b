"""The owner's knobs in plain words: what each does, what it can be set to, and what it is unless changed."""

from dataclasses import dataclass, fields
from typing import Any

from billing.rules.policy import Policy

DEFAULTS: dict[str, Any] = {knob.name: knob.default for knob in fields(Policy) if knob.name != "version"}
PERCENT = "order_partial_refund_percent"


@dataclass(frozen=True, slots=True)
class Knob:
    """`choices` are values with their words; a knob without any is a whole number from `least` to `most`."""

    name: str
    label: str
    does: str
    choices: tuple[tuple[Any, str], ...] = ()
    least: int = 0
    most: int = 0

    def say(self, value: Any) -> str:
        """A value in words."""
        if self.choices:
            return str(dict(self.choices).get(value, value))
        if self.name == PERCENT:
            return "never" if value is None else f"from {value} %"
        return f"{value} day{'' if value == 1 else 's'}"


SUBSCRIPTIONS = (
    Knob(
        "trial_access",
        "Free trials",
        "Whether a subscription opens the product while its trial runs.",
        ((True, "A trial opens it"), (False, "It opens when the trial is over and paid")),
    ),
    Knob(
        "past_due_policy",
        "When a renewal is not paid",
        "How long access is kept while Stripe tries the card again.",
        (
            ("grace_days", "Keep access for the days of grace below"),
            ("until_stripe_gives_up", "Keep access until Stripe gives up"),
            ("none", "Close at once"),
        ),
    ),
    Knob("past_due_grace_days", "Days of grace", "Counted from the day the unpaid invoice was due.", most=60),
    Knob(
        "paused_collection_access",
        "When you pause collecting payments",
        "What a subscription opens while you have told Stripe not to charge for it.",
        (("keep", "Keep access: it is free for the time"), ("suspend", "Close until payments go on")),
    ),
    Knob(
        "require_first_payment",
        "Bank debits that take days",
        "Stripe may call a subscription active before its first payment has arrived.",
        ((False, "Open at once"), (True, "Open when the first payment has arrived")),
    ),
    Knob(
        "immediate_cancel",
        "When a subscription is ended at once",
        "For cancellations that do not wait for the end of the period, as you can make them in Stripe.",
        (("end_now", "Close at once"), ("end_of_paid_period", "Keep access for the time that was paid")),
    ),
    Knob(
        "sub_full_refund",
        "When a subscription’s last payment is refunded",
        "A refund alone does not end a subscription at Stripe.",
        (("ignore", "Keep access while the subscription lives"), ("revoke", "Close")),
    ),
)
ORDERS = (
    Knob(
        "order_full_refund",
        "When a one-time purchase is refunded in full",
        "Money back, and the product with it or not.",
        (("revoke", "Close"), ("ignore", "Keep access")),
    ),
    Knob(
        PERCENT,
        "Partial refunds that close a purchase",
        "In per cent of the price; from there on it closes. Orders of several products are put before you instead.",
        least=1,
        most=100,
    ),
)
DISPUTES = (
    Knob(
        "dispute_policy",
        "When a payment is disputed at the bank",
        "Inquiries never close anything.",
        (
            ("revoke_on_lost", "Close when the dispute is lost"),
            ("suspend_on_open", "Close while it is open, and when it is lost"),
            ("ignore", "Keep access"),
        ),
    ),
    Knob(
        "restore_on_won",
        "When you win a dispute",
        "Banks sometimes change their mind, even after a loss.",
        ((True, "Open again"), (False, "Leave it closed")),
    ),
)
GROUPS = (("Subscriptions", SUBSCRIPTIONS), ("One-time purchases", ORDERS), ("Disputes", DISPUTES))
KNOBS = {knob.name: knob for _, knobs in GROUPS for knob in knobs}


def say_differences(before: dict[str, Any], after: dict[str, Any], *, unset: str = "") -> list[str]:
    """ "Days of grace: 14 days → 7 days", for each knob that changes. `unset` is said where one is not set."""
    return [
        f"{knob.label}: {_say(knob, before, unset)} → {_say(knob, after, unset)}"
        for knob in KNOBS.values()
        if (knob.name in before, before.get(knob.name)) != (knob.name in after, after.get(knob.name))
    ]


def _say(knob: Knob, knobs: dict[str, Any], unset: str) -> str:
    return knob.say(knobs[knob.name]) if knob.name in knobs else unset
