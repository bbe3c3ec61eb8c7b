"""Who works here."""

from hub.models import User


def is_last_owner(user: User) -> bool:
    """Without whom nobody could say who is staff."""
    owners = User.objects.filter(role=User.Role.OWNER, is_active=True)
    return owners.filter(pk=user.pk).exists() and not owners.exclude(pk=user.pk).exists()
