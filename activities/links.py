"""Addresses of pages this app does not own, by name: empty where the name does not exist."""

from urllib.parse import urlencode

from django.conf import settings
from django.urls import NoReverseMatch, reverse


def path_to(name: str, *args: object) -> str:
    """The path of a named page, or "" when nothing of that name is served."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def absolute(path: str) -> str:
    return f"{settings.SITE_URL}{path}"


def sign_in_by_code(*, email: str, next_path: str) -> str:
    """Where a mail leads: to sign in, the address filled in, and then on to `next_path`.

    Who is signed in already goes there at once; nobody is signed in by the link itself.
    """
    query = urlencode({"next": next_path, "email": email})
    return f"{absolute(reverse('account_login'))}?{query}"
