"""Stripe's refusals: each carries its HTTP status and the `error` object that Stripe would answer."""

from typing import Any

from sandbox.types import Obj


class StripeRefusal(Exception):
    """Answered as {"error": {...}} with `status`; the fields follow Stripe's `api_errors` schema."""

    status = 400
    kind = "invalid_request_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        status: int | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status or self.status
        fields: Obj = {"type": self.kind, "message": message, "code": code, "param": param, **more}
        if code:
            fields["doc_url"] = "https://stripe.com/docs/error-codes/" + code.replace("_", "-")
        self.error: Obj = {name: value for name, value in fields.items() if value is not None}

    def as_json(self) -> Obj:
        return {"error": self.error}


class InvalidRequest(StripeRefusal):
    """400: the request is wrong, whatever the state."""


class NotFound(StripeRefusal):
    """404 `resource_missing`, in Stripe's words; 400 when the id came as a parameter."""

    status = 404

    def __init__(self, noun: str, object_id: str, *, param: str = "id") -> None:
        # Stripe answers 404 for the object of the path and 400 for an object that a parameter names.
        super().__init__(
            f"No such {noun}: '{object_id}'",
            code="resource_missing",
            param=param,
            status=404 if param == "id" else 400,
        )


class Unauthorized(StripeRefusal):
    status = 401


class RateLimited(StripeRefusal):
    """429, with the header that says which limit it was."""

    status = 429

    def __init__(self) -> None:
        super().__init__("Request rate limit exceeded.", code="rate_limit")


class IdempotencyMismatch(StripeRefusal):
    kind = "idempotency_error"


class CardDeclined(StripeRefusal):
    """402: the bank said no. `decline_code` and `code` are Stripe's published ones."""

    status = 402
    kind = "card_error"

    def __init__(
        self, message: str, *, code: str = "card_declined", decline_code: str | None = None, **more: Any
    ) -> None:
        super().__init__(message, code=code, decline_code=decline_code, **more)
        self.message = message
        self.code = code
        self.decline_code = decline_code


class AuthenticationRequired(Exception):
    """The card wants 3-D Secure and nobody has approved yet: a hosted page asks, the API answers `requires_action`."""
