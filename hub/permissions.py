"""Who may come to a page: members see theirs, staff see the console by the table of `hub.roles`."""

from typing import cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse

from activities.doors import staff_only, there_before_a_file
from hub.models import User
from hub.roles import Permission

__all__ = [
    "Permission",
    "actor_of",
    "may_favour",
    "may_preview",
    "signed_in",
    "staff_only",
    "there_before_a_file",
    "to_login",
]


def signed_in(request: HttpRequest) -> User | None:
    """The person, or None for a visitor."""
    return request.user if request.user.is_authenticated else None


def actor_of(request: HttpRequest) -> User:
    """Who of the staff asks: `staff_only` has seen to it that somebody is signed in."""
    return cast(User, request.user)


def may_favour(actor: User, person: User) -> bool:
    """Nobody of the staff opens a door for themselves, but the owners, whose doors they are."""
    return actor.pk != person.pk or actor.may(Permission.FAVOUR_ONESELF)


def may_preview(user: User | None) -> bool:
    """Owners and admins see drafts and closed pages as a reader would."""
    return user is not None and user.may(Permission.PREVIEW_PRODUCTS)


def to_login(request: HttpRequest) -> HttpResponse:
    return redirect_to_login(request.get_full_path())
