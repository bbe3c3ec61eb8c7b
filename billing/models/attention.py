"""What waits for a person."""

from django.conf import settings
from django.db import models
from django.db.models import Q

ADVICE = {
    "unmatched": "Somebody paid and left no usable address. Find out who, and say whose it is.",
    "no_product": "A paid line names no Stripe product, so it opens nothing. Give access by hand if it should.",
    "conflict": "The address at Stripe was changed to another member's. Access stays where it was.",
    "partial_refund": "Part of an order of several products was refunded. Take back the one that was meant, if any.",
    "unknown_status": "Stripe reports a status that Foyer does not know. The last decision stands: update Foyer.",
    "brake": "A full pass would have closed too much, and closed nothing. Read its list, and say whether it is right.",
    "missing": "Stripe does not know this object under our key. Access is held for 30 days, then it ends by time.",
    "left_behind": (
        "These were bought with test cards, and a live account is connected now. Nothing closes them but you; "
        "settled, they stay open."
    ),
    "unreadable": "Stripe sent an event that Foyer cannot keep. The full pass looks at what it was about.",
    "for_another": (
        "The payment page carried somebody's reference, and somebody else's address was typed. Access went to the "
        "reference's person. If the payer was misled, say sorry: refund it, or give the payer access by hand."
    ),
    "mistyped": (
        "Bought with an address that nobody ever signed in with, and Stripe has another one now. Nothing was moved: "
        "an address at Stripe is proved by nobody. If you are sure whose it is, move it."
    ),
    "former": (
        "Paid with an address that one of your members used before. It opened at once in an account of that address; "
        "nothing was moved, since an address can have a new owner by now. If it was your member, move it."
    ),
    "shut_out": (
        "Somebody whose account is deactivated or erased paid, and nothing opened. In Stripe, refund it and end what "
        "goes on charging; or reactivate them."
    ),
    "charged": (
        "Stripe goes on charging this person though access is over. In Stripe, end the subscription and refund what "
        "was paid for nothing; or give access by hand."
    ),
    "twice": "One person pays for the same thing twice. In Stripe, refund or cancel the one that was not meant.",
}


class Attention(models.Model):
    """Something that waits for a person: a payer nobody is sure of, a brake stop, an unknown status.

    `resolved_at`: somebody answered, or there is nothing to answer any more. `over_at`: what it asks about is no more;
    should that come again, it is asked anew. What somebody answered while it lasts is not.
    """

    class Kind(models.TextChoices):
        UNMATCHED = "unmatched", "A payment without a sure person"
        NO_PRODUCT = "no_product", "A payment without a known product"
        CONFLICT = "conflict", "An address that belongs to somebody else"
        PARTIAL_REFUND = "partial_refund", "Part of an order was refunded"
        UNKNOWN_STATUS = "unknown_status", "A status we do not know"
        BRAKE = "brake", "Too much would close at once"
        MISSING = "missing", "Stripe does not know it any more"
        TWICE = "twice", "Paid for twice"
        CHARGED = "charged", "Charged without access"
        UNREADABLE = "unreadable", "An event that could not be kept"
        LEFT_BEHIND = "left_behind", "Opened by test purchases"
        FOR_ANOTHER = "for_another", "Paid by one, opened for another"
        SHUT_OUT = "shut_out", "Paid by somebody who is not let in"
        MISTYPED = "mistyped", "Perhaps bought with a mistyped address"
        FORMER = "former", "Bought with an address that a member used before"

    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=255)
    subject = models.CharField(max_length=255, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    details = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "attention"
        constraints = [
            models.UniqueConstraint(fields=["key"], condition=Q(over_at__isnull=True), name="asked_once_while_it_lasts")
        ]
        indexes = [models.Index(fields=["kind", "-opened_at"], name="attention_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.key}"

    @property
    def asks_whose(self) -> bool:
        """Whether the answer is a person: nobody has it, or who has it never came in."""
        if self.kind in {self.Kind.CONFLICT, self.Kind.MISTYPED, self.Kind.FORMER}:
            return self.user is not None and self.user.last_seen is None
        return self.kind == self.Kind.UNMATCHED

    @property
    def advice(self) -> str:
        """What it means and what to do, for staff."""
        return ADVICE[self.kind]
