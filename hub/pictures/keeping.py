"""Pictures as rows: kept, found by address, forgotten when nothing shows them any more."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import ForeignObjectRel, Q
from django.urls import reverse

from activities.links import absolute
from hub import access
from hub.models import Picture, PictureSize, Product, User
from hub.permissions import may_preview
from hub.pictures.preparing import COVER, LOGO, PAGE, PURPOSES, Prepared, Purpose

KEPT_UNUSED = timedelta(days=1)
CONTENT_TYPES = {"WEBP": "image/webp", "PNG": "image/png"}


@transaction.atomic
def keep(prepared: Prepared, *, now: datetime) -> Picture:
    """The row to refer to; the same picture given twice is one."""
    picture, is_new = Picture.objects.update_or_create(
        name=prepared.name,
        defaults={
            "purpose": prepared.purpose.name,
            "width": prepared.width,
            "height": prepared.height,
            "given_at": now,
        },
    )
    if is_new:
        PictureSize.objects.bulk_create(
            PictureSize(picture=picture, side=side, content=content) for side, content in prepared.sizes.items()
        )
    return picture


def address_of(name: str, *, purpose: Purpose, side: int) -> str:
    """The path of one size of a picture, by its name alone: no row is read for it."""
    return reverse("hub:picture", args=[name, side, purpose.format.lower()])


def url_of_cover(product: Product) -> str:
    """Of the owner's picture at its largest, for whoever shows the product elsewhere."""
    return absolute(address_of(product.cover_id or "", purpose=COVER, side=COVER.sides[-1]))


def is_public(picture: Picture) -> bool:
    """A logo is everybody's, a cover where its product is shown to people without access, a page's picture where
    everybody may read the product or finds it in what is said of it.
    """
    live = Product.objects.filter(is_live=True)
    if picture.purpose == COVER.name:
        return live.filter(_is_listed(), cover=picture).exists()
    if picture.purpose == PAGE.name:
        for_all = Q(visibility=Product.Visibility.PUBLIC)
        said = _is_listed() & Q(description__contains=picture.name)
        sold = Q(sales_page__is_live=True, archived_at=None, sales_page__body__contains=picture.name)
        return live.filter(for_all | said | sold, pictures=picture).exists()
    return picture.purpose == LOGO.name


def may_see(picture: Picture, user: User, *, now: datetime) -> bool:
    """Whether one that is not public is shown to this person: as the product is, whose it is."""
    if may_preview(user):
        return True
    its_own = Q(cover=picture) | Q(pictures=picture)
    of_members = Q(visibility=Product.Visibility.MEMBERS, archived_at=None)
    reached = of_members | Q(pk__in=access.open_products(user, now=now))
    return Product.objects.filter(its_own, reached, is_live=True).exists()


def forget_unused(*, now: datetime) -> int:
    """Deletes what nothing refers to. Pictures of today stay: somebody may be about to save the form."""
    unused = Picture.objects.filter(given_at__lt=now - KEPT_UNUSED)
    for relation in Picture._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and relation.related_model is not PictureSize:
            name = relation.field.name
            rows = relation.related_model._default_manager.filter(**{f"{name}__isnull": False})
            unused = unused.exclude(pk__in=rows.values(name))
    return unused.delete()[0]


def purpose_of(picture: Picture) -> Purpose:
    return PURPOSES[picture.purpose]


def _is_listed() -> Q:
    """Shown to people without access: by itself, or as a part of a collection that is."""
    alone = Q(archived_at=None) & (Q(show_locked=True) | Q(visibility=Product.Visibility.PUBLIC))
    collections = Product.objects.filter(alone, kind=Product.Kind.COLLECTION, is_live=True)
    inside = Q(item_of__collection__in=collections.values("pk"))
    if collections.filter(contains_all=True).exists():
        inside |= Q(kind=Product.Kind.STANDARD, archived_at=None)
    return alone | inside
