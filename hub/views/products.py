from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from activities import clock
from hub import access, invoiced, locked, reading
from hub.content import embed, to_html
from hub.context import site_of
from hub.library import fill_collection
from hub.models import Page, Product, User
from hub.permissions import may_preview, signed_in, to_login
from hub.redirects import SeeOther, back_to, following_moves
from hub.sale import collections_of, find_sale_within


@require_safe
@following_moves
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """The product's own page: its outline for readers, a closed door with one reason for everybody else."""
    user, now = signed_in(request), clock.now()
    item = _find(slug, user)
    if reading.may_read(user, item, now=now) or may_preview(user):
        context = {
            "product": item,
            "outline": reading.outline_of(item, user=user, drafts=may_preview(user)),
            "contents": fill_collection(item, user=user) if item.kind == Product.Kind.COLLECTION else [],
            "blurb": to_html(item.description),
            "late": invoiced.late(user, now=now) if user else [],
        }
        return render(request, "hub/product.html", context)
    return _closed(request, item, user, now=now)


@require_safe
@following_moves
def page(request: HttpRequest, slug: str, page: str) -> HttpResponse:
    user, now = signed_in(request), clock.now()
    item = _find(slug, user)
    preview = may_preview(user)
    if not (reading.may_read(user, item, now=now) or preview):
        # A visitor stands at the page's own door: signing in there leads back to it.
        return SeeOther(item.get_absolute_url()) if user else _closed(request, item, None, now=now)
    outline = reading.outline_of(item, user=user, drafts=preview)
    entry = next((entry for entry in outline.entries if entry.page.slug == page), None)
    if entry is None:
        raise Http404
    if user:
        reading.mark_opened(entry.page, user=user, seen=entry, now=now)
    before, after = outline.around(entry.page)
    context = {
        "product": item,
        "page": entry.page,
        "entry": entry,
        "outline": outline,
        "before": before,
        "after": after,
        "body": to_html(entry.page.body),
        "video": embed(entry.page.video_url) if entry.page.video_url else None,
    }
    return render(request, "hub/page.html", context)


@back_to(lambda slug, page: reverse("hub:page", args=[slug, page]))
def complete(request: HttpRequest, slug: str, page: str) -> HttpResponse:
    """Finishes a page and goes on to the next; with `undo`, takes it back."""
    user, now = signed_in(request), clock.now()
    if user is None:
        return to_login(request)
    item = _find(slug, user)
    if not (reading.may_read(user, item, now=now) or may_preview(user)):
        return SeeOther(item.get_absolute_url())
    done = get_object_or_404(Page.objects.select_related("product"), product=item, slug=page, is_published=True)
    if "undo" in request.POST:
        reading.mark_unfinished(done, user=user)
        return SeeOther(done.get_absolute_url())
    reading.mark_complete(done, user=user, now=now)
    _, after = reading.outline_of(item, user=user).around(done)
    if after is None:
        messages.success(request, f"You have read the last page of {item.name}.")
    return SeeOther(after.page.get_absolute_url() if after else item.get_absolute_url())


def _find(slug: str, user: User | None) -> Product:
    """The product, unless it is a draft that this person may not preview."""
    item = get_object_or_404(Product.objects.select_related("sales_page"), slug=slug)
    if not item.is_live and not may_preview(user):
        raise Http404
    return item


def _closed(request: HttpRequest, item: Product, user: User | None, *, now: datetime) -> HttpResponse:
    sale = find_sale_within(item, collections_of(item))
    had = access.explain(user, item, at=now, now=now) if user else None
    is_known = had is not None and had.reason != "never_had"
    if not (sale or (item.show_locked and not item.archived_at) or is_known):
        raise Http404
    door = (
        locked.at_the_door(user, had, sale=sale, support_email=site_of(request).support_email)
        if user and had
        else locked.for_visitor(sale)
    )
    outline = reading.outline_of(item, user=None)
    context = {
        "product": item,
        "door": door,
        "sale": sale,
        "outline": outline,
        "contents": fill_collection(item, user=None) if item.kind == Product.Kind.COLLECTION else [],
        "blurb": to_html(item.description),
    }
    return render(request, "hub/locked.html", context)
