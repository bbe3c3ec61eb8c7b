"""Stripe's Customer Portal: opened for a person's own customers only, each time anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse

from billing.connection import ensure_portal_configuration, required_connection
from billing.errors import StripeError
from billing.gateway import gateway_for
from billing.models import Order, ProductLink, StripeCustomer, Subscription
from billing.refreshing.identity import customers_managed_by
from billing.stripe_objects import OVER, products_of
from hub.models import User

FLOWS = {"update_card": "payment_method_update", "cancel": "subscription_cancel"}


class NotTheirs(StripeError):
    """This customer or subscription belongs to somebody else."""


def customers_of(user: User) -> list[StripeCustomer]:
    return list(customers_managed_by(user).order_by("-pk"))


def customer_behind(user: User, *, subscription: str) -> str:
    """The customer of theirs that pays a subscription; empty where there is none."""
    managed = customers_managed_by(user).values("stripe_id")
    rows = Subscription.objects.filter(stripe_id=subscription, customer_id__in=managed)
    return rows.values_list("customer_id", flat=True).first() or ""


def open_portal(user: User, *, customer: str, flow: str = "", subscription: str = "") -> str:
    """The address of a new portal session. Raises NotTheirs and billing.errors."""
    if not customers_managed_by(user).filter(stripe_id=customer).exists():
        raise NotTheirs("This Stripe customer is not yours.")
    if subscription and not Subscription.objects.filter(stripe_id=subscription, customer_id=customer).exists():
        raise NotTheirs("This subscription is not yours.")
    connection = required_connection()
    gateway = gateway_for(connection, waiting=True)
    account_url = urljoin(settings.SITE_URL, reverse("billing:account"))
    params: dict[str, Any] = {
        "customer": customer,
        "configuration": connection.portal_configuration_id or ensure_portal_configuration(connection, gateway),
        "return_url": f"{account_url}?from=portal",
    }
    flow_type = FLOWS.get(flow)
    if flow_type and (subscription or flow != "cancel"):
        params["flow_data"] = {
            "type": flow_type,
            "after_completion": {"type": "redirect", "redirect": {"return_url": params["return_url"]}},
        }
        if flow == "cancel":
            params["flow_data"]["subscription_cancel"] = {"subscription": subscription}
    return str(gateway.create_portal_session(params)["url"])


@dataclass(frozen=True, slots=True)
class Place:
    """A Stripe customer as the chooser tells it from the others. `bought` are names, each with its day."""

    id: str
    email: str
    bought: list[tuple[str, datetime]]


def places_of(customers: list[StripeCustomer]) -> list[Place]:
    """Each with what it subscribes to and has bought, newest first: three queries."""
    links = ProductLink.objects.filter(unlinked_at__isnull=True)
    names = dict(links.values_list("stripe_product", "product__name"))
    ids = [customer.stripe_id for customer in customers]
    living = Subscription.objects.filter(customer_id__in=ids).exclude(status__in=OVER)
    found: list[tuple[str, Sequence[str], datetime]] = [
        (row.customer_id, products_of(row.data), row.created) for row in living
    ]
    found += [(order.customer_id, order.products, order.created) for order in Order.objects.filter(customer_id__in=ids)]
    bought: dict[str, list[tuple[str, datetime]]] = {pk: [] for pk in ids}
    for customer, products, at in sorted(found, key=lambda row: row[2], reverse=True):
        bought[customer] += [(names[product], at) for product in products if product in names]
    return [Place(customer.stripe_id, customer.email, bought[customer.stripe_id]) for customer in customers]
