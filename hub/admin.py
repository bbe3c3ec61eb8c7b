"""Django's admin: settings and records. It offers no second way to somebody's account."""

from collections.abc import Iterator
from typing import Any

# These register their pages, so that they can be taken off below.
import allauth.account.admin
import allauth.mfa.admin
import allauth.usersessions.admin  # noqa: F401
import django.contrib.auth.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from activities import clock
from activities.admin import Link, ReadOnlyAdmin, RecordAdmin, person_finders, rows_of
from activities.admin_reason import MOST, asks_why
from activities.days import last_moment
from activities.record import record_deed
from hub import grants
from hub.joining import Newcomer, add_members
from hub.models import (
    Category,
    CollectionItem,
    Grant,
    Ledger,
    Page,
    PageProgress,
    Product,
    SalesPage,
    Section,
    Site,
    User,
)
from hub.payments import find_by_id
from hub.permissions import Permission, actor_of, may_favour, may_preview
from hub.reasons import say_day

admin.site.index_title = "Records"
person_finders.append(find_by_id)

# Proved addresses, second factors and sessions are their owner's alone; roles stand in the place of groups.
for model in (EmailAddress, Authenticator, UserSession, Group):
    admin.site.unregister(model)


class SectionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Section


class PageInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Page
    fields = ("position", "title", "slug", "section", "minutes", "is_published")
    show_change_link = True


class CollectionItemInline(admin.TabularInline):  # type: ignore[type-arg]
    model = CollectionItem
    fk_name = "collection"


class SalesPageInline(admin.StackedInline):  # type: ignore[type-arg]
    model = SalesPage

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return _closed(request, "lead", "body", "questions", "testimonials")


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    """Changed in the console, which keeps former addresses and tells the feed."""

    list_display = ("name", "kind", "is_live", "visibility", "purchase", "position")
    list_filter = ("is_live", "kind", "purchase", "categories")
    search_fields = ("name", "slug", "summary")
    inlines = (SectionInline, PageInline, CollectionItemInline, SalesPageInline)

    def links(self, row: Product) -> Iterator[Link]:
        page = reverse("hub:console_product", args=[row.pk])
        yield Link("Edit in the console", page, permission=Permission.EDIT_PRODUCTS)


@admin.register(Page)
class PageAdmin(ReadOnlyAdmin):
    """What a page says is for those alone who read drafts and closed pages: not shown to others, nor searched."""

    list_display = ("title", "product", "section", "position", "is_published")
    list_filter = ("is_published", "product")
    list_select_related = ("product", "section")

    def links(self, row: Page) -> Iterator[Link]:
        page = reverse("hub:console_page", args=[row.pk])
        yield Link("Edit in the console", page, permission=Permission.EDIT_PRODUCTS)

    def get_exclude(self, request: HttpRequest, obj: Page | None = None) -> tuple[str, ...]:
        return _closed(request, "body", "video_url")

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return tuple(name for name in ("title", "body") if name not in _closed(request, "body"))


def _closed(request: HttpRequest, *fields: str) -> tuple[str, ...]:
    """These, for whoever does not read drafts and closed pages."""
    return () if may_preview(actor_of(request)) else fields


@admin.register(Category)
class CategoryAdmin(ReadOnlyAdmin):
    list_display = ("name", "position")

    def links(self, row: Category) -> Iterator[Link]:
        page = reverse("hub:console_category", args=[row.pk])
        yield Link("Edit in the console", page, permission=Permission.EDIT_PRODUCTS)


@admin.register(Site)
class SiteAdmin(ReadOnlyAdmin):
    def links(self, row: Site) -> Iterator[Link]:
        yield Link("Change it in the console", reverse("hub:console_settings"), permission=Permission.CHANGE_SITE)


