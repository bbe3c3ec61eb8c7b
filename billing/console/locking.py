"""The page of the live subscriptions that keep a link from being ended."""

from itertools import islice

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from activities.numbers import read_number
from billing.desk.dashboard import page_of
from billing.models import ProductLink
from billing.shop.counting import known_live
from hub.models import Product
from hub.permissions import Permission, staff_only

PAGE = 50


@require_safe
@staff_only(Permission.LINK_PRODUCTS)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """Each with its person, if it has one, and the way to it at Stripe. In the order in which they were heard of."""
    product = get_object_or_404(Product, pk=pk)
    made = ProductLink.objects.filter(product=product, unlinked_at__isnull=True).select_related("connection").first()
    if made is None:
        raise Http404
    after = read_number(request.GET.get("after", "")) or 0
    found = list(islice(known_live(made, after=after), PAGE + 1))
    context = {
        "product": product,
        "made": made,
        "rows": [(row, page_of(row.stripe_id, connection=made.connection)) for row in found[:PAGE]],
        "older": f"?after={found[PAGE - 1].pk}" if len(found) > PAGE else "",
        "product_at_stripe": page_of(made.stripe_product, connection=made.connection),
    }
    return render(request, "billing/live.html", context)
