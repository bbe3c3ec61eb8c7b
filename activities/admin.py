from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import capfirst

from activities import deliveries, doorbell
from activities.admin_reason import asks_why
from activities.links import path_to
from activities.models import Activity, Delivery

MOST_MAILS = 500


@dataclass(frozen=True, slots=True)
class Link:
    """From a row to where more is known of it. `away`: at Stripe, and not here. `permission`: who comes in there."""

    words: str
    url: str
    away: bool = False
    permission: str = ""


# Who knows more of a row than its own app adds where that is to be read, and whom an id of its own leads to.
linkers: list[Callable[[Any], Iterable[Link]]] = []
person_finders: list[Callable[[str], Iterable[int]]] = []

HOW_FILTERS_ASK = ("exact", "isnull", "id__exact")  # of choices and of other rows


class RecordAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows with ways out to the console and to Stripe. Nobody deletes any.

    `person`: the field path of whom a row is about, so that it is found by their ids at Stripe too.
    """

    change_form_template = "admin/record.html"
    show_full_result_count = False
    list_per_page = 50
    person = ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What the filters beside the list ask, whose rows they are, and no more: by an address of one's own making, a
        field that is not shown could be guessed letter by letter.
        """
        asked = {f"{name}__{how}" for name in self.get_list_filter(request) for how in HOW_FILTERS_ASK}
        return lookup in asked | ({f"{self.person}__id__exact"} if self.person else set())

    def links(self, row: Any) -> Iterable[Link]:
        """Those that this app knows of."""
        person = _follow(row, self.person)
        if person is not None and (path := path_to("hub:console_person", person.pk)):
            yield Link(f"{person} in the console", path)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        word = search_term.strip()
        if self.person and word and (people := set(chain.from_iterable(find(word) for find in person_finders))):
            field = "pk" if self.person == "self" else self.person
            found = found | queryset.filter(**{f"{field}__in": people})
        return found, may_repeat

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        row = kwargs.get("obj")
        if row is not None:
            links = [*self.links(row), *chain.from_iterable(link(row) for link in linkers)]
            user = request.user
            context["links"] = [
                link for link in links if not link.permission or (user.is_authenticated and user.may(link.permission))
            ]
        return super().render_change_form(request, context, *args, **kwargs)


def rows_of(model: type[Model], person: Any) -> Link:
    """The way to all rows of a model that are about this person."""
    shown = admin.site.get_model_admin(model)
    named = model._meta
    asked = f"?{getattr(shown, 'person', '')}__id__exact={person.pk}"
    path = path_to(f"admin:{named.app_label}_{named.model_name}_changelist")
    return Link(capfirst(str(named.verbose_name_plural)), f"{path}{asked}")


def _follow(row: Any, path: str) -> Any:
    for name in path.split("__") if path not in {"", "self"} else []:
        row = getattr(row, name, None)
    return row if path else None


class ReadOnlyAdmin(RecordAdmin):
    """To be looked at: the rows have one writer, and it is not a form."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Activity)
class ActivityAdmin(ReadOnlyAdmin):
    list_display = ("at", "verb", "user", "product", "actor", "imported")
    list_filter = ("verb", "imported")
    list_select_related = ("user", "product", "actor")
    search_fields = ("user__email", "user__name", "cause", "key")
    person = "user"


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """E-mails. What failed, or nobody is sure of, is decided here by an owner or admin."""

    list_display = ("created_at", "notice", "user", "product", "state", "attempts", "next_try", "sent_at", "error")
    list_filter = ("state", "notice")
    list_select_related = ("user", "product")
    search_fields = ("user__email", "user__name", "key")
    actions = ("send_again", "mark_arrived")
    person = "user"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("activities.change_delivery")

    @admin.action(description="Send again (failed, or perhaps sent)…", permissions=["decide"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> HttpResponse | None:
        def act(delivery: Delivery, reason: str) -> bool:
            return deliveries.send_again(delivery.pk, reason=reason, actor_id=_id_of(request), now=timezone.now())

        asked = self._ask(
            request,
            chosen,
            question="Send this again?",
            button="Send it again",
            effect="What failed, or perhaps went out, is sent in a moment: somebody may get it twice.",
            act=act,
            done="E-mails that will be sent again",
        )
        if asked is None:
            doorbell.ring("activities.tasks.deliver")
        return asked

    @admin.action(description="Mark as arrived (perhaps sent)…", permissions=["decide"])
    def mark_arrived(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> HttpResponse | None:
        def act(delivery: Delivery, reason: str) -> bool:
            return deliveries.mark_arrived(delivery.pk, reason=reason, actor_id=_id_of(request), now=timezone.now())

        return self._ask(
            request,
            chosen,
            question="Did this arrive?",
            button="It arrived",
            effect="It counts as sent, and nobody sends it again.",
            act=act,
            done="E-mails marked as arrived",
        )

    def _ask(self, request: HttpRequest, chosen: QuerySet[Delivery], **asked: Any) -> HttpResponse | None:
        return asks_why(self, request, chosen.select_related("user"), kept="feed", most=MOST_MAILS, **asked)


def _id_of(request: HttpRequest) -> int:
    return int(request.user.pk or 0)
