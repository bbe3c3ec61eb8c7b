from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hub.models import Grant, Product
from hub.permissions import Permission, staff_only


@require_safe
@staff_only(Permission.SEE_PRODUCTS)
def products(request: HttpRequest) -> HttpResponse:
    listed = Product.objects.prefetch_related("offers", "categories").annotate(
        published=Count("pages", distinct=True, filter=Q(pages__is_published=True)),
        holders=Count("grants__user", distinct=True, filter=Q(grants__state__in=Grant.OPEN)),
    )
    return render(request, "console/products.html", {"products": listed.order_by("position", "pk")})
