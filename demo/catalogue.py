"""What Hillside Pottery teaches, and what it asks for it. The lessons themselves are in content/."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.text import slugify

from billing.models import Offer, ProductLink
from billing.shop.linking import link
from demo.lessons import Lesson, read_lessons
from demo.stripe_account import StripeAccount
from hub.models import Category, CollectionItem, Page, Product, SalesPage, Section, Site, User

CONTENT = Path(__file__).parent / "content"

SITE: dict[str, Any] = {
    "name": "Hillside Pottery",
    "tagline": "Clay, fire and patience, taught from a barn on the hill.",
    "accent": "#9a4b26",
    "support_email": "studio@example.com",
    "public_library": True,
}

CATEGORIES = ("Courses", "Live", "Kits", "Journal")


@dataclass(frozen=True, slots=True)
class Plan:
    """A product to be. `prices` are Stripe's parameters by our name for the offer; none: it is not sold."""

    name: str
    category: str
    summary: str
    hue: int
    prices: dict[str, dict[str, Any]]
    contains: tuple[str, ...] = ()
    visibility: str = Product.Visibility.ACCESS
    is_live: bool = True

    @property
    def slug(self) -> str:
        return slugify(self.name.replace("&", "and"))


def _once(cents: int) -> dict[str, dict[str, Any]]:
    return {"once": {"unit_amount": cents}}


def _monthly_or_yearly(month: int, year: int) -> dict[str, dict[str, Any]]:
    return {
        "month": {"unit_amount": month, "recurring": {"interval": "month"}, "nickname": "Monthly"},
        "year": {"unit_amount": year, "recurring": {"interval": "year"}, "nickname": "Yearly"},
    }


PLANS = (
    Plan(
        "The Wheel, from Zero",
        "Courses",
        "From a lump on the bench to your first set of bowls, one skill at a time.",
        45,
        _once(18000),
    ),
    Plan(
        "Studio Membership",
        "Live",
        "The glaze recipes, the live evenings and the studio’s whole archive, for as long as you like.",
        28,
        _monthly_or_yearly(2400, 24000),
        contains=("glaze-atlas", "open-studio-live"),
    ),
    Plan("Glaze Atlas", "Kits", "Recipes we fire every week, with what they do when you change one thing.", 225, {}),
    Plan("Open Studio Live", "Live", "Two evenings a month at the bench, and every recording.", 155, {}),
    Plan(
        "Raku Weekend",
        "Courses",
        "Build a small kiln, pull glowing pots out of it, and know why they crackle.",
        15,
        _once(18000),
    ),
    Plan(
        "Slip & Line",
        "Courses",
        "Drawing on clay: slip, sgraffito and brush, with a new exercise each month.",
        95,
        _monthly_or_yearly(1200, 12000),
    ),
    Plan(
        "Kiln Log",
        "Journal",
        "What went in, what came out, and what we would do differently.",
        330,
        {},
        visibility=Product.Visibility.PUBLIC,
    ),
    Plan("Salt & Soda", "Courses", "Atmospheric firing for people with a garden.", 190, {}, is_live=False),
)


def fill() -> dict[str, Product]:
    """The site's own side of it: products, lessons and sales pages, by slug."""
    Site(**SITE).save()
    categories = {
        name: Category.objects.create(name=name, slug=slugify(name), position=position)
        for position, name in enumerate(CATEGORIES)
    }
    products = {}
    for position, plan in enumerate(PLANS):
        product = products[plan.slug] = _make(plan, position=position)
        product.categories.add(categories[plan.category])
        _write_lessons(product)
    for plan in PLANS:
        CollectionItem.objects.bulk_create(
            CollectionItem(collection=products[plan.slug], product=products[slug], position=position)
            for position, slug in enumerate(plan.contains)
        )
    return products


def put_on_sale(products: dict[str, Product], *, account: StripeAccount, actor: User) -> dict[str, Offer]:
    """Makes the Stripe products and links them: the offers, by "slug:name of the price"."""
    offers: dict[str, Offer] = {}
    for plan in PLANS:
        if not plan.prices:
            continue
        stripe_product, prices = account.sell(plan.name, description=plan.summary, prices=list(plan.prices.values()))
        made = link(products[plan.slug], stripe_product=stripe_product, prices=prices, actor=actor)
        by_price = {offer.price_id: offer for offer in made.offers.all()}
        offers |= {f"{plan.slug}:{name}": by_price[price] for name, price in zip(plan.prices, prices, strict=True)}
    return offers


def describe_links() -> list[dict[str, Any]]:
    """The linked products as Stripe knows them, for scripts."""
    return [
        {
            "slug": made.product.slug,
            "stripe_product": made.stripe_product,
            "prices": [{"id": offer.price_id, "payment_link": offer.payment_link_id} for offer in made.offers.all()],
        }
        for made in ProductLink.objects.select_related("product").prefetch_related("offers").order_by("pk")
    ]


def _make(plan: Plan, *, position: int) -> Product:
    product = Product.objects.create(
        name=plan.name,
        slug=plan.slug,
        summary=plan.summary,
        hue=plan.hue,
        kind=Product.Kind.COLLECTION if plan.contains else Product.Kind.STANDARD,
        is_live=plan.is_live,
        visibility=plan.visibility,
        purchase=Product.Purchase.SALES_PAGE if plan.prices else Product.Purchase.NONE,
        position=position,
    )
    if plan.prices:
        pitch = tomllib.loads((CONTENT / "sales" / f"{plan.slug}.toml").read_text())
        SalesPage.objects.create(product=product, is_live=True, **pitch)
    return product


def _write_lessons(product: Product) -> None:
    sections: dict[str, Section] = {}
    for position, lesson in enumerate(read_lessons(CONTENT / f"{product.slug}.md")):
        section = None
        if lesson.section:
            section = sections.get(lesson.section) or Section.objects.create(
                product=product, title=lesson.section, position=len(sections)
            )
            sections[lesson.section] = section
        Page.objects.create(product=product, section=section, position=position, **_columns(lesson))


def _columns(lesson: Lesson) -> dict[str, Any]:
    return {
        "title": lesson.title,
        "slug": slugify(lesson.title),
        "body": lesson.body,
        "minutes": lesson.minutes,
        "is_published": True,
    }
