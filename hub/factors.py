"""What somebody signs in with beside their address."""

from allauth.mfa.models import Authenticator

from hub.models import User


def factors_of(user: User) -> set[str]:
    """The kinds that somebody has: `totp`, `webauthn`, `recovery_codes`."""
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
