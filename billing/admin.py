"""Stripe for support staff: everything can be looked up, nothing can be changed here, and no secret is shown.

A signed reference is one: whoever has it can make a stranger pay for its person.
"""

from collections.abc import Iterator
from typing import Any

import djstripe.admin  # noqa: F401  # registers its pages, so that they can be taken off below
from django.apps import apps
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from activities import clock
from activities.admin import Link, ReadOnlyAdmin, linkers, rows_of
from activities.admin_reason import asks_why
from activities.models import Activity
from billing.connection import active_connection
from billing.desk import failed_events
from billing.desk.causes import events_naming, pages_of
from billing.desk.dashboard import page_of
from billing.desk.payloads import readable
from billing.desk.tracing import known_as, read_ref, subjects_named
from billing.models import (
    AccessPolicy,
    Attention,
    Connection,
    ImportBatch,
    ImportRow,
    InboxEvent,
    Offer,
    Order,
    Pass,
    ProductLink,
    StripeCustomer,
    Subject,
    Subscription,
)
from billing.refreshing.mirror import MODELS as MIRRORED
from hub.models import Grant, Ledger, User
from hub.permissions import Permission, actor_of


def shown(found: Any) -> str:
    return format_html('<pre tabindex="0">{}</pre>', readable(found))


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "key_hint", "last_ok_at", "swept_at", "full_pass_at")
    exclude = ("sealed_key", "sealed_webhook_secrets")


@admin.register(ProductLink)
class ProductLinkAdmin(ReadOnlyAdmin):
    list_display = ("product", "stripe_name", "stripe_product", "is_active_at_stripe", "unlinked_at")
    list_select_related = ("product",)
    search_fields = ("product__name", "stripe_name", "stripe_product")


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    list_display = ("product", "price_text", "price_id", "payment_link_id", "is_live")
    list_select_related = ("product",)
    search_fields = ("product__name", "price_id", "payment_link_id")


@admin.register(StripeCustomer)
class StripeCustomerAdmin(ReadOnlyAdmin):
    person = "user"
    list_display = ("stripe_id", "email", "user", "bound_by", "deleted_at")
    list_select_related = ("user",)
    search_fields = ("stripe_id", "email", "name", "user__email", "user__name")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    person = "user"
    list_display = ("stripe_id", "user", "status", "period_end", "cancel_at", "ended_at", "fetched_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("stripe_id", "customer_id", "user__email", "user__name")
    exclude = ("data",)
    readonly_fields = ("stripe_object",)

    def stripe_object(self, row: Subscription) -> str:
        return shown(row.data)


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    person = "user"
    list_display = ("key", "user", "state", "amount", "currency", "amount_refunded", "paid_at")
    list_filter = ("state",)
    list_select_related = ("user",)
    search_fields = (
        *("key", "customer_id", "session_id", "payment_intent", "invoice_id", "charge_id"),
        *("email", "name", "user__email", "user__name"),
    )
    exclude = ("reference",)


@admin.register(InboxEvent)
class InboxEventAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "type", "subject", "state", "created", "received_at", "caught_up", "attempts")
    list_filter = ("state", "caught_up", "type")
    search_fields = ("event_id", "subject", "type")
    exclude = ("payload",)
    actions = ("replay",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Also by the name and address of whose purchases it is about, and by what else at Stripe it names."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if words := search_term.strip():
            found = found | queryset.filter(events_naming(words) | known_as(words, field="subject"))
        return found, may_repeat

    def links(self, row: InboxEvent) -> Iterator[Link]:
        if row.state == InboxEvent.State.DEAD:
            yield Link("What a replay would change", reverse("billing:failed_event", args=[row.pk]))

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).may(Permission.REPLAY_EVENTS)

    @admin.action(description="Replay the chosen events that failed…", permissions=["replay"])
    def replay(self, request: HttpRequest, chosen: QuerySet[InboxEvent]) -> HttpResponse | None:
        def act(event: InboxEvent, reason: str) -> bool:
            return bool(failed_events.replay_some([event.pk], reason=reason, actor=actor_of(request), now=clock.now()))

        return asks_why(
            self,
            request,
            chosen.order_by("pk"),
            question="Replay this?",
            button="Replay it",
            effect="It is worked off again by Stripe's present state. What fails once more stays in this list.",
            act=act,
            done="Being worked off",
            kept="feed",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: InboxEvent | None = None) -> tuple[str, ...]:
        """Support sees where an event points; what it says of people is for owners and admins."""
        return ("stripe_object",) if actor_of(request).may(Permission.REPLAY_EVENTS) else ()

    def stripe_object(self, row: InboxEvent) -> str:
        return shown(row.payload)


