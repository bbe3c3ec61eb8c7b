from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from activities import deliveries, doorbell
from activities.models import Activity, Delivery


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To be looked at: the rows have one writer, and it is not a form."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Activity)
class ActivityAdmin(ReadOnlyAdmin):
    list_display = ("at", "verb", "user", "product", "actor", "imported")
    list_filter = ("verb", "imported")
    list_select_related = ("user", "product", "actor")
    search_fields = ("user__email", "user__name", "cause", "key")
    date_hierarchy = "at"
    show_full_result_count = False


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """E-mails. What failed, or nobody is sure of, is decided here by an owner or admin."""

    list_display = ("created_at", "notice", "user", "product", "state", "attempts", "next_try", "sent_at", "error")
    list_filter = ("state", "notice")
    list_select_related = ("user", "product")
    search_fields = ("user__email", "user__name", "key")
    actions = ("send_again", "mark_arrived")
    show_full_result_count = False

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("activities.change_delivery")

    @admin.action(description="Send again (failed, or perhaps sent)", permissions=["decide"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        if self._decide(deliveries.send_again, request, queryset, done="that will be sent again"):
            doorbell.ring("activities.tasks.deliver")

    @admin.action(description="Mark as arrived (perhaps sent)", permissions=["decide"])
    def mark_arrived(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._decide(deliveries.mark_arrived, request, queryset, done="marked as arrived")

    def _decide(
        self, decide: Callable[..., bool], request: HttpRequest, queryset: QuerySet[Delivery], *, done: str
    ) -> int:
        chosen = list(queryset.values_list("pk", flat=True))
        now = timezone.now()
        count = sum(decide(pk, actor_id=request.user.pk, now=now) for pk in chosen)
        messages.success(request, f"E-mails {done}: {count}.")
        if left := len(chosen) - count:
            messages.warning(request, f"Left as they were: {left}. Their state does not allow it.")
        return count
