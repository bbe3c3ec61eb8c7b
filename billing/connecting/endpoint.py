"""Our webhook endpoint at Stripe: made, looked at as Stripe sees it, mended, and its signing secret rolled."""

from datetime import datetime, timedelta
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from activities.record import record_deed
from billing.errors import StripeForbidden, StripeMissing
from billing.gateway import Gateway, Json
from billing.intake import event_types
from billing.models import Connection
from billing.stripe_objects import SITE_KEY
from hub.models import User
from hub.staff import tell_owners_of_stripe

log = structlog.get_logger(__name__)
OVERLAP = timedelta(hours=24)  # as long as Stripe's own page allows
OFTEN = timedelta(hours=24)
GONE = "It is gone from Stripe."
OFF = "It is switched off in Stripe."
MADE = ["webhook_endpoint_id", "sealed_webhook_secrets", "endpoint_problems"]
MADE_BESIDE = [*MADE, "old_endpoint_id", "old_secret_until"]
ENDED = ["sealed_webhook_secrets", "old_secret_until", "old_endpoint_id"]


def webhook_url(connection: Connection, *, site_url: str) -> str:
    return urljoin(site_url, reverse("billing:webhook", args=[connection.webhook_uuid]))


def ensure_endpoint(connection: Connection, gateway: Gateway, *, site_url: str) -> None:
    """Ours is switched on, leads here and hears of everything; it is made where there is none, or one of another
    version. An endpoint that the owner made stays theirs, and a key that may not make one leaves it to them.

    Stripe tells the signing secret once, at creation: an endpoint whose secret we lack is of no use.
    """
    if connection.webhook_secrets and not connection.webhook_endpoint_id:
        return
    try:
        known = _found(connection, gateway)
        if known is None:
            _make(connection, gateway, site_url=site_url)
            connection.save(update_fields=MADE)
        elif known["api_version"] != settings.STRIPE_API_VERSION:
            _make_beside(connection, gateway, site_url=site_url, now=timezone.now())
            connection.save(update_fields=MADE_BESIDE)
        else:
            wanted = {"disabled": False, "url": webhook_url(connection, site_url=site_url), "enabled_events": _types()}
            gateway.update_webhook_endpoint(known["id"], wanted)
    except StripeForbidden as error:
        log.warning("webhook_endpoint_left_to_the_owner", error=str(error))


def look_at_endpoint(connection: Connection, gateway: Gateway, *, now: datetime) -> None:
    """Keeps what is wrong with our endpoint, as Stripe has it now, in sentences. Raises billing.errors.

    One that the owner made is found by its address; where the key may not look, nothing is known.
    """
    try:
        found = _found(connection, gateway) or _at_our_address(connection, gateway)
    except StripeForbidden:
        return
    connection.endpoint_problems = [GONE] if found is None else _problems(connection, found)
    connection.endpoint_seen_at = now
    connection.save(update_fields=["endpoint_problems", "endpoint_seen_at"])


def tend(connection: Connection, gateway: Gateway, *, now: datetime) -> None:
    """What is due by itself: a look once a day, and the end of a rolled secret's overlap. Raises billing.errors."""
    if connection.old_secret_until and connection.old_secret_until <= now:
        _end_overlap(connection, gateway)
        connection.save(update_fields=ENDED)
    if connection.endpoint_seen_at is None or now - connection.endpoint_seen_at >= OFTEN:
        look_at_endpoint(connection, gateway, now=now)


def repair(connection: Connection, gateway: Gateway, *, actor: User, now: datetime, real_now: datetime) -> None:
    """What `look_at_endpoint` finds wrong is put right. Raises billing.errors, StripeForbidden for the owner's own."""
    ensure_endpoint(connection, gateway, site_url=settings.SITE_URL)
    record_deed("repaired Stripe’s webhook endpoint", actor_id=actor.pk, now=now)
    look_at_endpoint(connection, gateway, now=real_now)


def roll_secret(
    connection: Connection, gateway: Gateway, *, actor: User | None, now: datetime, real_now: datetime
) -> None:
    """Another endpoint with another secret beside the present one: both are heard until the overlap is over, and
    each event is kept once. Secrets live by `real_now`, the feed by business time. Raises billing.errors.
    """
    if connection.old_secret_until:
        _end_overlap(connection, gateway)
        connection.save(update_fields=ENDED)
    _make_beside(connection, gateway, site_url=settings.SITE_URL, now=real_now)
    _keep(connection, MADE_BESIDE, "rolled the signing secret of Stripe’s webhooks", actor=actor, now=now)


