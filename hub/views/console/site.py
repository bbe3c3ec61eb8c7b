"""The site's settings: its name, looks and address, and the words of its letters."""

from typing import Any

from csp.decorators import csp_update
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST

from activities import clock, letters
from activities.letter_texts import LETTERS, Letter
from activities.models import LetterText
from hub.context import site_of
from hub.editing import site as editing
from hub.editing.site import LetterForm, LogoForm, SiteForm
from hub.models import Product, Site
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.throttling import happens_too_often

TESTS_PER_MINUTE = 5
# A letter is shown as mail programs show it: with styles of its own, in a frame that may do nothing.
AS_MAIL = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'self'; sandbox"


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CHANGE_SITE)
def settings(request: HttpRequest) -> HttpResponse:
    form = SiteForm(request.POST if request.method == "POST" else None, instance=Site.load())
    if not form.may_save:
        return _show(request, form=form, status=form.status)
    editing.save_site(form, actor=actor_of(request), now=clock.now())
    messages.success(request, "Saved. It holds at once, on every page and in every e-mail.")
    return SeeOther(reverse("hub:console_settings"))


@require_POST
@staff_only(Permission.CHANGE_SITE)
def logo(request: HttpRequest) -> HttpResponse:
    """Another logo; with `remove`, the drawn one."""
    form = LogoForm(request.POST, request.FILES, giver=actor_of(request))
    if "remove" in request.POST:
        editing.change_logo(None, actor=actor_of(request), now=clock.now())
    elif form.is_valid():
        editing.change_logo(form.cleaned_data["picture"], actor=actor_of(request), now=clock.now())
    else:
        return _show(request, logo_form=form, status=422)
    messages.success(request, "The logo is changed.")
    return SeeOther(reverse("hub:console_settings"))


@csp_update({"frame-src": ["'self'"]})
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CHANGE_SITE)
def letter(request: HttpRequest, kind: str) -> HttpResponse:
    """The words of one letter, with what may stand in them and how it looks."""
    found, own = _letter(kind), LetterText.objects.filter(notice=kind).first()
    initial = {"subject": own.subject if own else found.subject, "body": own.body if own else found.body}
    form = LetterForm(request.POST if request.method == "POST" else None, letter=found, initial=initial)
    if not form.is_valid():
        context = {"letter": found, "own": own, "form": form}
        return render(request, "console/settings/letter.html", context, status=422 if form.errors else 200)
    given = form.cleaned_data
    editing.reword(found, subject=given["subject"], body=given["body"], actor=actor_of(request), now=clock.now())
    messages.success(request, "Saved. The next one that goes out says this.")
    return SeeOther(reverse("hub:console_letter", args=[kind]))


@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CHANGE_SITE)
def preview(request: HttpRequest, kind: str) -> HttpResponse:
    """As it would come to who looks: what is typed where it is posted, else what is saved. `part=text`: plain."""
    found = _letter(kind)
    shown = letters.sample(found, user=actor_of(request), product=_example())
    context = letters.context_of(shown)
    if request.method == "POST":
        form = LetterForm(request.POST, letter=found)
        if not form.is_valid():
            return _framed("\n".join(str(words) for errors in form.errors.values() for words in errors), "plain", 422)
        _subject, text, html = letters.write(found, context=context, **form.cleaned_data)
    else:
        _subject, text, html = letters.fill_in(shown, context=context)
    return _framed(text, "plain") if request.GET.get("part") == "text" else _framed(html, "html")


@require_POST
@staff_only(Permission.CHANGE_SITE)
def test_letter(request: HttpRequest, kind: str) -> HttpResponse:
    """What is saved, to whoever asks for it."""
    found, actor = _letter(kind), actor_of(request)
    if happens_too_often(str(actor.pk), what="test_letter", per_minute=TESTS_PER_MINUTE):
        messages.warning(request, "That was often. Wait a minute.")
    else:
        letters.queue_test(found, user=actor, product=_example(), now=clock.now())
        messages.success(request, f"On its way to {actor.email}.")
    return SeeOther(reverse("hub:console_letter", args=[kind]))


@require_POST
@staff_only(Permission.CHANGE_SITE)
def reset_letter(request: HttpRequest, kind: str) -> HttpResponse:
    editing.reset(_letter(kind), actor=actor_of(request), now=clock.now())
    messages.success(request, "It says what Foyer says again.")
    return SeeOther(reverse("hub:console_letter", args=[kind]))


def _letter(kind: str) -> Letter:
    if kind not in LETTERS:
        raise Http404
    return LETTERS[kind]


def _example() -> Product:
    """A product for the letter to be about; one that is nowhere while there is none."""
    return Product.objects.order_by("position", "pk").first() or Product(name="Your product", slug="your-product")


def _framed(words: str, subtype: str, status: int = 200) -> HttpResponse:
    response = HttpResponse(words, content_type=f"text/{subtype}; charset=utf-8", status=status)
    response["Content-Security-Policy"] = AS_MAIL
    return response


def _show(
    request: HttpRequest, *, form: SiteForm | None = None, logo_form: LogoForm | None = None, status: int = 200
) -> HttpResponse:
    reworded = set(LetterText.objects.values_list("notice", flat=True))
    context: dict[str, Any] = {
        "form": form or SiteForm(instance=Site.load()),
        "logo_form": logo_form or LogoForm(),
        "logo": site_of(request).logo_id,
        "letters": [(found, found.kind in reworded) for found in LETTERS.values()],
    }
    return render(request, "console/settings/index.html", context, status=status)
