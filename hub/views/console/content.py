"""The sections and pages of a product: listed, ordered, written, published."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from activities.numbers import read_number
from hub.content import embed, to_html
from hub.editing import pages as editing
from hub.editing.collections import Change
from hub.editing.deeds import note_deed
from hub.editing.forms import ContentsForm, PageForm, PagePictureForm, SectionForm
from hub.editing.order import PLACES, arrow_of, last_position, move
from hub.editing.products import count_holders, find_empty
from hub.models import Page, Product, Section
from hub.permissions import Permission, actor_of, staff_only
from hub.pictures.following import follow_words
from hub.redirects import SeeOther
from hub.views.console.editor import render_tab, take

TAB = "console_product_content"


def show_content(
    request: HttpRequest,
    product: Product,
    *,
    form: SectionForm,
    contents: ContentsForm | None = None,
    asked: Change | None = None,
) -> HttpResponse:
    """`contents`: the form of what a collection opens, as sent; `asked`: what it would change, to be confirmed."""
    context: dict[str, Any] = {"parts": editing.parts_of(product), "form": form, "asked": asked}
    context["is_empty"] = find_empty().filter(pk=product.pk).exists()
    if product.kind == Product.Kind.COLLECTION:
        context["contents"] = contents or ContentsForm(collection=product)
        context["items"] = [] if product.contains_all else product.items.select_related("product")
        context["holders"] = count_holders(product, now=clock.now())
    status = 422 if form.errors or (contents and contents.errors) else 200
    return render_tab(request, product.pk, "content.html", context, tab=TAB, status=status)


@require_safe
@staff_only(Permission.EDIT_PRODUCTS)
def content(request: HttpRequest, pk: int) -> HttpResponse:
    return show_content(request, get_object_or_404(Product, pk=pk), form=SectionForm())


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def add_section(request: HttpRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    form = SectionForm(request.POST)
    if not form.is_valid():
        return show_content(request, product, form=form)
    section = form.save(commit=False)
    section.product, section.position = product, last_position(product.sections.all())
    section.save()
    return _back(product)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def section(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Section.objects.select_related("product"), pk=pk)
    form = (
        SectionForm(instance=row)
        if request.method != "POST"
        else take(SectionForm, request, Section.objects.all(), pk=pk)
    )
    if form.is_saved:
        return _back(row.product)
    return render_tab(
        request, row.product_id, "section.html", {"form": form, "section": row}, tab=TAB, status=form.status
    )


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def move_section(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Section.objects.select_related("product"), pk=pk)
    to = request.POST.get("to", "")
    if places := PLACES.get(to):
        move(row.product.sections.all(), pk=pk, places=places)
    return _back(row.product, arrow_of(f"section-{pk}", to=to))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def delete_section(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Section.objects.select_related("product"), pk=pk)
    editing.delete_section(row, actor=actor_of(request), now=clock.now())
    messages.success(request, f"The section “{row.title}” is deleted. Its pages stand at the beginning now.")
    return _back(row.product)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def new_page(request: HttpRequest, pk: int) -> HttpResponse:
    """`?section=` puts it there. With `publish` it is readable at once."""
    product = get_object_or_404(Product, pk=pk)
    page = Page(product=product, is_published="publish" in request.POST)
    given = request.POST if request.method == "POST" else None
    form = PageForm(given, instance=page, initial={"section": request.GET.get("section")})
    if "insert" in request.POST:
        return _insert(request, page)
    if "preview" in request.POST or not form.is_valid():
        return _show_page(request, form, product)
    made = editing.create_page(form.save(commit=False), actor=actor_of(request), now=clock.now())
    messages.success(request, "Published." if made.is_published else "Saved as a draft.")
    return SeeOther(reverse("hub:console_page", args=[made.pk]))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves; with `publish`, publishes what was saved. With `preview` or `insert` it only shows what was typed."""
    row = get_object_or_404(Page.objects.select_related("product"), pk=pk)
    if request.method != "POST":
        return _show_page(request, PageForm(instance=row), row.product)
    if "insert" in request.POST:
        return _insert(request, row)
    if "preview" in request.POST:
        return _show_page(request, PageForm(request.POST, instance=row), row.product)
    with transaction.atomic():
        form = take(PageForm, request, Page.objects.select_related("product"), pk=pk)
        if not form.is_saved:
            return _show_page(request, form, row.product)
        if form.changes():
            note_deed(row.product, f"edited “{form.instance.title}”", actor=actor_of(request), now=clock.now())
            follow_words(row.product, now=clock.now())
        if "publish" in request.POST:
            editing.publish_page(form.instance, is_published=True, actor=actor_of(request), now=clock.now())
    messages.success(request, "Published." if "publish" in request.POST else "Saved.")
    return SeeOther(reverse("hub:console_page", args=[pk]))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def publish_page(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Page.objects.select_related("product"), pk=pk)
    editing.publish_page(row, is_published=request.POST.get("publish") == "1", actor=actor_of(request), now=clock.now())
    return _back(row.product, f"page-{pk}")


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def publish_all(request: HttpRequest, pk: int) -> HttpResponse:
    product = get_object_or_404(Product, pk=pk)
    count = editing.publish_all(product, actor=actor_of(request), now=clock.now())
    messages.success(request, f"{count} page{'' if count == 1 else 's'} published.")
    return _back(product)


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def move_page(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Page.objects.select_related("product"), pk=pk)
    to = request.POST.get("to", "")
    if places := PLACES.get(to):
        editing.move_page(row, places=places)
    return _back(row.product, arrow_of(f"page-{pk}", to=to))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def arrange_pages(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes the whole outline as it was dropped: `place` of each page, "section:page", or ":page" without section."""
    order = []
    for place in request.POST.getlist("place"):
        written, _, page_id = place.partition(":")
        section, page = read_number(written), read_number(page_id)
        if page is None or (written and section is None):
            return HttpResponseBadRequest("Not an order of pages.")
        order.append((section, page))
    editing.arrange_pages(get_object_or_404(Product, pk=pk), order=order)
    return HttpResponse(status=204)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def delete_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked first: what people have marked as read goes with it."""
    row = get_object_or_404(Page.objects.select_related("product"), pk=pk)
    if request.method != "POST":
        context = {"page": row, "readers": row.progress.count()}
        return render_tab(request, row.product_id, "delete_page.html", context, tab=TAB)
    editing.delete_page(row, actor=actor_of(request), now=clock.now())
    messages.success(request, f"“{row.title}” is deleted.")
    return _back(row.product)


def _insert(request: HttpRequest, page: Page) -> HttpResponse:
    """Shows what was typed with a picture at its end. The picture is kept, the words are not yet."""
    given, typed = PagePictureForm(request.POST, request.FILES, giver=actor_of(request)), request.POST.copy()
    if not given.is_valid():
        return _show_page(request, PageForm(typed, instance=page), page.product, picture=given)
    made, body = given.cleaned_data, typed.get("body", "")
    typed["body"] = editing.put_picture(page.product, made["picture"], shows=made["shows"], body=body, now=clock.now())
    return _show_page(request, PageForm(typed, instance=page), page.product)


def _show_page(
    request: HttpRequest, form: PageForm, product: Product, *, picture: PagePictureForm | None = None
) -> HttpResponse:
    preview = None
    if "preview" in request.POST and form.is_valid():
        typed = form.cleaned_data
        preview = {
            "title": typed["title"],
            "body": to_html(typed["body"]),
            "video": embed(typed["video_url"]) if typed["video_url"] else None,
        }
    stored = Page.objects.filter(pk=form.instance.pk).first() if form.instance.pk else None
    context = {"form": form, "page": stored, "preview": preview, "picture": picture or PagePictureForm()}
    status = 422 if picture else form.status
    return render_tab(request, product.pk, "page.html", context, tab=TAB, status=status)


def _back(product: Product, place: str = "") -> SeeOther:
    address = reverse(f"hub:{TAB}", args=[product.pk])
    return SeeOther(f"{address}#{place}" if place else address)
