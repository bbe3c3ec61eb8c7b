"""A sales page from its first draft, written along an outline or after another one, to the day it is live."""

from datetime import datetime

from django.db import transaction

from activities.numbers import read_number
from hub.editing.deeds import note_deed
from hub.errors import Refused
from hub.models import Product, SalesPage, User

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
    {"question": "How long do I have access?", "answer": "Say how long: for ever, or while the subscription runs."},
    {"question": "What if it is not for me?", "answer": "Say what you offer: days to change their mind, money back."},
]


def begin(product: Product, *, like: str = "") -> SalesPage:
    """One that is not saved. `like`: "outline", or the id of a product whose page is taken for a pattern."""
    page = SalesPage(product=product, headline=product.name, lead=product.summary)
    if like == "outline":
        page.body, page.questions = OUTLINE, QUESTIONS
    elif source := SalesPage.objects.filter(product=read_number(like)).first():
        page.headline, page.lead, page.body = source.headline, source.lead, source.body
        page.questions, page.testimonials = source.questions, source.testimonials
    return page


def left_of_outline(page: SalesPage) -> list[str]:
    """The outline's advice to whoever writes that still stands on the page, for buyers to read."""
    advice = [line.removeprefix("- ") for line in OUTLINE.splitlines() if line and not line.startswith("#")]
    answers = [question["answer"] for question in QUESTIONS]
    said = page.body + "\n".join(row.get("answer", "") for row in page.questions)
    return [words for words in advice + answers if words in said]


@transaction.atomic
def put_live(page: SalesPage, *, is_live: bool, actor: User, now: datetime) -> None:
    """Live, or a draft. Raises Refused while it would show the outline's advice to buyers."""
    if is_live and (left := left_of_outline(page)):
        raise Refused(f"The outline still speaks where you should: “{left[0]}” Put your own words there first.")
    if SalesPage.objects.filter(pk=page.pk, is_live=not is_live).update(is_live=is_live):
        deed = "put the sales page live" if is_live else "made the sales page a draft"
        note_deed(page.product, deed, actor=actor, now=now)
