"""An id that Stripe never told of, from before the link or lost on the way: asked for while a member of staff waits."""

from billing.connection import active_connection
from billing.desk.tracing import say_kind
from billing.errors import StripeError, StripeForbidden, StripeMissing
from billing.gateway import Gateway, gateway_for
from billing.intake import event_types, references
from billing.models import Order, StripeCustomer
from billing.refreshing.refresh import refresh

SOMEBODYS = ("cus_", "pi_", "cs_")  # a customer, or a guest's payment


def ask_whose(ref: str) -> str:
    """Keeps whose it is, and looks at who is not known here yet. Returns what came of it, in words."""
    connection = active_connection()
    if connection is None:
        return "Stripe is not connected: it was not asked."
    try:
        subject, named = _whose(ref, gateway=gateway_for(connection, waiting=True))
    except StripeMissing:
        return f"Stripe does not know {ref} in this account and mode."
    except StripeForbidden:
        return f"The key of this site may not ask for a {say_kind(ref)}."
    except StripeError:
        return "Stripe does not answer right now. Try again in a minute."
    if not subject:
        return f"Stripe knows {ref}, and names nobody with it."
    references.keep({subject: named})
    if not _is_known(subject):
        refresh(subject, waiting=True, cause="staff")
    return f"Stripe was asked: {ref} is of {subject}."


def _whose(ref: str, *, gateway: Gateway) -> tuple[str, references.Named]:
    """A customer or a guest's payment, empty for what is nobody's; and what was named on the way there."""
    found = gateway.named(ref)
    event = found if ref.startswith("evt_") else {"id": ref, "data": {"object": found}}
    subject = event_types.subject_of(event)
    named = references.named_by(event) if event is found else references.named_in(found)
    if subject.startswith("pi_"):  # a dispute names no customer
        intent = gateway.payment_intent(subject)
        named = {**references.named_in(intent), **named}
        subject = event_types.subject_of({"data": {"object": intent}})
    return subject if subject.startswith(SOMEBODYS) else "", named


def _is_known(subject: str) -> bool:
    known = StripeCustomer.objects.filter(stripe_id=subject)
    return known.exists() or Order.objects.filter(subject=subject).exists()
