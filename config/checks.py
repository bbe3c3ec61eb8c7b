"""What must not be so when the site is started for real: `manage.py check --deploy` refuses or warns."""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _in_production() -> bool:
    return not (settings.DEBUG or settings.DEMO)


def _live_key_is_used() -> bool:
    """A live key, from the environment or connected in the console."""
    key = settings.STRIPE_SECRET_KEY_FROM_ENV
    if key.startswith(("sk_live_", "rk_live_")):
        return True
    return any(connection.livemode for connection in _connections())


def _connections() -> list[Any]:
    """The connections in use; none while there is no database to ask (a first deployment)."""
    from billing.models import Connection

    try:
        return list(Connection.objects.exclude(state=Connection.State.OFF))
    except DatabaseError:
        return []


@register(deploy=True)
def live_key_is_kept_from_toys(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _live_key_is_used():
        return []
    found: list[CheckMessage] = []
    if settings.DEBUG or settings.DEMO:
        found.append(
            Error(
                "A live Stripe key is used with DEBUG or FOYER_DEMO.",
                hint="Take a test key, or unset both.",
                id="foyer.E001",
            )
        )
    if settings.CLOCK_FILE or settings.STRIPE_API_BASE:
        found.append(
            Error(
                "A live Stripe key is used beside a sandbox.",
                hint="Unset FOYER_CLOCK_FILE and STRIPE_API_BASE.",
                id="foyer.E002",
            )
        )
    return found


TOYS = {"DEMO": "FOYER_DEMO", "THROWAWAY_SCHEMA": "FOYER_THROWAWAY_SCHEMA"}
SANDBOXES = {"STRIPE_API_BASE": "STRIPE_API_BASE", "CLOCK_FILE": "FOYER_CLOCK_FILE"}
SHORTEST_KEY = 32  # characters: a key that can be guessed opens what it seals
SHORTEST_TOKEN = 16


def _is_public() -> bool:
    return urlsplit(settings.SITE_URL).hostname not in LOOPBACK


@register(deploy=True)
def toys_stay_at_home(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _is_public():
        return []
    given = [variable for name, variable in (TOYS | SANDBOXES).items() if getattr(settings, name)]
    return [
        Error(
            f"{variable} is set on a site that the world can reach ({settings.SITE_URL}).",
            hint=f"Unset {variable}: it is for a demonstration or for tests, on this machine alone.",
            id="foyer.E013",
        )
        for variable in given
    ]


@register(deploy=True)
def hosts_are_named(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _is_public() or "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "ALLOWED_HOSTS is *: whoever asks chooses the host that pages believe they are at.",
            hint="Name the hosts, or leave it out: the host of SITE_URL is allowed.",
            id="foyer.E014",
        )
    ]


@register(deploy=True)
def secrets_cannot_be_guessed(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _is_public():
        return []
    found: list[CheckMessage] = []
    if any(len(key) < SHORTEST_KEY for key in settings.ENCRYPTION_KEYS):
        found.append(
            Error(
                f"A key of ENCRYPTION_KEYS is shorter than {SHORTEST_KEY} characters.",
                hint="Put a long random one first, and keep the short one after it until everything is sealed anew.",
                id="foyer.E015",
            )
        )
    if settings.HEALTH_TOKEN and len(settings.HEALTH_TOKEN) < SHORTEST_TOKEN:
        found.append(
            Error(
                f"HEALTH_TOKEN is shorter than {SHORTEST_TOKEN} characters.",
                hint="Take a long random one, or unset it: then the staff alone read /health/.",
                id="foyer.E016",
            )
        )
    return found


@register(deploy=True)
def sqlite_has_one_worker(**_kwargs: object) -> Sequence[CheckMessage]:
    workers = os.environ.get("WEB_CONCURRENCY", "1")
    is_sqlite = settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")
    if not _in_production() or not is_sqlite or not workers.isdecimal() or int(workers) <= 1:
        return []
    return [
        Error(
            f"{workers} web workers would share one SQLite database, and each other's locks.",
            hint="Give DATABASE_URL of a PostgreSQL, or set WEB_CONCURRENCY=1.",
            id="foyer.E003",
        )
    ]


@register(deploy=True)
def webhooks_can_be_verified(**_kwargs: object) -> Sequence[CheckMessage]:
    found = (_problem_with_secrets(connection) for connection in _connections())
    return [problem for problem in found if problem]


def _problem_with_secrets(connection: Any) -> CheckMessage | None:
    try:
        if connection.key and connection.webhook_secrets:
            return None
    except InvalidToken:
        return Error(
            f"The secrets of the Stripe connection {connection} cannot be opened: no key of ENCRYPTION_KEYS fits.",
            hint="Add the key that they were stored with, after the present one.",
            id="foyer.E010",
        )
    return Error(
        f"The Stripe connection {connection} has no webhook signing secret: every webhook is refused.",
        hint="Console → Stripe: let Foyer make the webhook endpoint, or paste its secret.",
        id="foyer.E004",
    )


@register()
def stripe_speaks_one_version(**_kwargs: object) -> Sequence[CheckMessage]:
    from billing.gateway import SDK_API_VERSION

    if SDK_API_VERSION == settings.STRIPE_API_VERSION:
        return []
    return [
        Error(
            f"Foyer speaks Stripe's API {settings.STRIPE_API_VERSION}, the installed SDK {SDK_API_VERSION}.",
            hint="Install the locked requirements.",
            id="foyer.E005",
        )
    ]


@register(deploy=True)
def site_is_served_over_https(**_kwargs: object) -> Sequence[CheckMessage]:
    url = urlsplit(settings.SITE_URL)
    if not _in_production() or url.scheme == "https" or url.hostname in LOOPBACK:
        return []
    return [
        Error(
            f"SITE_URL is {settings.SITE_URL}: sign-in codes and cookies would travel in the clear.",
            hint="Put a TLS proxy in front, and give SITE_URL=https://…",
            id="foyer.E006",
        )
    ]


@register(deploy=True)
def mail_leaves_the_machine(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _in_production() or not settings.EMAIL_BACKEND.startswith("activities.mailfolder"):
        return []
    return [
        Error(
            "EMAIL_URL is not set: sign-in codes are written to a folder, and nobody can sign in.",
            hint="Give EMAIL_URL=smtp+tls://user:password@host:587, and FROM_EMAIL.",
            id="foyer.E011",
        )
    ]


@register(deploy=True)
def https_is_seen_behind_the_proxy(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _in_production() or not settings.SECURE_SSL_REDIRECT or settings.SECURE_PROXY_SSL_HEADER:
        return []
    return [
        Warning(
            "SITE_URL is https and TRUSTED_PROXIES is 0: behind a TLS proxy every page redirects to itself.",
            hint="Give TRUSTED_PROXIES=1 where nginx or another proxy ends TLS.",
            id="foyer.W012",
        )
    ]


@register(deploy=True)
def rate_limits_are_shared(**_kwargs: object) -> Sequence[CheckMessage]:
    backend = settings.CACHES["default"]["BACKEND"]
    if not _in_production() or not backend.endswith(("FileBasedCache", "LocMemCache", "DummyCache")):
        return []
    return [
        Warning(
            "The cache is local to this machine, and so are the rate limits that live in it.",
            hint="Give CACHE_URL (Redis or Valkey) as soon as there is more than one web machine.",
            id="foyer.W007",
        )
    ]


@register(deploy=True)
def broker_is_a_server(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _in_production() or not settings.CELERY_BROKER_URL.startswith(("folder", "memory", "filesystem")):
        return []
    return [
        Warning(
            "The queue is a folder: good for one machine, slow for many workers.",
            hint="Give CELERY_BROKER_URL (Redis, Valkey or RabbitMQ).",
            id="foyer.W008",
        )
    ]


@register(deploy=True)
def secrets_have_their_own_key(**_kwargs: object) -> Sequence[CheckMessage]:
    if not _in_production() or list(settings.ENCRYPTION_KEYS) != [settings.SECRET_KEY]:
        return []
    return [
        Error(
            "ENCRYPTION_KEYS is not set: stored Stripe keys would be lost when SECRET_KEY is changed.",
            hint="Give ENCRYPTION_KEYS, a long random text of its own, and keep it with the backups.",
            id="foyer.E009",
        )
    ]
