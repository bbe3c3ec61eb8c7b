"""A product's sections and pages, ordered, published and thrown away by hand."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from hub.editing.addresses import free_slug
from hub.editing.deeds import note_deed
from hub.editing.order import last_position, number
from hub.models import Page, Product, Section, User
from hub.pictures.following import follow_words
from hub.pictures.keeping import address_of, keep
from hub.pictures.preparing import PAGE, Prepared


@dataclass(frozen=True, slots=True)
class Part:
    """A section with its pages, in their order; the first part may have no section."""

    section: Section | None
    pages: Sequence[Page]


def parts_of(product: Product) -> list[Part]:
    """Everything there is, drafts and empty sections too, in reading order and in two queries."""
    pages: dict[int | None, list[Page]] = {}
    for page in product.pages.defer("body").order_by("position", "pk"):
        page.product = product
        pages.setdefault(page.section_id, []).append(page)
    sections = list(product.sections.all())
    first = [Part(None, pages.get(None, []))] if pages.get(None) or not sections else []
    return [*first, *(Part(section, pages.get(section.pk, [])) for section in sections)]


@transaction.atomic
def create_page(page: Page, *, actor: User, now: datetime) -> Page:
    """Saves a new one behind the others of its section. Its product is set."""
    if not page.slug:
        page.slug = free_slug(page.title, among=[page.product.pages.all()], otherwise="page")
    page.position = last_position(_pages_in(page.product, page.section))
    page.save()
    follow_words(page.product, now=now)
    if page.is_published:
        note_deed(page.product, f"published “{page.title}”", actor=actor, now=now)
    return page


@transaction.atomic
def publish_page(page: Page, *, is_published: bool, actor: User, now: datetime) -> None:
    if Page.objects.filter(pk=page.pk, is_published=not is_published).update(is_published=is_published):
        deed = "published" if is_published else "took back to a draft"
        note_deed(page.product, f"{deed} “{page.title}”", actor=actor, now=now)


@transaction.atomic
def publish_all(product: Product, *, actor: User, now: datetime) -> int:
    """How many were drafts."""
    count = product.pages.filter(is_published=False).update(is_published=True)
    if count:
        note_deed(product, f"published {count} page{'' if count == 1 else 's'}", actor=actor, now=now)
    return count


@transaction.atomic
def delete_page(page: Page, *, actor: User, now: datetime) -> None:
    """With everybody's progress on it."""
    note_deed(page.product, f"deleted the page “{page.title}”", actor=actor, now=now)
    page.delete()
    follow_words(page.product, now=now)


@transaction.atomic
def delete_section(section: Section, *, actor: User, now: datetime) -> None:
    """Its pages stay, behind those at the beginning that have no section."""
    product = section.product
    behind = last_position(product.pages.filter(section=None))
    for place, page in enumerate(section.pages.select_for_update().order_by("position", "pk")):
        Page.objects.filter(pk=page.pk).update(section=None, position=behind + place)
    note_deed(product, f"deleted the section “{section.title}”", actor=actor, now=now)
    section.delete()


@transaction.atomic
def move_page(page: Page, *, places: int) -> bool:
    """One place up or down, and over the edge of a section into the next. Whether there was a place to go to."""
    Product.objects.select_for_update().get(pk=page.product_id)
    parts = parts_of(page.product)
    here = next(place for place, part in enumerate(parts) if page.pk in {found.pk for found in part.pages})
    mates = [found.pk for found in parts[here].pages]
    there = mates.index(page.pk) + places
    if 0 <= there < len(mates):
        mates.remove(page.pk)
        mates.insert(there, page.pk)
        number(_pages_in(page.product, parts[here].section), mates)
        return True
    if not 0 <= here + places < len(parts):
        return False
    _put(page, parts[here + places].section, first=places > 0)
    return True


@transaction.atomic
def arrange_pages(product: Product, *, order: Sequence[tuple[int | None, int]]) -> None:
    """Puts pages where they were dropped: (section id or None, page id) in reading order. Strangers are left out."""
    Product.objects.select_for_update().get(pk=product.pk)
    sections = {None, *product.sections.values_list("pk", flat=True)}
    known = {page.pk: page for page in product.pages.defer("body")}
    places: dict[int | None, int] = {}
    moved = []
    for section_id, pk in order:
        page = known.pop(pk, None)
        if page is None or section_id not in sections:
            continue
        place = places[section_id] = places.get(section_id, -1) + 1
        if (page.section_id, page.position) != (section_id, place):
            page.section_id, page.position = section_id, place
            moved.append(page)
    Page.objects.bulk_update(moved, ["section", "position"], batch_size=200)


@transaction.atomic
def put_picture(product: Product, prepared: Prepared, *, shows: str, body: str, now: datetime) -> str:
    """The words of a page with the picture at their end. Only the picture is kept: whoever writes has not saved yet."""
    picture = keep(prepared, now=now)
    product.pictures.add(picture)
    address = address_of(picture.name, purpose=PAGE, side=PAGE.sides[-1])
    words = re.sub(r"[\[\]\\\s]+", " ", shows).strip()
    return f"{body.rstrip()}\n\n![{words}]({address})\n".lstrip()


def _pages_in(product: Product, section: Section | None) -> QuerySet[Page]:
    return product.pages.filter(section=section).defer("body").order_by("position", "pk")


def _put(page: Page, section: Section | None, *, first: bool) -> None:
    others = list(_pages_in(page.product, section).values_list("pk", flat=True))
    Page.objects.filter(pk=page.pk).update(section=section)
    number(_pages_in(page.product, section), [page.pk, *others] if first else [*others, page.pk])
