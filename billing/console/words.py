"""What the owner's pages about Stripe have in common."""

from typing import cast

from django.http import HttpRequest

from hub.models import User

AWAY = "Stripe does not answer right now. Nothing was changed; try again in a minute."


def actor_of(request: HttpRequest) -> User:
    """Who of the staff asks: `staff_only` has seen to it that somebody is signed in."""
    return cast(User, request.user)
