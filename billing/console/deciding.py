"""What no rule can settle, before the people who can."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from billing.console.words import AWAY
from billing.desk import attaching, attention, evidence, inquiring
from billing.desk.failed_events import failed
from billing.desk.tracing import STRIPE_ID, read_ref
from billing.forms import PayerForm
from billing.models import Attention, StripeCustomer
from billing.refreshing.refresh import Outcome, refresh
from billing.sweeping import left_behind
from hub.addresses import usable_address
from hub.models import User
from hub.people import Filters, find_people
from hub.permissions import Permission, actor_of, may_favour, staff_only
from hub.redirects import SeeOther
from hub.throttling import happens_too_often

SHOWN = 10
PAGE = 50
ASKED_PER_MINUTE = 3
IDS_PER_MINUTE = 10
# What Stripe's present state may settle.
ASKABLE = frozenset({Attention.Kind.UNKNOWN_STATUS, Attention.Kind.MISSING, Attention.Kind.CHARGED})
# What is answered with a person.
WHOSE = frozenset({Attention.Kind.UNMATCHED, *attaching.MOVABLE})


@require_safe
@staff_only(Permission.SEE_QUESTIONS)
def decide(request: HttpRequest) -> HttpResponse:
    """What no rule can settle: each with its evidence, the oldest first; and whose payments were decided lately."""
    waiting, kind = evidence.counts(), request.GET.get("kind", "")
    found = Attention.objects.filter(resolved_at__isnull=True).select_related("user").order_by("opened_at", "pk")
    if kind in waiting:
        found = found.filter(kind=kind)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    facts = evidence.facts_of(page)
    decided = Attention.objects.filter(
        Q(kind=Attention.Kind.UNMATCHED) | Q(kind__in=attaching.MOVABLE, details__has_key="person"),
        resolved_at__isnull=False,
        user__isnull=False,
    ).select_related("user")
    context = {
        "page": page,
        "found": [(question, facts[question.pk]) for question in page],
        "count": sum(waiting.values()),
        "kinds": [(name, label, waiting[name]) for name, label in Attention.Kind.choices if name in waiting],
        "kind": kind if kind in waiting else "",
        "failed": failed().count(),
        "decided": decided.order_by("-resolved_at")[:SHOWN],
    }
    return render(request, "billing/decide.html", context)


@require_POST
@staff_only(Permission.SETTLE_QUESTIONS)
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """A person has dealt with it. A stopped pass is answered on its own page."""
    found = get_object_or_404(Attention.objects.exclude(kind=Attention.Kind.BRAKE), pk=pk)
    attention.settle(found, actor=actor_of(request), now=clock.now())
    messages.success(request, "Settled.")
    return SeeOther(reverse("billing:decide"))


@require_POST
@staff_only(Permission.HELP_PEOPLE)
def ask_stripe(request: HttpRequest, pk: int) -> HttpResponse:
    """How it stands at Stripe now; what is no question any more is settled by it."""
    question = get_object_or_404(Attention, pk=pk, kind__in=ASKABLE)
    if happens_too_often(str(pk), what="ask_stripe", per_minute=ASKED_PER_MINUTE):
        messages.warning(request, "Stripe was asked about this a moment ago. Wait a minute.")
        return SeeOther(reverse("billing:decide"))
    about = next(iter(attention.subjects_of([question.subject])), question.subject)
    outcome = refresh(about, waiting=True, cause="staff")
    question.refresh_from_db()
    if question.resolved_at is not None:
        messages.success(request, "Stripe was asked, and this is settled.")
    elif outcome is Outcome.LATER:
        messages.warning(request, AWAY)
    else:
        messages.info(request, "Stripe was asked: it stands as it did. Nothing was changed.")
    return SeeOther(reverse("billing:decide"))


@require_POST
@staff_only(Permission.HELP_PEOPLE)
def ask_whose(request: HttpRequest) -> HttpResponse:
    """An id that Stripe never told of here: whose it is, and back to the list that it is searched in."""
    ref = read_ref(request.POST.get("ref", ""))
    if not STRIPE_ID.fullmatch(ref):
        raise Http404
    if happens_too_often(str(actor_of(request).pk), what="ask_whose", per_minute=IDS_PER_MINUTE):
        messages.warning(request, "Stripe was asked about several ids a moment ago. Wait a minute.")
    else:
        messages.info(request, inquiring.ask_whose(ref))
    return SeeOther(f"{reverse('hub:console_people')}?{urlencode({'q': ref})}")


@require_POST
@staff_only(Permission.CLOSE_TEST_PURCHASES)
def close_left_behind(request: HttpRequest, pk: int) -> HttpResponse:
    """What test cards opened is taken back."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.LEFT_BEHIND, resolved_at__isnull=True)
    count = left_behind.close_them(question, actor=actor_of(request), now=clock.now())
    messages.success(request, f"Taken back: {count}. Each can be given back on its person’s page.")
    return SeeOther(reverse("billing:decide"))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.ATTACH_PAYERS)
