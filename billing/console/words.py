"""What the owner's pages about Stripe have in common."""

from django.shortcuts import get_object_or_404

from billing.models import ProductLink

AWAY = "Stripe does not answer right now. Nothing was changed; try again in a minute."
HALF_WAY = "Stripe did not answer to the end: what is missing is made in a moment, or when you try again."


def made_for(slug: str) -> ProductLink:
    """The link of a product, by its slug, or 404."""
    links = ProductLink.objects.select_related("connection", "product")
    return get_object_or_404(links, product__slug=slug, unlinked_at__isnull=True)