def keep_pasted_secret(
    connection: Connection, secret: str, *, actor: User | None, now: datetime, real_now: datetime
) -> None:
    """The signing secret of an endpoint that the owner made, or rolled in Stripe; the one before it stays good for
    the overlap."""
    secrets = connection.webhook_secrets
    if secret in secrets:
        return
    connection.webhook_secrets = [secret, *secrets[:1]]
    connection.old_secret_until = real_now + OVERLAP if secrets else None
    columns = ["sealed_webhook_secrets", "old_secret_until"]
    _keep(connection, columns, "pasted a new signing secret for Stripe’s webhooks", actor=actor, now=now)


def end_overlap(connection: Connection, gateway: Gateway, *, actor: User, now: datetime) -> None:
    """The old secret is good no longer, and its endpoint gone. Raises billing.errors."""
    _end_overlap(connection, gateway)
    _keep(connection, ENDED, "ended the old signing secret of Stripe’s webhooks", actor=actor, now=now)


def _end_overlap(connection: Connection, gateway: Gateway) -> None:
    """The caller saves `ENDED`."""
    if connection.old_endpoint_id:
        try:
            gateway.delete_webhook_endpoint(connection.old_endpoint_id)
        except StripeMissing:
            log.warning("old_webhook_endpoint_missing", endpoint=connection.old_endpoint_id)
    connection.webhook_secrets = connection.webhook_secrets[:1]
    connection.old_secret_until, connection.old_endpoint_id = None, ""


def _found(connection: Connection, gateway: Gateway) -> Json | None:
    """Ours, as Stripe has it; None where we made none, lack its secret, or it is gone."""
    if not connection.webhook_endpoint_id or not connection.webhook_secrets:
        return None
    try:
        return gateway.webhook_endpoint(connection.webhook_endpoint_id)
    except StripeMissing:
        log.warning("webhook_endpoint_missing", endpoint=connection.webhook_endpoint_id)
        return None


def _at_our_address(connection: Connection, gateway: Gateway) -> Json | None:
    ours = webhook_url(connection, site_url=settings.SITE_URL)
    return next((found for found in gateway.webhook_endpoints() if found["url"] == ours), None)


def _make(connection: Connection, gateway: Gateway, *, site_url: str) -> None:
    """A new endpoint with a secret of its own in the place of the one before. The caller saves `MADE`."""
    made = gateway.create_webhook_endpoint(
        {
            "url": webhook_url(connection, site_url=site_url),
            "enabled_events": _types(),
            "api_version": settings.STRIPE_API_VERSION,
            "metadata": {SITE_KEY: settings.SITE_URL},
        },
        idempotency_key=f"webhook-{connection.webhook_uuid}-{connection.webhook_endpoint_id}",
    )
    connection.webhook_endpoint_id, connection.webhook_secrets = made["id"], [made["secret"]]
    connection.endpoint_problems = []


def _make_beside(connection: Connection, gateway: Gateway, *, site_url: str, now: datetime) -> None:
    """A new endpoint, and the one before is heard for the overlap. The caller saves `MADE_BESIDE`, all at once, so
    that no event is refused in between."""
    old, secrets = connection.webhook_endpoint_id, connection.webhook_secrets[:1]
    _make(connection, gateway, site_url=site_url)
    connection.webhook_secrets = connection.webhook_secrets + secrets
    connection.old_endpoint_id, connection.old_secret_until = old, now + OVERLAP if secrets else None


def _problems(connection: Connection, endpoint: Json) -> list[str]:
    url = webhook_url(connection, site_url=settings.SITE_URL)
    told = set(endpoint["enabled_events"])
    untold = [] if "*" in told else sorted(event_types.TYPES.keys() - told)
    version = endpoint.get("api_version")
    checks = {
        OFF: endpoint["status"] != "enabled",
        f"It leads to {endpoint['url']}, and this site is at {url}.": endpoint["url"] != url,
        f"It does not tell of {', '.join(untold)}.": bool(untold),
        f"It speaks version {version or 'of the account'}, and Foyer {settings.STRIPE_API_VERSION}.": (
            version != settings.STRIPE_API_VERSION
        ),
    }
    return [words for words, is_so in checks.items() if is_so]


def _types() -> list[str]:
    return sorted(event_types.TYPES)


@transaction.atomic
def _keep(connection: Connection, columns: list[str], deed: str, *, actor: User | None, now: datetime) -> None:
    connection.save(update_fields=columns)
    tell_owners_of_stripe(deed, actor=actor, now=now)