def payer(request: HttpRequest, pk: int) -> HttpResponse:
    """Whose is this payment? The evidence, a search, and one button for each who is found.

    Nobody is suggested but who used the address that it was bought with.
    """
    question = get_object_or_404(Attention.objects.select_related("user"), pk=pk, kind__in=WHOSE)
    moves = question.kind in attaching.MOVABLE
    form = PayerForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _attach(request, question, form)
    words, now = request.GET.get("q", "").strip()[:254], clock.now()
    former = attaching.former_owner(question)
    people = find_people(Filters(words=words), now=now).people[:SHOWN] if words else [former] if former else []
    address = usable_address(words)
    is_new = bool(address) and not _is_known(address)
    context = {
        "question": question,
        "moves": moves,
        "may_choose": attaching.may_move(question) if moves else question.resolved_at is None,
        "customer": StripeCustomer.objects.filter(stripe_id=question.subject).first(),
        "form": form,
        "evidence": attaching.evidence_of(question),
        "former": former,
        "former_until": evidence.day_until(question) if former else "",
        "words": words,
        "people": people,
        "new_address": address if is_new and actor_of(request).may(Permission.ADD_PEOPLE) else "",
        "may_detach": not moves and attaching.may_detach(question),
    }
    return render(request, "billing/payer.html", context, status=422 if form.errors else 200)


@require_POST
@staff_only(Permission.ATTACH_PAYERS)
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """It was somebody else's: as before, while nothing else has happened."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.UNMATCHED)
    try:
        attaching.detach(question, actor=actor_of(request), now=clock.now())
    except attaching.TooLate:
        messages.error(request, "Something has happened since, so nothing was changed. Take the access back by hand.")
    else:
        messages.success(request, "Taken back: it waits for its payer again.")
    return SeeOther(reverse("billing:payer", args=[pk]))


def _attach(request: HttpRequest, question: Attention, form: PayerForm) -> HttpResponse:
    now, actor, given = clock.now(), actor_of(request), form.cleaned_data
    if given["address"] and not _is_known(usable_address(given["address"])) and not actor.may(Permission.ADD_PEOPLE):
        raise PermissionDenied
    decide = attaching.move if question.kind in attaching.MOVABLE else attaching.attach
    try:
        with transaction.atomic():
            person = given["person"] or attaching.person_of(given["address"], name=given["name"], actor=actor, now=now)
            if not may_favour(actor, person):
                raise PermissionDenied
            decide(question, person, reason=given["reason"], actor=actor, now=now)
    except attaching.Taken:
        messages.error(request, "Somebody was faster: this is decided already, and nothing was changed.")
    else:
        messages.success(request, f"It is {person}'s now.")
    return SeeOther(reverse("billing:payer", args=[question.pk]))


def _is_known(address: str) -> bool:
    return User.objects.filter(email=address).exists()
