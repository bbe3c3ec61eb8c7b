"""What the owner's pages about Stripe have in common."""

from django.shortcuts import get_object_or_404

from billing.models import ProductLink
from hub.models import Product

WAYS = {
    Product.Purchase.SALES_PAGE: "Its buttons lead to its sales page.",
    Product.Purchase.CHECKOUT: "Its buttons lead straight to checkout.",
    Product.Purchase.EXTERNAL: "Its buttons lead to the address that you chose.",
}

AWAY = "Stripe does not answer right now. Nothing was changed; try again in a minute."
HALF_WAY = "Stripe did not answer to the end: what is missing is made in a moment, or when you try again."


def made_for(product: int) -> ProductLink:
    """The link of a product, by its primary key, or 404."""
    links = ProductLink.objects.select_related("connection", "product")
    return get_object_or_404(links, product=product, unlinked_at__isnull=True)


def with_way(words: str, made: ProductLink) -> str:
    """The words, and where somebody who wants the product is led by now: nowhere, where nothing is on sale."""
    made.product.refresh_from_db(fields=["purchase"])
    way = WAYS.get(Product.Purchase(made.product.purchase))
    return f"{words} {way}" if way and made.offers.exists() else words
