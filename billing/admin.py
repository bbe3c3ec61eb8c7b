"""Stripe for support staff: everything can be looked up, nothing can be changed here, and no secret is shown.

A signed reference is one: whoever has it can make a stranger pay for its person.
"""

from typing import Any, cast

import djstripe.admin  # noqa: F401  # registers its pages, so that they can be taken off below
from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html

from activities.admin import ReadOnlyAdmin
from billing.desk.payloads import readable
from billing.models import (
    AccessPolicy,
    Attention,
    Connection,
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
from hub.models import User


def shown(found: Any) -> str:
    return format_html("<pre>{}</pre>", readable(found))


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
    list_display = ("stripe_id", "email", "user", "bound_by", "deleted_at")
    list_select_related = ("user",)
    search_fields = ("stripe_id", "email", "name", "user__email")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
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
    list_display = ("key", "user", "state", "amount", "currency", "amount_refunded", "paid_at")
    list_filter = ("state",)
    list_select_related = ("user",)
    search_fields = ("key", "customer_id", "session_id", "invoice_id", "charge_id", "email", "user__email")
    exclude = ("reference",)


@admin.register(InboxEvent)
class InboxEventAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "type", "subject", "state", "created", "received_at", "caught_up", "attempts")
    list_filter = ("state", "caught_up", "type")
    search_fields = ("event_id", "subject", "type")
    exclude = ("payload",)

    def get_readonly_fields(self, request: HttpRequest, obj: InboxEvent | None = None) -> tuple[str, ...]:
        """Support sees where an event points; what it says of people is for owners and admins."""
        return () if cast(User, request.user).role == User.Role.SUPPORT else ("stripe_object",)

    def stripe_object(self, row: InboxEvent) -> str:
        return shown(row.payload)


@admin.register(Subject)
class SubjectAdmin(ReadOnlyAdmin):
    list_display = ("key", "due_at", "look_again", "attempts", "retry_at", "fetched_at", "error")
    search_fields = ("key",)


@admin.register(Attention)
class AttentionAdmin(ReadOnlyAdmin):
    list_display = ("kind", "key", "user", "opened_at", "resolved_at")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("key", "subject", "user__email")


@admin.register(Pass)
class PassAdmin(ReadOnlyAdmin):
    list_display = ("kind", "started_at", "finished_at", "looked_at", "stopped")


@admin.register(AccessPolicy)
class AccessPolicyAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "version", "changed_at", "changed_by")


class MirrorAdmin(ReadOnlyAdmin):
    """One of Stripe's objects as last seen. dj-stripe's own pages offer changes, calls and secrets."""

    list_display = ("id", "created", "livemode")
    search_fields = ("id",)
    fields = ("id", "livemode", "created", "stripe_object")
    readonly_fields = ("stripe_object",)

    def stripe_object(self, row: Any) -> str:
        return shown(row.stripe_data)


for model in apps.get_app_config("djstripe").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)
for model in MIRRORED.values():
    admin.site.register(model, MirrorAdmin)
