"""What the closed door says: the one reason, and the one thing to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from hub.access import Explanation
from hub.invoiced import invoices_due
from hub.models import Grant, User
from hub.payments import Due, charged_for_nothing
from hub.reasons import BY_ITSELF, say_date
from hub.sale import Sale

# The step for a reason, in the order of preference; the first that is possible is the one shown.
PAY = {"past_due", "past_due_expired", "unpaid", "awaiting_first_payment", "first_payment_pending"}
INVOICES = {"invoice_late", "invoice_late_expired", "invoices_unpaid"}
ASK = {
    "disputed",
    "revoked",
    "unknown_status",
    "unknown_at_stripe",
    "no_word_from_stripe",
    "not_on_order",
    "import_undone",
    "collection_paused",
    "trial_cancelled",
}
WAIT = {"payment_processing"}
RESUME = {"trial_ended_no_payment_method", "awaiting_first_invoice"}
# What was had for a time, and can be had again.
BACK = {
    "canceled",
    "canceled_unpaid",
    "canceled_invoice_unpaid",
    "trial_canceled_no_payment_method",
    "time_over",
    "gift_over",
    "refunded",
}
UNPAID = {"payment_failed", "first_payment_never_made"}

# Reader's words where the staff's sentence would be curt. {date} is the day it ended.
WORDS: dict[str, tuple[str, str]] = {
    "never_had": ("This is not in your library yet.",) * 2,
    "past_due_expired": (
        "Your last payment failed, and your access ended on {date}. Update your card to come back.",
        "Your last payment failed, and your access ended. Update your card to come back.",
    ),
    "past_due": ("Your last payment failed. Update your card to come back.",) * 2,
    "unpaid": ("Your last payments failed. Update your card to come back.",) * 2,
    "canceled": ("Your subscription ended on {date}.", "Your subscription has ended."),
    "canceled_unpaid": (
        "Your payments failed, and your subscription was ended on {date}.",
        "Your payments failed, and your subscription was ended.",
    ),
    "canceled_invoice_unpaid": (
        "Your invoices were not paid, and your subscription was ended on {date}.",
        "Your invoices were not paid, and your subscription was ended.",
    ),
    "time_over": ("You had it until {date}, and that time is over.", "Your time with it is over."),
    "gift_over": ("You had it until {date}, and that time is over.", "Your time with it is over."),
    "no_word_from_stripe": ("Stripe has not told us that it goes on. If you have paid, it opens by itself soon.",) * 2,
    "refunded": ("Your payment was refunded, so this is closed.",) * 2,
    "revoked": ("Your access was taken back by the people who run this site.",) * 2,
    "import_undone": (
        "What you paid for elsewhere was brought here, and then taken back by the people who run this site.",
    )
    * 2,
    "payment_processing": (
        "Some ways to pay take days. This opens by itself when the money has arrived; you need not pay again.",
    )
    * 2,
    "payment_failed": ("Your payment did not arrive, and nothing more is charged. You can buy it again.",) * 2,
    "trial_ended_no_payment_method": (
        "Your free trial ended on {date}, and there was no card to go on with. Add one in your account to come back.",
        "Your free trial ended, and there was no card to go on with. Add one in your account to come back.",
    ),
    "trial_canceled_no_payment_method": (
        "Your free trial ended on {date}, there was no card to go on with, and so your subscription ended with it.",
        "Your free trial ended, there was no card to go on with, and so your subscription ended with it.",
    ),
    "collection_paused": (
        "The payments of your subscription are paused until {date}, and so is your access.",
        "The payments of your subscription are paused, and so is your access.",
    ),
    "trial_cancelled": (
        "Your free trial does not include this, and you have cancelled it for {date}.",
        "Your free trial does not include this, and you have cancelled it.",
    ),
    "trial_not_granted": ("Your free trial does not include this. It opens by itself when the trial is over.",) * 2,
    "disputed": ("The payment for this was disputed at your bank, so it is closed.",) * 2,
    "invoice_late_expired": (
        "Your last invoice was not paid, and your access ended on {date}. Pay it to come back.",
        "Your last invoice was not paid, and your access ended. Pay it to come back.",
    ),
    "invoice_late": ("Your last invoice was not paid in time. Pay it to come back.",) * 2,
    "invoices_unpaid": ("Your last invoices were not paid. Pay them to come back.",) * 2,
    "awaiting_first_invoice": ("Your first invoice is not paid yet. This opens when it is.",) * 2,
}

TITLES = {"none": "Get this", "pending": "Not open yet"}


@dataclass(frozen=True, slots=True)
class Locked:
    """`step` is sign_in, update_card, pay_invoice, resume, buy, ask, wait or nothing. `is_new`: they never had it.

    `subscription` is the one whose card is to be updated, where it is known; `invoice_url` where to pay, or to
    confirm a payment that the bank asks about.
    `is_charged`: its payments go on, though it is closed.
    """

    title: str
    sentence: str
    step: str
    is_new: bool = True
    subscription: str = ""
    invoice_url: str = ""
    is_charged: bool = False


def for_visitor(sale: Sale | None) -> Locked:
    if sale:
        return Locked("Get this", "Buy it here, or sign in if you have it already.", "buy")
    return Locked("For members", "Sign in to open this, if it is in your library.", "sign_in")


def invoices_behind(user: User, explanations: Iterable[Explanation]) -> Mapping[str, Due]:
    """The `due` of the functions below: this person's invoices, asked for only where one may be the reason."""
    return invoices_due(user) if any(explanation.reason in INVOICES | PAY for explanation in explanations) else {}


