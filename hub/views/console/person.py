"""One person: why they have what they have, what they paid, what happened, and what may be done about it."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from activities.days import end_of, last_moment
from hub import access, causes, grants
from hub.errors import Refused
from hub.factors import factors_of
from hub.forms import DayForm, GiveBackForm, GiveForm, MoveForm, NoteForm, ReasonForm
from hub.getting_in import facts_on
from hub.models import Grant, User
from hub.payments import lead_of, payers_of, payments_of, with_notes
from hub.permissions import Permission, actor_of, may_favour, staff_only
from hub.reasons import say
from hub.recovery import move_to_address
from hub.redirects import SeeOther
from hub.seeing import may_be_seen_as

LONGEST_LEAD = 255  # characters


@require_safe
@staff_only(Permission.SEE_PEOPLE)
def person(request: HttpRequest, pk: int) -> HttpResponse:
    return show(request, get_object_or_404(User, pk=pk))


@require_POST
@staff_only(Permission.CHANGE_ACCESS)
def give(request: HttpRequest, pk: int) -> HttpResponse:
    user, now = get_object_or_404(User, pk=pk, erased_at=None), clock.now()
    form = GiveForm(request.POST, now=now)
    if not may_favour(actor_of(request), user):
        form.add_error(None, "Nobody gives access to themselves: ask an owner.")
    if not form.is_valid():
        return show(request, user, form=form)
    product, day = form.cleaned_data["product"], form.cleaned_data["ends_on"]
    try:
        grants.give(
            user,
            product,
            actor=actor_of(request),
            reason=form.cleaned_data["reason"],
            ends_at=end_of(day) if day else None,
            now=now,
        )
    except Refused as why:
        messages.error(request, str(why))
    else:
        if user.is_active:
            messages.success(request, f"{user} has access to {product} now.")
        else:
            messages.warning(request, f"Given. {product} opens when the account is reactivated: it is deactivated now.")
    return SeeOther(reverse("hub:console_person", args=[user.pk]))


@require_POST
@staff_only(Permission.RECOVER_ACCOUNTS)
@reauthentication_required(app="allauth.account")
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """For who lost their address: an owner gives the account another one, and both are written to."""
    user, form = get_object_or_404(User, pk=pk, erased_at=None), MoveForm(request.POST)
    if not form.is_valid():
        return show(request, user, moving=form)
    to = form.cleaned_data["address"]
    move_to_address(user, address=to, actor=actor_of(request), reason=form.cleaned_data["why"], now=clock.now())
    messages.success(request, f"{to} is the address of this account now. Both addresses are written to.")
    return SeeOther(reverse("hub:console_person", args=[user.pk]))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CHANGE_ACCESS)
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked first, with what was paid: no money goes back by it."""
    grant = get_object_or_404(Grant.objects.select_related("user", "product"), pk=pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" and not grant.is_open:
        messages.info(request, f"{grant.product} is closed already: there is nothing to take back.")
    elif not form.is_valid():
        paid = [found for found in payments_of(grant.user) if grant.source_ref in {ref.id for ref in found.refs}]
        context = {"grant": grant, "form": form, "payments": paid}
        return render(request, "console/revoke.html", context, status=422 if form.errors else 200)
    else:
        now = clock.now()
        grants.revoke(grant, actor=actor_of(request), reason=form.cleaned_data["reason"], now=now)
        if left := access.open_products(grant.user, now=now).get(grant.product_id):
            messages.warning(request, f"Taken back. {grant.product} is still open through {_name(left)}.")
        else:
            messages.success(request, f"Taken back: {grant.product}. You can give it back below.")
    return SeeOther(reverse("hub:console_person", args=[grant.user_id]))


@require_POST
@staff_only(Permission.CHANGE_ACCESS)
def restore(request: HttpRequest, pk: int) -> HttpResponse:
    grant = get_object_or_404(Grant.objects.select_related("user", "product"), pk=pk)
    form = GiveBackForm(request.POST)
    if not may_favour(actor_of(request), grant.user):
        messages.error(request, "Nobody gives access back to themselves: ask an owner.")
    elif not form.is_valid():
        messages.error(request, "That reason is too long: nothing was changed.")
    else:
        try:
            given = grants.restore(grant, actor=actor_of(request), reason=form.cleaned_data["reason"], now=clock.now())
        except Refused as why:
            messages.error(request, str(why))
            return SeeOther(reverse("hub:console_person", args=[grant.user_id]))
        if given.is_open:
            messages.success(request, f"Given back: {grant.product}.")
        else:
            messages.warning(request, f"Given back, but {grant.product} stays closed. {say(given.close_reason)}")
    return SeeOther(reverse("hub:console_person", args=[grant.user_id]))


def show(
    request: HttpRequest,
    user: User,
    *,
    form: GiveForm | None = None,
    moving: MoveForm | None = None,
    noting: NoteForm | None = None,
) -> HttpResponse:
    """The person's page; with a form that was refused, its errors too."""
    now = clock.now()
    day = DayForm(request.GET).chosen(now=now)
    at = last_moment(end_of(day)) if day else now
    explanations = access.explain_all(user, list(access.worth_explaining(user)), at=at, now=now)
    if at >= now:
        explanations = with_notes(explanations, user)
    lines, facts = {line.made_by for why in explanations for line in why.ledger}, facts_on(user, now=now)
    lead = lead_of(request.GET.get("by", "")[:LONGEST_LEAD])
    context = {
        "person": user,
        "lead": lead if lead and user.pk in lead.people else None,
        "facts": facts,
        "is_kept_out": any(fact.tone in {"bad", "warn"} for fact in facts),
        "known": sorted((why for why in explanations if _is_known(why)), key=_place),
        "pages_of_causes": causes.pages_of(lines, reader=actor_of(request)),
        "others": [why for why in explanations if not _is_known(why)],
        "activities": user.activities.select_related("product", "actor").order_by("-at", "-pk")[:50],
        "payments": payments_of(user),
        "payers": payers_of(user),
        "notes": user.notes.select_related("author").annotate(edits=Count("versions")),
        "form": form or GiveForm(now=now),
        "moving": moving or MoveForm(),
        "noting": noting or NoteForm(),
        "factors": factors_of(user),
        "can_be_seen": may_be_seen_as(user),
        "on": day,
        "today": timezone.localtime(now).date(),
    }
    return render(request, "console/person.html", context, status=422 if form or moving or noting else 200)


def _place(why: access.Explanation) -> tuple[bool, bool]:
    """What is asked about first: what is their own before what a collection holds, closed before open."""
    return why.via is not None, why.access and why.state == "open"


def _is_known(why: access.Explanation) -> bool:
    """Had once, or bought and not opened (yet)."""
    return bool(why.grants) or why.reason != "never_had"


def _name(grant: Grant) -> str:
    """ "another purchase (Studio Club, 3 November 2026)", as the buttons beside it name it."""
    kind = "grant" if grant.source == Grant.Source.MANUAL else grant.get_source_display().lower()
    return f"another {kind} ({grant.product}, {date_format(timezone.localtime(grant.starts_at), 'j F Y')})"
