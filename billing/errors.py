"""What can go wrong with Stripe, by what it means for us."""


class StripeError(Exception):
    """Base of all. The text is for staff; it holds no key."""


class StripeUnavailable(StripeError):
    """No answer, or a passing one (5xx, 429, a lock). Nothing is known; try later. Nobody loses access."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StripePaused(StripeUnavailable):
    """429: too many calls. Stripe may say in `retry_after` how many seconds to wait."""


class StripeRefused(StripeUnavailable):
    """401 or 403: our key is wrong or lacks a permission. A person has to mend it; nobody loses access."""


class StripeForbidden(StripeRefused):
    """403: our key lacks a permission, which Stripe's words name."""


class StripeMissing(StripeError):
    """404: no such object under this key."""


class StripeInvalid(StripeError):
    """400: we asked for something that Stripe does not allow."""

    def __init__(self, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


class NotConnected(StripeError):
    """No Stripe account is connected."""
