from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from activities import clock
from hub import reading
from hub.content import to_html
from hub.library import fill_collection
from hub.models import Product, SalesPage
from hub.permissions import may_preview, signed_in
from hub.sale import find_sale


@require_safe
def buy(request: HttpRequest, slug: str) -> HttpResponse:
    """The owner's stage: what it is, what is inside, what it costs. Drafts are for owners and admins."""
    user = signed_in(request)
    page = get_object_or_404(
        SalesPage.objects.select_related("product").prefetch_related("product__offers"), product__slug=slug
    )
    is_public = page.is_live and page.product.is_live and page.product.archived_at is None
    if not is_public and not may_preview(user):
        raise Http404
    context = {
        "sales": page,
        "product": page.product,
        "sale": find_sale(page.product),
        "body": to_html(page.body),
        "outline": reading.outline_of(page.product, user=None),
        "contents": fill_collection(page.product, user=None) if page.product.kind == Product.Kind.COLLECTION else [],
        "has_it": user is not None and reading.may_read(user, page.product, now=clock.now()),
        "is_preview": not is_public,
    }
    return render(request, "hub/buy.html", context)
