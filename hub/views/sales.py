from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from activities import clock
from hub import access, invoiced, locked, reading
from hub.content import to_html
from hub.context import site_of
from hub.library import fill_collection
from hub.models import Product, SalesPage, User
from hub.permissions import may_preview, signed_in
from hub.redirects import following_moves
from hub.sale import Sale, find_sale


@require_safe
@following_moves
def buy(request: HttpRequest, slug: str) -> HttpResponse:
    """The owner's stage: what it is, what is inside, what it costs. Drafts are for owners and admins."""
    user, now = signed_in(request), clock.now()
    page = get_object_or_404(
        SalesPage.objects.select_related("product").prefetch_related("product__offers"), product__slug=slug
    )
    is_public = page.is_live and page.product.is_live and page.product.archived_at is None
    if not is_public and not may_preview(user):
        raise Http404
    sale = find_sale(page.product)
    had = access.explain(user, page.product, at=now, now=now) if user else None
    door = _door(request, user, had, sale=sale)
    context = {
        "sales": page,
        "product": page.product,
        "sale": sale,
        "door": door,
        "late": invoiced.late(user, now=now) if user and not door else [],
        "body": to_html(page.body),
        "outline": reading.outline_of(page.product, user=None),
        "contents": fill_collection(page.product, user=None) if page.product.kind == Product.Kind.COLLECTION else [],
        "has_it": had is not None and (had.access or page.product.visibility != Product.Visibility.ACCESS),
        "is_preview": not is_public,
    }
    return render(request, "hub/buy.html", context)


def _door(
    request: HttpRequest, user: User | None, had: access.Explanation | None, *, sale: Sale | None
) -> locked.Locked | None:
    """What stands before buying: a payment on its way, a card to update. None for whoever may buy."""
    if user is None or had is None or had.access:
        return None
    door = locked.at_the_door(user, had, sale=sale, support_email=site_of(request).support_email)
    return None if door.is_new or door.step == "buy" else door
