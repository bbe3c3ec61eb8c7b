"""What a person reads of a product: its outline, how far they are, where to go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.functional import cached_property

from activities.models import Activity
from activities.record import Happening, record_one
from hub import access
from hub.models import Page, PageProgress, Product, Section, User

OPENED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One page in the outline. `opened_at` and `completed_at` are the reader's."""

    page: Page
    opened_at: datetime | None
    completed_at: datetime | None

    @property
    def is_done(self) -> bool:
        return self.completed_at is not None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A section and its pages; the first may have no section."""

    section: Section | None
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Outline:
    """A product's published pages in reading order."""

    chapters: Sequence[Chapter]

    @cached_property
    def entries(self) -> list[Entry]:
        return [entry for chapter in self.chapters for entry in chapter.entries]

    @property
    def total(self) -> int:
        return len(self.entries)

    @property
    def done(self) -> int:
        return sum(entry.is_done for entry in self.entries)

    @property
    def minutes(self) -> int:
        return sum(entry.page.minutes or 0 for entry in self.entries)

    @property
    def resume(self) -> Entry | None:
        """The page last opened, or the one after it when that is done; the first at the beginning."""
        opened = [entry for entry in self.entries if entry.opened_at]
        if not opened:
            return self.entries[0] if self.entries else None
        last = max(opened, key=lambda entry: entry.opened_at or datetime.min)  # noqa: DTZ901
        return last if not last.is_done else self._undone_after(last)

    def around(self, page: Page) -> tuple[Entry | None, Entry | None]:
        """The entries before and after a page."""
        index = next(index for index, entry in enumerate(self.entries) if entry.page.pk == page.pk)
        before = self.entries[index - 1] if index else None
        return before, self.entries[index + 1] if index + 1 < self.total else None

    def _undone_after(self, entry: Entry) -> Entry:
        index = self.entries.index(entry)
        turned = self.entries[index + 1 :] + self.entries[:index]
        return next((other for other in turned if not other.is_done), entry)


def may_read(user: User | None, product: Product, *, now: datetime) -> bool:
    """Whether the pages are open to this reader: by the product's visibility, then by the gate."""
    if product.visibility == Product.Visibility.PUBLIC:
        return True
    if user is None:
        return False
    return product.visibility == Product.Visibility.MEMBERS or access.can_open(user, product, now=now)


def outline_of(product: Product, *, user: User | None, drafts: bool = False) -> Outline:
    """The outline with the reader's progress, in two queries (one for a visitor). Bodies are left out."""
    pages = product.pages.select_related("section").defer("body")
    if not drafts:
        pages = pages.filter(is_published=True)
    progress = {}
    if user:
        progress = {row.page_id: row for row in PageProgress.objects.filter(user=user, page__product=product)}
    chapters: dict[int | None, tuple[Section | None, list[Entry]]] = {}
    for page in sorted(pages, key=_place):
        page.product = product
        row = progress.get(page.pk)
        entry = Entry(page, row.opened_at if row else None, row.completed_at if row else None)
        chapters.setdefault(page.section_id, (page.section, []))[1].append(entry)
    return Outline([Chapter(section, entries) for section, entries in chapters.values()])


def mark_opened(page: Page, *, user: User, seen: Entry, now: datetime) -> None:
    """Remembers where the reader is: one write, and none when they were just here."""
    if seen.opened_at is None:
        PageProgress.objects.bulk_create([PageProgress(user=user, page=page, opened_at=now)], ignore_conflicts=True)
    elif now - seen.opened_at >= OPENED_EVERY:
        PageProgress.objects.filter(user=user, page=page).update(opened_at=now)


@transaction.atomic
def mark_complete(page: Page, *, user: User, now: datetime) -> None:
    """Finishes the page, once; the feed hears of the first time only."""
    PageProgress.objects.bulk_create([PageProgress(user=user, page=page, opened_at=now)], ignore_conflicts=True)
    done = PageProgress.objects.filter(user=user, page=page, completed_at__isnull=True).update(completed_at=now)
    if done:
        happening = Happening(
            verb=Activity.Verb.PAGE_COMPLETED,
            key=f"page_completed:{user.pk}:{page.pk}",
            at=now,
            user_id=user.pk,
            product_id=page.product_id,
            actor_id=user.pk,
            details={"page": page.title},
        )
        record_one(happening, now=now)


def mark_unfinished(page: Page, *, user: User) -> None:
    PageProgress.objects.filter(user=user, page=page).update(completed_at=None)


def _place(page: Page) -> tuple[int, int, int, int]:
    """Pages without a section come first, then sections in their order."""
    section = page.section
    return (section.position if section else -1, section.pk if section else 0, page.position, page.pk)
