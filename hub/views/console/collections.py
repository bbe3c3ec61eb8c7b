"""What a collection opens, and in which order."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from activities import clock
from hub.editing.collections import compare, fill
from hub.editing.forms import ContentsForm, SectionForm
from hub.editing.order import PLACES, arrow_of
from hub.editing.order import move as move_among
from hub.editing.products import count_holders
from hub.models import CollectionItem, Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.views.console.content import TAB, show_content


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def contents(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked first where people would lose something by it; gaining is told afterwards."""
    collection, now = get_object_or_404(Product, pk=pk, kind=Product.Kind.COLLECTION), clock.now()
    form = ContentsForm(request.POST, collection=collection)
    if not form.is_valid():
        return show_content(request, collection, form=SectionForm(), contents=form)
    given = form.cleaned_data
    wanted = {"contains_all": given["contains_all"], "chosen": given["products"]}
    change, holders = compare(collection, **wanted), count_holders(collection, now=now)
    if holders and change.lost and request.POST.get("sure") != change.mark:
        return show_content(request, collection, form=SectionForm(), contents=form, asked=change)
    fill(collection, **wanted, actor=actor_of(request), now=now)
    messages.success(request, _told(holders, gained=len(change.gained), lost=len(change.lost)))
    return SeeOther(reverse(f"hub:{TAB}", args=[pk]))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def move(request: HttpRequest, pk: int) -> HttpResponse:
    item = get_object_or_404(CollectionItem.objects.select_related("collection"), pk=pk)
    to = request.POST.get("to", "")
    if places := PLACES.get(to):
        move_among(item.collection.items.all(), pk=pk, places=places)
    return SeeOther(f"{reverse(f'hub:{TAB}', args=[item.collection_id])}#{arrow_of(f'item-{pk}', to=to)}")


def _told(holders: int, *, gained: int, lost: int) -> str:
    people = "1 person" if holders == 1 else f"{holders} people"
    if not holders or not (gained or lost):
        return "Saved."
    changes = [
        words for count, words in ((gained, f"can open {gained} more"), (lost, f"cannot open {lost} any more")) if count
    ]
    return f"Saved. {people} {' and '.join(changes)}."
