"""Products made, copied, shown and put away by hand."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from hub.access import open_grants
from hub.editing.addresses import free_slug
from hub.editing.deeds import note_deed
from hub.editing.order import last_position
from hub.errors import Refused
from hub.models import CollectionItem, FormerAddress, Grant, Page, Product, SalesPage, Section, User
from hub.pictures.following import follow_words
from hub.pictures.keeping import keep
from hub.pictures.preparing import Prepared
from hub.sale import live_offers


@transaction.atomic
def create_product(product: Product, *, actor: User, now: datetime) -> Product:
    """Saves a new one: a draft, behind all others, with an address made of its name."""
    product.slug = free_slug(
        product.name, among=[Product.objects.all(), FormerAddress.objects.all()], otherwise="product"
    )
    product.position = last_position(Product.objects.all())
    product.is_live = False
    product.save()
    note_deed(product, "made the product", actor=actor, now=now)
    return product


@transaction.atomic
def duplicate(product: Product, *, actor: User, now: datetime) -> Product:
    """A draft with the same settings, pages and sales page. Nobody has it and nothing sells it: no link with Stripe."""
    copy = Product.objects.get(pk=product.pk)
    copy.pk, copy._state.adding = None, True
    copy.name, copy.archived_at = _name_of_copy(product.name), None
    create_product(copy, actor=actor, now=now)
    copy.categories.set(product.categories.all())
    _copy_pages(product, copy)
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=copy, product_id=item.product_id, position=item.position)
        for item in product.items.all()
    )
    if page := SalesPage.objects.filter(product=product).first():
        page.pk, page._state.adding = None, True
        page.product, page.is_live = copy, False
        page.save()
    follow_words(copy, now=now)
    return copy


@transaction.atomic
def change_cover(product: Product, prepared: Prepared | None, *, actor: User, now: datetime) -> None:
    """None: the drawn one."""
    cover = keep(prepared, now=now) if prepared else None
    if Product.objects.exclude(cover=cover).filter(pk=product.pk).update(cover=cover):
        deed = "gave it another cover" if cover else "took its cover picture away"
        note_deed(product, deed, actor=actor, now=now)


@transaction.atomic
def set_live(product: Product, *, is_live: bool, actor: User, now: datetime) -> None:
    """Publishes it, or makes it a draft. Raises Refused while it is on sale: who pays has to find what they bought."""
    if not is_live and live_offers(product):
        raise Refused("It is on sale. Take its prices off sale first: whoever paid would find nothing.")
    changed = Product.objects.filter(pk=product.pk, is_live=not is_live).update(is_live=is_live)
    if changed:
        note_deed(product, "published" if is_live else "made it a draft again", actor=actor, now=now)


@transaction.atomic
def archive(product: Product, *, actor: User, now: datetime) -> None:
    """Out of the library of everybody who does not have it, and off sale here. Access that was given stays."""
    if Product.objects.filter(pk=product.pk, archived_at=None).update(archived_at=now):
        note_deed(product, "archived", actor=actor, now=now)


@transaction.atomic
def unarchive(product: Product, *, actor: User, now: datetime) -> None:
    if Product.objects.filter(pk=product.pk, archived_at__isnull=False).update(archived_at=None):
        note_deed(product, "took out of the archive", actor=actor, now=now)


def find_empty() -> QuerySet[Product]:
    """What is live and has nothing to read: a collection may be so, a product with pages of its own not."""
    live = Product.objects.filter(is_live=True, archived_at=None, kind=Product.Kind.STANDARD)
    return live.exclude(pages__is_published=True)


def find_held_drafts() -> QuerySet[Product]:
    """What members have, and do not find because it is a draft."""
    held = Grant.objects.filter(product=OuterRef("pk"), state__in=Grant.OPEN, user__role=User.Role.MEMBER)
    return Product.objects.filter(Exists(held), is_live=False, archived_at=None)


def count_holders(product: Product, *, now: datetime) -> int:
    """How many people have the product itself; whoever has it through a collection is not counted."""
    return open_grants(now=now).filter(product=product).values("user").distinct().count()


def _name_of_copy(name: str) -> str:
    longest: int = Product._meta.get_field("name").max_length or 0
    return f"Copy of {name}"[:longest]


def _copy_pages(source: Product, copy: Product) -> None:
    old = list(source.sections.all())
    made = Section.objects.bulk_create(
        Section(product=copy, title=section.title, position=section.position) for section in old
    )
    section_of = {section.pk: new for section, new in zip(old, made, strict=True)}
    pages = list(source.pages.all())
    for page in pages:
        page.pk, page._state.adding = None, True
        page.product = copy
        page.section = section_of.get(page.section_id) if page.section_id else None
    Page.objects.bulk_create(pages)
