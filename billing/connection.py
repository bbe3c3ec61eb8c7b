"""Connecting a Stripe account: its key, our webhook endpoint there, our portal configuration."""

from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from billing.connecting.endpoint import ensure_endpoint
from billing.connecting.keys import account_of, check_permissions
from billing.errors import NotConnected, StripeError, StripeInvalid
from billing.gateway import Gateway, gateway_for
from billing.models import Connection, Subject
from billing.stripe_objects import SITE_KEY
from hub.models import User
from hub.staff import tell_owners_of_stripe

log = structlog.get_logger(__name__)


def active_connection() -> Connection | None:
    """The connection in use: there is one at most."""
    return Connection.objects.exclude(state=Connection.State.OFF).first()


def required_connection() -> Connection:
    """The same, where nothing can be done without it. Raises NotConnected."""
    connection = active_connection()
    if connection is None:
        raise NotConnected("No Stripe account is connected.")
    return connection


def connect(key: str, *, actor: User | None, now: datetime, site_url: str = "") -> Connection:
    """Connects the account behind a key, or gives a known connection a new key of the same account.

    A connection that was switched off comes back with its links and all that was bought by them. Makes our webhook
    endpoint and portal configuration there. Raises billing.errors: StripeRefused for a key that Stripe does not take,
    StripeInvalid for a key of another account or mode than is in use, or a live one on a site for play, and
    PermissionsMissing for a restricted one that may too little. `actor` is None at the command line.
    """
    if "_live_" in key and (settings.DEBUG or settings.DEMO or settings.STRIPE_API_BASE):
        raise StripeInvalid(
            "This is a live key, and this site is for development or a demonstration: take a test key, "
            "or unset DEBUG, FOYER_DEMO and STRIPE_API_BASE."
        )
    gateway = Gateway(key, waiting=True)
    account = account_of(gateway)
    _row_for(account["id"], livemode="_live_" in key)
    check_permissions(key, gateway)
    with transaction.atomic():
        connection = _row_for(account["id"], livemode="_live_" in key)
        is_known = connection.pk is not None and connection.state != Connection.State.OFF
        was_away = connection.state != Connection.State.OK
        connection.key = key
        connection.account_name = _name_of(account) or connection.account_name or account["id"]
        connection.state, connection.last_error, connection.last_ok_at = Connection.State.OK, "", timezone.now()
        connection.save()
        if was_away:  # whoever waits for a later try need not wait any longer
            Subject.objects.filter(retry_at__isnull=False).update(retry_at=None)
        if actor:
            deed = "replaced the key of" if is_known else "connected"
            tell_owners_of_stripe(f"{deed} the Stripe account {connection.account_name}", actor=actor, now=now)
    ensure_endpoint(connection, gateway, site_url=site_url or settings.SITE_URL)
    ensure_portal_configuration(connection, gateway)
    return connection


def disconnect(connection: Connection, *, actor: User | None, now: datetime) -> None:
    """Forgets the key and sells nothing any more. Grants, links and history stay, for the day it is connected again."""
    try:
        if connection.webhook_endpoint_id:
            params = {"disabled": True}
            gateway_for(connection, waiting=True).update_webhook_endpoint(connection.webhook_endpoint_id, params)
    except StripeError as error:  # a key that was rolled because it leaked: Stripe's deliveries are answered 404
        log.warning("webhook_endpoint_left_on", error=str(error))
    with transaction.atomic():
        connection.state, connection.last_error = Connection.State.OFF, ""
        connection.sealed_key = connection.key_hint = ""
        connection.save(update_fields=["state", "last_error", "sealed_key", "key_hint"])
        deed = f"disconnected the Stripe account {connection.account_name}"
        tell_owners_of_stripe(deed, actor=actor, now=now)


