"""Who may come to a page: members see theirs, staff see the console by role."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from hub.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

STAFF = frozenset({User.Role.OWNER, User.Role.ADMIN, User.Role.SUPPORT})
EDITORS = frozenset({User.Role.OWNER, User.Role.ADMIN})
OWNER = frozenset({User.Role.OWNER})


def staff_only(roles: frozenset[User.Role] = STAFF) -> Callable[[View[P]], View[P]]:
    """Lets these roles in; strangers are sent to sign in, everybody else is refused (403)."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.user.role not in roles:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def signed_in(request: HttpRequest) -> User | None:
    """The person, or None for a visitor."""
    return request.user if request.user.is_authenticated else None


def is_last_owner(user: User) -> bool:
    """Without whom nobody could say who is staff."""
    owners = User.objects.filter(role=User.Role.OWNER, is_active=True)
    return owners.filter(pk=user.pk).exists() and not owners.exclude(pk=user.pk).exists()


def may_favour(actor: User, person: User) -> bool:
    """Nobody of the staff opens a door for themselves, but the owners, whose doors they are."""
    return actor.pk != person.pk or actor.role in OWNER


def may_preview(user: User | None) -> bool:
    """Owners and admins see drafts and closed pages as a reader would."""
    return user is not None and user.role in EDITORS


def to_login(request: HttpRequest) -> HttpResponse:
    return redirect_to_login(request.get_full_path())
