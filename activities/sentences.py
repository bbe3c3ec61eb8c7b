"""An activity in words, for the staff ("Ben Kato's payment failed for Studio") or for the member ("Your payment…").

Kept apart from the model: the same row reads differently to different people.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from activities import links
from activities.days import last_moment
from activities.folding import Crowd
from activities.models import Activity
from activities.money import format_money

Verb = Activity.Verb


class Voice(StrEnum):
    STAFF = "staff"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of words; `url` is empty where there is no page to go to."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """`parts` make the sentence; `details` are short phrases beside it; `tone` is good, warn, bad, info or "".

    `more`: where each is told of whom the sentence names together, empty where it names one.
    """

    parts: tuple[Part, ...]
    details: tuple[str, ...]
    tone: str
    icon: str
    more: str = ""

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)

    def __str__(self) -> str:
        return ", ".join([self.text, *self.details])


# What is in brackets is left out where the product (or the actor, or the page) in it is not known.
# For the staff, then for the member.
PHRASES: dict[str, tuple[str, str]] = {
    Verb.PRODUCT_PURCHASED: ("{who} bought[ {product}]", "You bought[ {product}]"),
    Verb.SUBSCRIPTION_STARTED: (
        "{whose} subscription[ to {product}] started",
        "Your subscription[ to {product}] started",
    ),
    Verb.SUBSCRIPTION_CANCELLED: (
        "{whose} subscription[ to {product}] was cancelled",
        "Your subscription[ to {product}] was cancelled",
    ),
    Verb.SUBSCRIPTION_RESUMED: (
        "{whose} subscription[ to {product}] was resumed",
        "Your subscription[ to {product}] was resumed",
    ),
    Verb.SUBSCRIPTION_ENDED: (
        "{whose} subscription[ to {product}] ended",
        "Your subscription[ to {product}] ended",
    ),
    Verb.SUBSCRIPTION_RENEWED: (
        "{whose} subscription[ to {product}] renewed",
        "Your subscription[ to {product}] renewed",
    ),
    Verb.PAYMENT_FAILED: ("{whose} payment failed[ for {product}]", "Your payment failed[ for {product}]"),
    Verb.PAYMENT_RECOVERED: (
        "{whose} payment[ for {product}] went through after all",
        "Your payment[ for {product}] went through after all",
    ),
    Verb.REFUNDED: ("{who} got a refund[ for {product}]", "You got a refund[ for {product}]"),
    Verb.DISPUTED: (
        "{whose} payment[ for {product}] is disputed at the bank",
        "Your payment[ for {product}] is disputed at your bank",
    ),
    Verb.ACCESS_GRANTED: ("{who} got access[ to {product}]", "You got access[ to {product}]"),
    Verb.ACCESS_REMOVED: ("{who} lost access[ to {product}]", "Your access[ to {product}] ended"),
    Verb.SIGNED_IN: ("{who} signed in", "You signed in"),
    Verb.ADDRESS_CHANGED: ("{whose} e-mail address was changed", "Your e-mail address was changed"),
    Verb.MEMBER_ADDED: ("{who} became a member", "You became a member"),
    Verb.BECAME_INACTIVE: ("{who} has not been here for a while", "You have not been here for a while"),
    Verb.ACTIVE_AGAIN: ("{who} is back", "You are back"),
    Verb.PAGE_COMPLETED: ("{who} completed[ “{page}”][ in {product}]", "You completed[ “{page}”][ in {product}]"),
    Verb.EMAIL_SENT: ("{who} was sent {mail}[ about {product}]", "We sent you {mail}[ about {product}]"),
    Verb.STAFF_ACTION: ("{actor}: {deed}[, {product}][, {who_known}]", "The team: {deed}[, {product}]"),
}

# Of many at once, for the staff, where one's words would be wrong.
OF_MANY: dict[str, str] = {
    Verb.MEMBER_ADDED: "{who} became members",
    Verb.EMAIL_SENT: "{who} were sent {mail}[ about {product}]",
}

LOOKS: dict[str, tuple[str, str]] = {
    Verb.PRODUCT_PURCHASED: ("good", "shopping-bag"),
    Verb.SUBSCRIPTION_STARTED: ("good", "circle-play"),
    Verb.SUBSCRIPTION_CANCELLED: ("warn", "calendar-x"),
    Verb.SUBSCRIPTION_RESUMED: ("good", "rotate-ccw"),
    Verb.SUBSCRIPTION_ENDED: ("", "circle-slash"),
    Verb.SUBSCRIPTION_RENEWED: ("good", "refresh-cw"),
    Verb.PAYMENT_FAILED: ("bad", "credit-card"),
    Verb.PAYMENT_RECOVERED: ("good", "circle-check"),
    Verb.REFUNDED: ("info", "undo-2"),
    Verb.DISPUTED: ("bad", "triangle-alert"),
    Verb.ACCESS_GRANTED: ("good", "key-round"),
    Verb.ACCESS_REMOVED: ("", "lock"),
    Verb.SIGNED_IN: ("", "log-in"),
    Verb.ADDRESS_CHANGED: ("warn", "at-sign"),
    Verb.MEMBER_ADDED: ("info", "user-plus"),
    Verb.BECAME_INACTIVE: ("warn", "moon"),
    Verb.ACTIVE_AGAIN: ("good", "sun"),
    Verb.PAGE_COMPLETED: ("", "circle-check"),
    Verb.EMAIL_SENT: ("", "mail"),
    Verb.STAFF_ACTION: ("info", "wrench"),
}

MAILS = {
    "access": "the access e-mail",
    "payment_failed": "the e-mail on a failed payment",
    "access_ended": "the e-mail on the end of access",
    "payment_pending": "the e-mail on a payment on its way",
    "payment_bounced": "the e-mail on a payment that never came",
    "trial_ending": "the e-mail on the end of the trial",
    "invitation": "an invitation",
    "own_role": "the e-mail on a place among the staff",
    "staff_changed": "the e-mail on who is staff",
    "stripe_changed": "the e-mail on the connection to Stripe",
    "address_moved": "the e-mail on another address",
    "factors_removed": "the e-mail on the second step",
}

# Stripe's cancellation_details.reason and dispute statuses.
STRIPE_WORDS = {
    "cancellation_requested": "as asked for",
    "payment_failed": "the payments failed",
    "payment_disputed": "a payment was disputed",
    "warning_needs_response": "inquiry, needs an answer",
    "warning_under_review": "inquiry, under review",
    "warning_closed": "inquiry closed",
    "needs_response": "needs an answer",
    "under_review": "under review",
    "prevented": "prevented",
    "won": "won",
    "lost": "lost",
}

ENDS = {
    Verb.SUBSCRIPTION_CANCELLED: "ends {}",
    Verb.SUBSCRIPTION_RENEWED: "paid until {}",
    Verb.ACCESS_GRANTED: "until {}",
}

SaysReason = Callable[[str], str]
_say_reason: SaysReason | None = None


def learn_reasons(say: SaysReason) -> None:
    """Whoever decides on access teaches us the words for its reason codes, once at start."""
    global _say_reason
    _say_reason = say


def tell(activity: Activity, *, voice: Voice) -> Sentence:
    """The sentence of an activity whose user, product and actor are loaded. Times are in the current zone.

    One that has a crowd is told of all who stand in it, and in what is true of them all.
    """
    for_staff, for_member = PHRASES[activity.verb]
    if activity.crowd:
        for_staff = OF_MANY.get(activity.verb, for_staff)
    tone, icon = LOOKS[activity.verb]
    words = _words(activity, voice=voice)
    return Sentence(
        parts=tuple(_fill(for_staff if voice is Voice.STAFF else for_member, words)),
        details=tuple(_details_of_many(activity) if activity.crowd else _details(activity, voice=voice)),
        tone=tone,
        icon=icon,
        more=f"{links.path_to('activities:feed')}?of={activity.pk}" if activity.crowd else "",
    )


def _words(activity: Activity, *, voice: Voice) -> dict[str, tuple[Part, ...]]:
    details, staff = activity.details, voice is Voice.STAFF
    who = _person(activity.user, linked=staff)
    words: dict[str, tuple[Part, ...]] = {
        "who": tuple(_people(activity.crowd)) if activity.crowd else (who,),
        "whose": (Part(_possessive(who.text), who.url),),
        "actor": (_person(activity.actor, linked=staff, unknown="The system"),),
        "mail": (Part(MAILS.get(details.get("notice", ""), "an e-mail")),),
        "deed": (Part(_capitalised(details.get("reason") or "changed something")),),
    }
    if activity.user:
        words["who_known"] = words["who"]
    if product := activity.product:
        words["product"] = (Part(product.name, links.path_to("hub:product", product.slug)),)
    if page := details.get("page"):
        words["page"] = (Part(page),)
    return words


def _people(crowd: Crowd) -> Iterator[Part]:
    """ "Ada, Ben, Cleo and 397 others"."""
    named = [_person(user, linked=True) for user in crowd.people]
    if crowd.others:
        named.append(Part(crowd.others))
    for place, part in enumerate(named):
        if place:
            yield Part(" and " if place == len(named) - 1 else ", ")
        yield part


def _person(user: Any, *, linked: bool, unknown: str = "Somebody") -> Part:
    if user is None:
        return Part(unknown)
    return Part(str(user), links.path_to("hub:console_person", user.pk) if linked else "")


def _possessive(name: str) -> str:
    return f"{name}’" if name.endswith("s") else f"{name}’s"


def _fill(phrase: str, words: dict[str, tuple[Part, ...]]) -> Iterator[Part]:
    def drop_unknown(match: re.Match[str]) -> str:
        return match[1] if set(re.findall(r"{(\w+)}", match[1])) <= words.keys() else ""

    for text in re.split(r"({\w+})", re.sub(r"\[([^]]*)\]", drop_unknown, phrase)):
        if text.startswith("{"):
            yield from words[text[1:-1]]
        elif text:
            yield Part(text)


def _details(activity: Activity, *, voice: Voice) -> Iterator[str]:
    details = activity.details
    if text := _amount(details):
        yield text
    if failure := details.get("failure"):
        yield failure.rstrip(".")
    if (attempt := details.get("attempt") or 0) > 1:
        yield f"attempt {attempt}"
    if next_try := _day(details.get("next_try")):
        yield f"next try {next_try}"
    if before := details.get("from"):
        yield f"from {before} to {details.get('to', '')}"
    if activity.verb in ENDS and (ends := _end(activity)):
        yield ENDS[Verb(activity.verb)].format(ends)
    yield from _why(activity)
    if ip := details.get("ip"):
        yield f"from {ip}"
    yield from _by_whom(activity, voice=voice)


def _details_of_many(activity: Activity) -> Iterator[str]:
    """What is the same for each of them."""
    yield from _why(activity)
    yield from _by_whom(activity, voice=Voice.STAFF)


def _why(activity: Activity) -> Iterator[str]:
    if activity.verb != Verb.STAFF_ACTION and (reason := activity.details.get("reason")):
        yield _reason(reason)


def _by_whom(activity: Activity, *, voice: Voice) -> Iterator[str]:
    if (note := activity.details.get("note")) and voice is Voice.STAFF:
        yield note
    others_deed = activity.actor_id is not None and activity.actor_id != activity.user_id
    if others_deed and activity.verb != Verb.STAFF_ACTION:
        yield f"by {activity.actor}" if voice is Voice.STAFF else "by the team"


def _end(activity: Activity) -> str:
    """The last day before it ends."""
    at = parse_datetime(activity.details.get("ends_at") or "")
    return _written(last_moment(at)) if at else ""


def _amount(details: dict[str, Any]) -> str:
    if details.get("amount") is not None:
        return format_money(details["amount"], details.get("currency", ""))
    return str(details.get("price_text") or "")


def _reason(code: str) -> str:
    if code in STRIPE_WORDS:
        return STRIPE_WORDS[code]
    said = _say_reason(code) if _say_reason else code.replace("_", " ")
    return said.rstrip(".")


def _day(moment: str | None) -> str:
    at = parse_datetime(moment or "")
    return _written(at) if at else ""


def _written(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j F Y")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