@admin.register(Subject)
class SubjectAdmin(ReadOnlyAdmin):
    """Found by whoever has it, by name, address, or any id or number of what they bought."""

    list_display = ("key", "due_at", "requests", "attempts", "retry_at", "fetched_at", "error")
    search_fields = ("key",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if words := search_term.strip():
            named = subjects_named(ref) if (ref := read_ref(words)) else ()
            found = found | queryset.filter(Q(key__in=named) | known_as(words, field="key"))
        return found, may_repeat


@admin.register(Attention)
class AttentionAdmin(ReadOnlyAdmin):
    person = "user"
    list_display = ("kind", "key", "user", "opened_at", "resolved_at")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("key", "subject", "user__email", "user__name")


@admin.register(Pass)
class PassAdmin(ReadOnlyAdmin):
    list_display = ("kind", "started_at", "finished_at", "looked_at", "stopped")


@admin.register(AccessPolicy)
class AccessPolicyAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "version", "changed_at", "changed_by")


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "created_at", "started_by", "done", "total", "finished_at", "trouble")
    list_filter = ("state",)
    list_select_related = ("started_by",)
    search_fields = ("started_by__email",)
    exclude = ("lease_token", "lease_until")

    def links(self, row: ImportBatch) -> Iterator[Link]:
        yield Link("In the console", reverse("billing:import", args=[row.pk]))


@admin.register(ImportRow)
class ImportRowAdmin(ReadOnlyAdmin):
    list_display = ("subject", "who", "batch", "state", "verdict", "error")
    list_filter = ("state", "verdict")
    list_select_related = ("batch",)
    search_fields = ("subject", "who")
    exclude = ("snapshot",)


class MirrorAdmin(ReadOnlyAdmin):
    """One of Stripe's objects as last seen. dj-stripe's own pages offer changes, calls and secrets."""

    list_display = ("id", "created", "livemode")
    fields = ("id", "livemode", "created", "stripe_object")
    readonly_fields = ("stripe_object",)

    def stripe_object(self, row: Any) -> str:
        return shown(row.stripe_data)


for model in apps.get_app_config("djstripe").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
# Found by Stripe's ids, and by the addresses and names that Stripe has.
SOUGHT = {
    "product": ("id", "name"),
    "price": ("id", "nickname", "product__id", "product__name"),
    "customer": ("id", "email"),
    "subscription": ("id", "customer__id", "customer__email"),
    "invoice": ("id", "customer__id", "customer__email"),
}
for kind, model in MIRRORED.items():
    admin.site.register(model, type("MirrorAdmin", (MirrorAdmin,), {"search_fields": SOUGHT[kind]}))


# An owner may choose a product's id, so that it does not say what it is one of.
SHELF_OF = {model: f"{kind}s" for kind, model in MIRRORED.items()}


def _at_stripe(row: Any) -> Iterator[Link]:
    """The pages at Stripe of what a row is about."""
    connection = active_connection()
    refs = _refs_of(row) if connection else []
    for ref in dict.fromkeys(ref for ref in refs if ref):
        if connection and (url := page_of(ref, connection=connection, shelf=SHELF_OF.get(type(row), ""))):
            yield Link(f"{ref} at Stripe", url, away=True)


def _refs_of(row: Any) -> list[str]:
    match row:
        case User():
            return list(row.stripe_customers.values_list("stripe_id", flat=True)[:5])
        case Grant():
            return [row.source_ref]
        case Ledger():
            return [row.grant.source_ref]
        case Activity():
            return [str(row.details.get(name) or "") for name in ("subscription", "order", "invoice")]
        case StripeCustomer():
            return [row.stripe_id]
        case Subscription():
            return [row.stripe_id, row.customer_id]
        case Order():
            return [row.payment_intent, row.invoice_id, row.customer_id]
        case InboxEvent() | Attention() | ImportRow():
            return [row.subject]
        case Subject():
            return [row.key]
    return [row.id] if type(row) in MIRRORED.values() else []


def _of_cause(row: Any) -> Iterator[Link]:
    """What made a line, where Stripe or an import did."""
    if isinstance(row, Ledger | Activity):
        for cause, page in pages_of([row.cause]).items():
            yield Link(cause, page.url, permission=page.permission)


def _of_person(row: Any) -> Iterator[Link]:
    if isinstance(row, User):
        yield from (rows_of(model, row) for model in (Subscription, Order))


linkers += [_of_person, _at_stripe, _of_cause]
