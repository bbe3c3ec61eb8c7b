"""Reasons in plain words: one sentence for each code that policy, people and clocks leave on a grant."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from activities.days import last_moment

# {date} is the day the reason turns on; the second form is said where none is known.
SENTENCES: dict[str, tuple[str, str]] = {
    "active": ("The subscription is paid and renews on {date}.", "The subscription is active."),
    "active_debit": (
        "The subscription is active while its payment is on its way from the bank. It renews on {date}.",
        "The subscription is active while its payment is on its way from the bank.",
    ),
    "active_invoiced": (
        "The subscription is active, and its invoice waits to be paid. It renews on {date}.",
        "The subscription is active, and its invoice waits to be paid.",
    ),
    "active_paused": ("The subscription goes on; its payments are paused.",) * 2,
    "active_written_off": (
        "The subscription is active, though its newest invoice was written off. It renews on {date}.",
        "The subscription is active, though its newest invoice was written off.",
    ),
    "trial": ("The free trial runs until {date}.", "The free trial is running."),
    "ending": ("The subscription was cancelled and ends on {date}.", "The subscription was cancelled and is ending."),
    "canceled_paid_through": (
        "The subscription was cancelled; it is paid until {date}.",
        "The subscription was cancelled.",
    ),
    "past_due_grace": (
        "The last payment failed. Access is kept while the card is tried again, until {date} at the latest.",
        "The last payment failed. Access is kept while the card is tried again.",
    ),
    "invoice_late_grace": (
        "The last invoice was not paid in time. Access is kept until {date}.",
        "The last invoice was not paid in time. Access is kept while Stripe waits for it.",
    ),
    "bought": ("Bought; open until {date}.", "Bought, with no end."),
    "given": ("Given by hand until {date}.", "Given by hand."),
    "restored": ("Given back by hand.", "Given back by hand."),
    "held_stripe_unreachable": ("Kept open: Stripe could not be asked.", "Kept open: Stripe could not be asked."),
    "held_disconnected": ("Kept open: Stripe is disconnected.", "Kept open: Stripe is disconnected."),
    "held_not_understood": ("Kept open until somebody has looked.", "Kept open until somebody has looked."),
    "not_on_subscription": ("The subscription no longer contains it.",) * 2,
    "not_on_order": ("The purchase does not contain it.",) * 2,
    "disputed": ("The payment was disputed at the bank.",) * 2,
    "refunded": ("The payment was refunded.",) * 2,
    "partially_refunded": ("A large part of the payment was refunded.",) * 2,
    "first_payment_pending": ("The first payment has not gone through yet.",) * 2,
    "first_payment_never_made": ("The first payment was never made.",) * 2,
    "trial_not_granted": ("The trial does not include access; it opens when the trial ends.",) * 2,
    "trial_cancelled": (
        "The trial does not include access. It was cancelled, and ends on {date}.",
        "The trial does not include access. It was cancelled.",
    ),
    "collection_paused": ("Payments are paused until {date}.", "Payments are paused."),
    "awaiting_first_payment": ("The first payment has not arrived yet.",) * 2,
    "awaiting_first_invoice": ("The first invoice has not been paid yet.",) * 2,
    "past_due": ("The last payment failed.",) * 2,
    "invoice_late": ("The last invoice was not paid in time.",) * 2,
    "invoice_late_expired": (
        "The last invoice was not paid, and the days of grace were over on {date}.",
        "The last invoice was not paid, and the days of grace are over.",
    ),
    "past_due_expired": (
        "The last payment failed, and the days of grace were over on {date}.",
        "The last payment failed, and the days of grace are over.",
    ),
    "unpaid": ("The subscription’s payments failed, and Stripe gave up on them.",) * 2,
    "invoices_unpaid": ("The subscription’s invoices were not paid.",) * 2,
    "trial_ended_no_payment_method": ("The trial ended and there was no card to continue with.",) * 2,
    "trial_canceled_no_payment_method": (
        "The trial ended on {date}, there was no card to continue with, and so the subscription ended with it.",
        "The trial ended, there was no card to continue with, and so the subscription ended with it.",
    ),
    "canceled": ("The subscription ended on {date}.", "The subscription has ended."),
    "canceled_unpaid": (
        "Its payments failed, and the subscription was ended on {date}.",
        "Its payments failed, and the subscription was ended.",
    ),
    "canceled_invoice_unpaid": (
        "Its invoices were not paid, and the subscription was ended on {date}.",
        "Its invoices were not paid, and the subscription was ended.",
    ),
    "unknown_status": ("Stripe reports a status we do not know; nothing was changed.",) * 2,
    "unknown_at_stripe": ("Stripe does not know the subscription any more; nothing was changed.",) * 2,
    "payment_processing": ("The payment is still being processed.",) * 2,
    "payment_failed": ("The payment failed.",) * 2,
    "time_over": ("It was bought until {date}, and that time is over.", "The time that was bought is over."),
    "gift_over": ("It was given until {date}, and that time is over.", "The time for which it was given is over."),
    "no_word_from_stripe": ("Stripe could not tell us that it was renewed.",) * 2,
    "not_theirs": ("The payment turned out to be somebody else’s.",) * 2,
    "revoked": ("Taken back by hand.",) * 2,
    "import_undone": ("The import that brought it was undone.",) * 2,
    "deactivated": ("This account is deactivated: nobody can sign in with it.",) * 2,
    "never_had": ("Never bought, never given.",) * 2,
    "everyone": ("Open to everyone.",) * 2,
    "members": ("Open to every member.",) * 2,
}

# What a letter says to whoever loses access by it. What is not here a person foresaw, asked for, or is told by others.
LETTERS: dict[str, str] = {
    "past_due": "Your last payment failed.",
    "past_due_expired": "Your last payment failed, and the days to put that right are over.",
    "unpaid": "Your last payments failed.",
    "canceled_unpaid": "Your payments failed, and your subscription was ended on {date}.",
    "invoice_late": "Your {invoice} was not paid in time.",
    "invoice_late_expired": "Your {invoice} was not paid, and the days to put that right are over.",
    "invoices_unpaid": "Your {invoice} was not paid.",
    "canceled_invoice_unpaid": "Your {invoice} was not paid, and your subscription was ended on {date}.",
    "trial_ended_no_payment_method": "Your free trial is over, and there was no card to go on with.",
    "trial_canceled_no_payment_method": "Your free trial is over, and there was no card to go on with.",
    "canceled": "Your subscription was ended on {date}.",
    "trial_not_granted": "Your free trial does not include it any more.",
    "trial_cancelled": "Your free trial does not include it any more.",
    "collection_paused": "The payments of your subscription are paused.",
    "refunded": "Your payment was given back to you.",
    "partially_refunded": "A large part of your payment was given back to you.",
    "disputed": "Your payment was disputed at your bank.",
}
# A card brings it back; the member's account is where it is put in.
BY_CARD = frozenset({"past_due", "past_due_expired", "unpaid", "trial_ended_no_payment_method"})
# Paying the invoice does, and it is found there too.
BY_INVOICE = frozenset({"invoice_late", "invoice_late_expired", "invoices_unpaid"})
OF_INVOICES = BY_INVOICE | {"canceled_invoice_unpaid"}
# It comes back without anybody's doing.
BY_ITSELF = frozenset({"trial_not_granted"})

# Cancelled, and open to the end of what is paid. In the order of the index of what is to be watched.
ENDINGS = ("ending", "canceled_paid_through")
# Their date is an end that was known when access opened, or since it was cancelled.
WITH_AN_END = frozenset({"bought", "given", *ENDINGS})
# Their date is a renewal, and no end.
RENEWING = frozenset({"active", "active_debit", "active_invoiced", "active_paused", "active_written_off"})
# Their date lies ahead, though access is closed: when something begins or ends at Stripe.
AHEAD = frozenset({"collection_paused", "trial_cancelled"})
# What is over when the gate has closed by time, by the source of the grant.
OVER_BY_TIME = {"subscription": "no_word_from_stripe", "order": "time_over", "manual": "gift_over"}
# Their date is the day on which something begins; of every other it is the last day before an end.
BEGINNINGS = RENEWING | {"collection_paused"}


def say(reason: str, *, until: datetime | None = None) -> str:
    """The sentence for a reason code, with its date in the reader's time zone."""
    dated, plain = SENTENCES.get(reason, (reason.replace("_", " ").capitalize() + ".",) * 2)
    return dated.format(date=say_date(reason, until)) if until else plain


def say_date(reason: str, until: datetime) -> str:
    """The day that a reason turns on: of an end the last one before it."""
    return say_day(until if reason in BEGINNINGS else last_moment(until))


def say_in_letter(reason: str, *, at: datetime, invoiced_on: datetime | None = None) -> tuple[str, str]:
    """The sentence for whoever loses access at `at`, and the way back: account, pay, ask, wait, or nothing.

    `invoiced_on`: the day of the invoice that is late, where one is sent and its day is known.
    """
    invoice = f"invoice of {say_day(invoiced_on)}" if invoiced_on else "last invoice"
    return LETTERS[reason].format(date=say_date(reason, at), invoice=invoice), _way_back(reason)


def _way_back(reason: str) -> str:
    if reason in BY_CARD:
        return "account"
    if reason in BY_INVOICE:
        return "pay"
    if reason in BY_ITSELF:
        return "wait"
    return "ask" if reason == "disputed" else ""


def say_day(moment: datetime) -> str:
    """The day in words, in the reader's time zone."""
    return date_format(timezone.localtime(moment), "j F Y")


def say_moment(moment: datetime) -> str:
    """The day and the hour, in the reader's time zone."""
    return date_format(timezone.localtime(moment), "j F Y, H:i")
