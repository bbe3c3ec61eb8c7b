"""The pages of what made lines of the ledger: events and imports. And the events about one thing at Stripe."""

import re
from collections.abc import Collection

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from billing.desk.tracing import read_ref, subjects_named
from billing.models import InboxEvent
from hub.causes import CausePage
from hub.permissions import Permission

EVENT_ID = re.compile(r"\bevt_\w+", re.ASCII)
IMPORT = re.compile(r"import-(\d{1,9})", re.ASCII)


def pages_of(causes: Collection[str]) -> dict[str, CausePage]:
    """Of events that are still kept, and of imports. One query, and none where no event is named."""
    named = {cause: found[0] for cause in causes if (found := EVENT_ID.search(cause))}
    kept = dict(InboxEvent.objects.filter(event_id__in=named.values()).values_list("event_id", "pk")) if named else {}
    events = {
        cause: CausePage(reverse("billing:failed_event", args=[kept[event]]), Permission.SEE_QUESTIONS)
        for cause, event in named.items()
        if event in kept
    }
    imports = {
        cause: CausePage(reverse("billing:import", args=[found[1]]), Permission.IMPORT_PURCHASES)
        for cause in causes
        if (found := IMPORT.fullmatch(cause))
    }
    return events | imports


def events_naming(word: str) -> Q:
    """Those about whoever a Stripe id or a number leads to, in which it stands; of a customer, all of theirs."""
    ref = read_ref(word)
    if not ref:
        return Q(pk__in=[])
    if ref.startswith("evt_"):
        return Q(event_id=ref)
    subjects = subjects_named(ref)
    if ref in subjects:
        return Q(subject=ref)
    told = InboxEvent.objects.filter(subject__in=subjects).alias(told=Cast("payload", TextField()))
    return Q(pk__in=told.filter(told__contains=f'"{ref}"').values("pk"))