def ensure_portal_configuration(connection: Connection, gateway: Gateway) -> str:
    """Our own portal configuration: found again by its mark, brought up to date, or made."""
    params = _portal_params(connection)
    if not connection.portal_configuration_id:
        ours = [
            found["id"]
            for found in gateway.portal_configurations()
            if (found.get("metadata") or {}).get(SITE_KEY) == settings.SITE_URL
        ]
        connection.portal_configuration_id = ours[0] if ours else ""
    if connection.portal_configuration_id:
        cleared = {"privacy_policy_url": "", "terms_of_service_url": ""}
        params["business_profile"] = cleared | params.get("business_profile", {})
        gateway.update_portal_configuration(connection.portal_configuration_id, params)
    else:
        made = gateway.create_portal_configuration(params, idempotency_key=f"portal-{connection.webhook_uuid}")
        connection.portal_configuration_id = made["id"]
    connection.save(update_fields=["portal_configuration_id"])
    return connection.portal_configuration_id


def adopt_portal_configuration(connection: Connection, gateway: Gateway, *, configuration: str) -> None:
    """What somebody changed of ours in Stripe's dashboard is so here too; others' are passed over.

    One that was switched off is switched on again, because without it nobody reaches the portal. Raises billing.errors.
    """
    if configuration != connection.portal_configuration_id:
        return
    found = gateway.portal_configuration(configuration)
    profile = found.get("business_profile") or {}
    connection.privacy_url = profile.get("privacy_policy_url") or ""
    connection.terms_url = profile.get("terms_of_service_url") or ""
    connection.members_may_cancel = bool(found["features"]["subscription_cancel"]["enabled"])
    connection.save(update_fields=["privacy_url", "terms_url", "members_may_cancel"])
    if not found["active"]:
        gateway.update_portal_configuration(configuration, {"active": True})


def set_up_portal(connection: Connection, *, privacy_url: str, terms_url: str, members_may_cancel: bool) -> None:
    """Changes what Stripe's portal shows and allows; kept once Stripe has taken it. Raises billing.errors."""
    connection.privacy_url, connection.terms_url = privacy_url, terms_url
    connection.members_may_cancel = members_may_cancel
    ensure_portal_configuration(connection, gateway_for(connection, waiting=True))
    connection.save(update_fields=["privacy_url", "terms_url", "members_may_cancel"])


def _row_for(account_id: str, *, livemode: bool) -> Connection:
    """The connection in use, else the one that this account had in this mode, else a new one."""
    used = active_connection()
    if used and used.livemode != livemode:
        raise StripeInvalid(
            f"This is a {_mode(livemode)} key, but this site is connected to {used.account_name} in "
            f"{_mode(used.livemode)} mode, and sells what is linked there. "
            "Disconnect first: access that was given stays."
        )
    if used and used.account_id != account_id:
        raise StripeInvalid(
            f"This key belongs to {account_id}, but this site is connected to {used.account_id}. "
            "Disconnect first: access that was given stays."
        )
    known = Connection.objects.filter(livemode=livemode, account_id=account_id).order_by("-pk").first()
    return used or known or Connection(account_id=account_id)


def _mode(livemode: bool) -> str:
    return "live" if livemode else "test"


def _portal_params(connection: Connection) -> dict[str, Any]:
    profile = {
        name: url
        for name, url in (
            ("privacy_policy_url", connection.privacy_url),
            ("terms_of_service_url", connection.terms_url),
        )
        if url
    }
    cancel: dict[str, Any] = {"enabled": connection.members_may_cancel}
    if connection.members_may_cancel:
        cancel |= {
            "mode": "at_period_end",
            "proration_behavior": "none",
            "cancellation_reason": {
                "enabled": True,
                "options": ["too_expensive", "missing_features", "unused", "switched_service", "too_complex", "other"],
            },
        }
    return {
        **({"business_profile": profile} if profile else {}),
        "default_return_url": urljoin(settings.SITE_URL, reverse("billing:account")),
        "features": {
            "payment_method_update": {"enabled": True},
            "invoice_history": {"enabled": True},
            "customer_update": {"enabled": True, "allowed_updates": ["address", "phone", "tax_id", "name"]},
            "subscription_cancel": cancel,
            "subscription_update": {"enabled": False},
        },
        "metadata": {SITE_KEY: settings.SITE_URL},
    }


def _name_of(account: dict[str, Any]) -> str:
    profile = account.get("business_profile") or {}
    dashboard = (account.get("settings") or {}).get("dashboard") or {}
    return str(profile.get("name") or dashboard.get("display_name") or "")
