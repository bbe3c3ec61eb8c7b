"""Stripe's Customer Portal: opened for a person's own customers only, each time anew."""

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse

from billing.connection import ensure_portal_configuration, required_connection
from billing.errors import StripeError
from billing.facts import products_of
from billing.gateway import gateway_for
from billing.identity import customers_managed_by
from billing.models import ProductLink, StripeCustomer, Subscription
from hub.models import User

FLOWS = {"update_card": "payment_method_update", "cancel": "subscription_cancel"}


class NotTheirs(StripeError):
    """This customer or subscription belongs to somebody else."""


def customers_of(user: User) -> list[StripeCustomer]:
    return list(customers_managed_by(user).order_by("-pk"))


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


def names_by_customer(customers: list[StripeCustomer]) -> dict[str, list[str]]:
    """Customer id to the names of what it subscribes to, for the chooser."""
    links = {
        link.stripe_product: link.product.name
        for link in ProductLink.objects.filter(unlinked_at__isnull=True).select_related("product")
    }
    names: dict[str, list[str]] = {customer.stripe_id: [] for customer in customers}
    for row in Subscription.objects.filter(customer_id__in=names).exclude(
        status__in=["canceled", "incomplete_expired"]
    ):
        names[row.customer_id] += [links[product] for product in products_of(row.data) if product in links]
    return names
