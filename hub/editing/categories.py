"""Categories that products are put into: the library is narrowed by them."""

from hub.editing.addresses import free_slug
from hub.editing.order import last_position
from hub.models import Category


def find_or_make_category(name: str) -> Category:
    """By its name, whatever its case; a new one comes behind the others."""
    categories = Category.objects.all()
    known = categories.filter(name__iexact=name).first()
    return known or Category.objects.create(
        name=name,
        slug=free_slug(name, among=[categories], otherwise="category")[: Category._meta.get_field("slug").max_length],
        position=last_position(categories),
    )
