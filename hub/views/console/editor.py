"""One product in the console: its tabs, and what is done to it as a whole."""

from typing import Any, TypeVar

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from activities.feed import Cursor, Filters, page
from hub.editing import products as editing
from hub.editing.deeds import note_deed
from hub.editing.forms import CoverForm, EditForm, InfoForm, SettingsForm
from hub.errors import Refused
from hub.figures import NOT_LINKED, figures_of
from hub.models import Product
from hub.permissions import Permission, actor_of, staff_only
from hub.pictures.following import follow_words
from hub.redirects import SeeOther
from hub.sale import live_offers

Form = TypeVar("Form", bound=EditForm)
TABS = {
    "console_product": "Info",
    "console_product_content": "Content",
    "console_product_settings": "Settings",
    "console_product_sales": "Sales page",
    "console_product_activity": "Activity",
}


def render_tab(
    request: HttpRequest, pk: int, template: str, context: dict[str, Any], *, tab: str, status: int = 200
) -> HttpResponse:
    """A page about a product below its head and tabs. `tab` is the name of the address of the one it belongs to."""
    counted = Product.objects.annotate(
        page_count=Count("pages"), draft_count=Count("pages", filter=Q(pages__is_published=False))
    )
    product = get_object_or_404(counted, pk=pk)
    pages: int = product.page_count  # type: ignore[attr-defined]
    tabs = [
        (label, reverse(f"hub:{name}", args=[pk]), name == tab, pages if label == "Content" else 0)
        for name, label in TABS.items()
    ]
    return render(request, f"console/product/{template}", {**context, "product": product, "tabs": tabs}, status=status)


@transaction.atomic
def take(form_class: type[Form], request: HttpRequest, rows: QuerySet[Any], *, pk: int) -> Form:
    """The form as it was sent, and saved (`is_saved`) where nothing is wrong with it and nobody was faster."""
    form = form_class(request.POST, instance=get_object_or_404(rows.select_for_update(), pk=pk))
    if form.may_save:
        form.save()
        form.is_saved = True
    return form


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def info(request: HttpRequest, pk: int) -> HttpResponse:
    context = {"cover_form": CoverForm()}
    return _edit(request, pk, InfoForm, template="info.html", tab="console_product", context=context)


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def cover(request: HttpRequest, pk: int) -> HttpResponse:
    """Another picture; with `remove`, the drawn one."""
    product, form = get_object_or_404(Product, pk=pk), CoverForm(request.POST, request.FILES, giver=actor_of(request))
    if "remove" in request.POST:
        editing.change_cover(product, None, actor=actor_of(request), now=clock.now())
    elif form.is_valid():
        editing.change_cover(product, form.cleaned_data["picture"], actor=actor_of(request), now=clock.now())
    else:
        context = {"form": InfoForm(instance=product), "cover_form": form}
        return render_tab(request, pk, "info.html", context, tab="console_product", status=422)
    messages.success(request, "The cover is changed.")
    return SeeOther(reverse("hub:console_product", args=[pk]))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def settings(request: HttpRequest, pk: int) -> HttpResponse:
    return _edit(request, pk, SettingsForm, template="settings.html", tab="console_product_settings")


@require_safe
@staff_only(Permission.EDIT_PRODUCTS)
def activity(request: HttpRequest, pk: int) -> HttpResponse:
    found = page(Filters(product_id=pk), after=Cursor.read(request.GET.get("after", "")))
    return render_tab(request, pk, "activity.html", {"found": found}, tab="console_product_activity")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Publishes at once. Before a product disappears for people who have it, they are counted and it is asked."""
    product, now = get_object_or_404(Product, pk=pk), clock.now()
    if request.method != "POST":
        return render_tab(
            request,
            pk,
            "withdraw.html",
            {"holders": editing.count_holders(product, now=now), "is_on_sale": bool(live_offers(product))},
            tab="console_product",
        )
    is_live = request.POST.get("live") == "1"
    try:
        editing.set_live(product, is_live=is_live, actor=actor_of(request), now=now)
    except Refused as refused:
        messages.error(request, str(refused))
        return SeeOther(reverse("hub:console_product_live", args=[pk]))
    messages.success(request, f"{product} is {'live' if is_live else 'a draft now: only owners and admins see it'}.")
    if is_live and (count := editing.count_holders(product, now=now)):
        has = "1 person has" if count == 1 else f"{count} people have"
        messages.info(request, f"{has} it already. Whoever got it while it was a draft got no e-mail about it.")
    if editing.find_empty().filter(pk=pk).exists():
        messages.warning(request, "It has no published page yet: whoever opens it finds nothing to read.")
    return SeeOther(reverse("hub:console_product", args=[pk]))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def duplicate(request: HttpRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    copy = editing.duplicate(product, actor=actor_of(request), now=clock.now())
    messages.success(request, "This is the copy, a draft. It is not linked with Stripe, and nobody has it.")
    return SeeOther(reverse("hub:console_product", args=[copy.pk]))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def archive(request: HttpRequest, pk: int) -> HttpResponse:
    product, now = get_object_or_404(Product, pk=pk), clock.now()
    if request.method != "POST":
        is_linked = figures_of([pk])[pk].mark != NOT_LINKED
        context = {"holders": editing.count_holders(product, now=now), "is_linked": is_linked}
        return render_tab(request, pk, "archive.html", context, tab="console_product")
    editing.archive(product, actor=actor_of(request), now=now)
    messages.success(request, f"{product} is archived. Whoever has it keeps it.")
    return SeeOther(reverse("hub:console_product", args=[pk]))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def unarchive(request: HttpRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    editing.unarchive(product, actor=actor_of(request), now=clock.now())
    messages.success(request, f"{product} is out of the archive.")
    return SeeOther(reverse("hub:console_product", args=[pk]))


def _edit(
    request: HttpRequest,
    pk: int,
    form_class: type[EditForm],
    *,
    template: str,
    tab: str,
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    if request.method != "POST":
        form = form_class(instance=get_object_or_404(Product, pk=pk))
    else:
        with transaction.atomic():
            form = take(form_class, request, Product.objects.all(), pk=pk)
            if form.is_saved and form.changes():
                note_deed(form.instance, f"changed {form.changes()}", actor=actor_of(request), now=clock.now())
            if form.is_saved and "description" in form.changed_data:
                follow_words(form.instance, now=clock.now())
    if not form.is_saved:
        return render_tab(request, pk, template, {"form": form, **(context or {})}, tab=tab, status=form.status)
    messages.success(request, "Saved.")
    return SeeOther(reverse(f"hub:{tab}", args=[pk]))
