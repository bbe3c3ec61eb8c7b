from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from activities import clock
from hub.editing.forms import NewProductForm
from hub.editing.products import create_product
from hub.models import Grant, Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther


@require_safe
@staff_only(Permission.SEE_PRODUCTS)
def products(request: HttpRequest) -> HttpResponse:
    listed = Product.objects.prefetch_related("offers", "categories").annotate(
        published=Count("pages", distinct=True, filter=Q(pages__is_published=True)),
        holders=Count("grants__user", distinct=True, filter=Q(grants__state__in=Grant.OPEN)),
    )
    return render(request, "console/products.html", {"products": listed.order_by("position", "pk")})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def new(request: HttpRequest) -> HttpResponse:
    form = NewProductForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "console/product/new.html", {"form": form}, status=422 if form.errors else 200)
    product = create_product(form.save(commit=False), actor=actor_of(request), now=clock.now())
    messages.success(request, f"{product} is made, as a draft. Now give it something to read.")
    return SeeOther(reverse("hub:console_product_content", args=[product.pk]))
