"""What a sales page begins with: an outline to write along, or what another product's page says."""

from hub.models import Product, SalesPage

OUTLINE = """## Who it is for

Say whom you have in mind, and what they struggle with.

## What changes

- What they will be able to do
- What they will have made
- What they will not have to worry about any more

## How it works

How long it takes, what they need, when they can ask you.
"""
QUESTIONS = [
    {"question": "How long do I have access?", "answer": ""},
    {"question": "What if it is not for me?", "answer": ""},
]


def begin(product: Product, *, like: str = "") -> SalesPage:
    """One that is not saved. `like`: "outline", or the id of a product whose page is taken for a pattern."""
    page = SalesPage(product=product, headline=product.name, lead=product.summary)
    if like == "outline":
        page.body, page.questions = OUTLINE, QUESTIONS
    elif like.isdecimal() and (source := SalesPage.objects.filter(product=int(like)).first()):
        page.headline, page.lead, page.body = source.headline, source.lead, source.body
        page.questions, page.testimonials = source.questions, source.testimonials
    return page