@admin.register(User)
class UserAdmin(RecordAdmin):
    """People. Their address is proved by themselves; who is staff, and who is let in, is said in the console."""

    list_display = ("email", "name", "role", "is_active", "joined_at", "last_seen")
    list_filter = ("role", "is_active")
    search_fields = ("email", "name")
    fields = ("email", "name", "role", "timezone", "is_active", "joined_at", "last_seen")
    readonly_fields = ("joined_at", "last_seen")
    person = "self"

    def links(self, row: User) -> Iterator[Link]:
        yield Link("In the console", reverse("hub:console_person", args=[row.pk]))
        yield rows_of(Grant, row)
        yield rows_of(Ledger, row)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Somebody new comes in as everybody does: by one code to the address, which proves it."""
        actor, now = actor_of(request), clock.now()
        if not change:
            add_members([Newcomer(obj)], cause="staff", now=now, actor=actor)
            return
        super().save_model(request, obj, form, change)
        if "name" in form.changed_data:
            deed = f"renamed this person from “{form.initial['name']}”"
            record_deed(deed, actor_id=actor.pk, user_id=obj.pk, now=now)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Staff are changed by owners alone, and nobody writes the name of somebody who was erased."""
        allowed = obj is None or (not obj.erased_at and (not obj.is_staff or _is_owner(request)))
        return allowed and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return ("role", "is_active", "joined_at", "last_seen", *(["email"] if obj else []))


def _is_owner(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.role == User.Role.OWNER


def _most(request: HttpRequest) -> int:
    """How many grants somebody decides about at once: the access of many is not everybody's to change."""
    return MOST if actor_of(request).may(Permission.CHANGE_ACCESS_OF_MANY) else 1


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    """Access. What is decided about it here is done as in the console, with a reason for the ledger."""

    list_display = ("user", "product", "source", "state", "why", "starts_at", "open_until", "ends_at")
    exclude = ("until",)
    readonly_fields = ("open_until",)
    list_filter = ("state", "source", "product")
    list_select_related = ("user", "product")
    search_fields = ("user__email", "user__name", "source_ref")
    person = "user"
    actions = ("take_back", "give_back")

    @admin.display(description="until", ordering="until")
    def open_until(self, row: Grant) -> str:
        return say_day(last_moment(row.until)) if row.until else ""

    @admin.display(description="reason")
    def why(self, row: Grant) -> str:
        """Of what is closed, why it was closed."""
        return row.reason if row.is_open else row.close_reason

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).may(Permission.CHANGE_ACCESS)

    @admin.action(description="Take the chosen grants back…", permissions=["decide"])
    def take_back(self, request: HttpRequest, chosen: QuerySet[Grant]) -> HttpResponse | None:
        def act(grant: Grant, reason: str) -> bool:
            if grant.state == Grant.State.REVOKED:
                return False
            grants.revoke(grant, actor=actor_of(request), reason=reason, now=clock.now())
            return True

        return asks_why(
            self,
            request,
            chosen.select_related("user", "product"),
            question="Take this back?",
            button="Take it back",
            effect="It closes at once. No money goes back, no subscription ends, and you can give it back.",
            act=act,
            done="Taken back",
            kept="ledger",
            most=_most(request),
        )

    @admin.action(description="Give the chosen grants back…", permissions=["decide"])
    def give_back(self, request: HttpRequest, chosen: QuerySet[Grant]) -> HttpResponse | None:
        def act(grant: Grant, reason: str) -> bool:
            if grant.state != Grant.State.REVOKED or not may_favour(actor_of(request), grant.user):
                return False
            if grant.user.erased_at:
                return False
            grants.restore(grant, actor=actor_of(request), reason=reason, now=clock.now())
            return True

        return asks_why(
            self,
            request,
            chosen.select_related("user", "product"),
            question="Give this back?",
            button="Give it back",
            effect="What was bought is then as its purchase is at Stripe; a gift is open as it was.",
            act=act,
            done="Given back",
            kept="ledger",
            most=_most(request),
        )


@admin.register(Ledger)
class LedgerAdmin(ReadOnlyAdmin):
    list_display = ("grant", "from_state", "to_state", "reason", "rule", "true_at", "learned_at", "cause", "actor")
    list_filter = ("to_state", "reason")
    list_select_related = ("grant__user", "grant__product", "actor")
    search_fields = ("grant__user__email", "grant__user__name", "grant__source_ref", "cause")
    person = "grant__user"


@admin.register(PageProgress)
class PageProgressAdmin(ReadOnlyAdmin):
    list_display = ("user", "page", "opened_at", "completed_at")
    list_select_related = ("user", "page")
    search_fields = ("user__email", "page__title")
    person = "user"