def at_the_door(user: User, explanation: Explanation, *, sale: Sale | None, support_email: str) -> Locked:
    """`for_person` with all that is known of their payments: for a page of one product."""
    due = invoices_behind(user, [explanation])
    door = for_person(explanation, due=due, sale=sale, support_email=support_email)
    had = {explanation.product.pk, *(grant.product_id for grant in explanation.grants)}
    return replace(door, is_charged=not door.is_new and bool(had & charged_for_nothing(user)))


def for_person(explanation: Explanation, *, due: Mapping[str, Due], sale: Sale | None, support_email: str) -> Locked:
    """The reason in the reader's words, and the step that can be taken now."""
    is_new = explanation.reason == "never_had"
    waits = explanation.reason in WAIT
    title = "Your payment is on its way" if waits else TITLES.get(explanation.state, "This is closed for you now")
    subscription = _subscription(explanation)
    url = due[subscription].url if subscription in due else ""
    if explanation.reason in INVOICES:
        step = "pay_invoice" if url else "ask" if support_email else "nothing"
        return Locked(title, _sentence(explanation), step, is_new, subscription, url)
    step = _step(explanation.reason, sale=sale, support_email=support_email)
    return Locked(title, _sentence(explanation), step, is_new, subscription, url if step == "update_card" else "")


def in_short(explanation: Explanation, *, sale: Sale | None) -> str:
    """What a tile says in the place of the price; empty where the price is what there is to say."""
    if explanation.state == "pending":
        return "Payment on its way" if explanation.reason in WAIT else "Waiting for your first payment"
    if explanation.reason in INVOICES:
        return "Pay your invoice to come back"
    if explanation.reason in PAY:
        return "Update your card to come back"
    if explanation.reason in RESUME:
        return "Add a card to come back"
    if explanation.reason in BACK:
        return "Come back" if sale else "Your time with it is over"
    return "" if explanation.reason in UNPAID | {"never_had"} else "Closed for you now"


def _step(reason: str, *, sale: Sale | None, support_email: str) -> str:
    if reason in WAIT:
        return "wait"
    if reason in PAY:
        return "update_card"
    if reason in RESUME:
        return "resume"
    if reason in BY_ITSELF:
        return "nothing"
    if sale and reason not in ASK:
        return "buy"
    return "ask" if support_email else "nothing"


def _subscription(explanation: Explanation) -> str:
    """Of the grants that closed for this reason, the newest one's."""
    closed = [grant for grant in explanation.grants if grant.close_reason == explanation.reason]
    bought = [grant.source_ref for grant in closed if grant.source == Grant.Source.SUBSCRIPTION]
    return bought[-1] if bought else ""


def _sentence(explanation: Explanation) -> str:
    if explanation.reason not in WORDS:
        return explanation.sentence
    dated, plain = WORDS[explanation.reason]
    words = dated.format(date=say_date(explanation.reason, explanation.until)) if explanation.until else plain
    return f"It was part of {explanation.via.name}. {words}" if explanation.via else words
