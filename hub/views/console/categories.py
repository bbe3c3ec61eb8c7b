"""The categories of the catalogue: made, renamed, put in order, deleted."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from activities import clock
from activities.numbers import read_numbers
from hub.editing import categories as editing
from hub.editing.forms import CategoryForm
from hub.editing.order import PLACES, arrange, arrow_of
from hub.editing.order import move as move_among
from hub.models import Category
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.views.console.editor import take


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def categories(request: HttpRequest) -> HttpResponse:
    """All of them in their order, and a new one."""
    form = CategoryForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        made = editing.make_category(form.save(commit=False), actor=actor_of(request), now=clock.now())
        messages.success(request, f"The category “{made}” is made. Put products into it on their pages.")
        return _back()
    context = {"form": form, "categories": editing.list_categories()}
    return render(request, "console/categories.html", context, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
@transaction.atomic
def category(request: HttpRequest, pk: int) -> HttpResponse:
    """Renames it."""
    row = get_object_or_404(editing.list_categories(), pk=pk)
    form = (
        CategoryForm(instance=row)
        if request.method != "POST"
        else take(CategoryForm, request, Category.objects.all(), pk=pk)
    )
    if form.is_saved:
        editing.note_new_name(form.instance, before=row.name, actor=actor_of(request), now=clock.now())
        return _back(f"category-{pk}")
    return render(request, "console/category.html", {"form": form, "category": row}, status=form.status)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first."""
    row = get_object_or_404(editing.list_categories(), pk=pk)
    if request.method != "POST":
        return render(request, "console/delete_category.html", {"category": row})
    editing.delete_category(row, actor=actor_of(request), now=clock.now())
    messages.success(request, f"The category “{row.name}” is deleted. Its products stay as they were.")
    return _back()


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def move(request: HttpRequest, pk: int) -> HttpResponse:
    get_object_or_404(Category, pk=pk)
    to = request.POST.get("to", "")
    if places := PLACES.get(to):
        move_among(Category.objects.all(), pk=pk, places=places)
    return _back(arrow_of(f"category-{pk}", to=to))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def order(request: HttpRequest) -> HttpResponse:
    """Every row where somebody dragged it to."""
    places = read_numbers(request.POST.getlist("place"))
    if places is None:
        return HttpResponseBadRequest("Not an order of categories.")
    arrange(Category.objects.all(), order=places)
    return HttpResponse(status=204)


def _back(row: str = "") -> SeeOther:
    address = reverse("hub:console_categories")
    return SeeOther(f"{address}#{row}" if row else address)
