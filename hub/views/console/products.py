from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from activities.chips import address, chips
from activities.numbers import read_number, read_numbers
from hub.editing.forms import NewProductForm, ProductsForm
from hub.editing.listing import list_products
from hub.editing.order import PLACES, arrange, arrow_of
from hub.editing.order import move as move_among
from hub.editing.products import create_product
from hub.models import Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther


@require_safe
@staff_only(Permission.SEE_PRODUCTS)
def products(request: HttpRequest) -> HttpResponse:
    form, given = ProductsForm(request.GET), request.GET.get("after", "")
    found = list_products(form.filters(), after=read_number(given) or 0, now=clock.now())
    context = {
        "form": form,
        "found": found,
        "chips": chips(form, request.GET),
        "is_whole": not form.is_narrowed,
        "is_empty": not found.rows and not Product.objects.exists(),
        "older": address(request.GET, after=str(found.after)) if found.after else "",
    }
    return render(request, "console/products.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def new(request: HttpRequest) -> HttpResponse:
    form = NewProductForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "console/product/new.html", {"form": form}, status=422 if form.errors else 200)
    product = create_product(form.save(commit=False), actor=actor_of(request), now=clock.now())
    messages.success(request, f"{product} is made, as a draft. Now give it something to read.")
    return SeeOther(reverse("hub:console_product_content", args=[product.pk]))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def move(request: HttpRequest, pk: int) -> HttpResponse:
    """One place up or down in the library, past those that are archived."""
    to = request.POST.get("to", "")
    get_object_or_404(Product, pk=pk)
    if places := PLACES.get(to):
        move_among(Product.objects.filter(archived_at=None) | Product.objects.filter(pk=pk), pk=pk, places=places)
    return SeeOther(f"{reverse('hub:console_products')}#{arrow_of(f'product-{pk}', to=to)}")


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def order(request: HttpRequest) -> HttpResponse:
    """Takes those on a page as they were dropped: `place` of each, its id."""
    places = read_numbers(request.POST.getlist("place"))
    if places is None:
        return HttpResponseBadRequest("Not an order of products.")
    arrange(Product.objects.all(), order=places)
    return HttpResponse(status=204)
