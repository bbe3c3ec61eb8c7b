"""The only module that calls Stripe: one client, time-outs, few retries, idempotency keys, plain dicts out.

Every function raises the errors of `billing.errors` and nothing of the SDK's. Shapes are Stripe's own, version
`settings.STRIPE_API_VERSION`.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from math import inf
from typing import Any

import stripe
from django.conf import settings

from billing import pace
from billing.errors import (
    NotConnected,
    StripeForbidden,
    StripeInvalid,
    StripeMissing,
    StripePaused,
    StripeRefused,
    StripeUnavailable,
)
from billing.intake.storable import storable
from billing.models import Connection
from billing.stripe_objects import OVER

Json = dict[str, Any]
Params = dict[str, Any]

SDK_API_VERSION = str(stripe.api_version)
PAGE = 100
SUBSCRIPTION_EXPAND = ["customer", "latest_invoice.payments", "discounts.source.coupon"]
SESSION_EXPAND = ["line_items", "payment_intent.latest_charge"]
INVOICE_PAYMENT_EXPAND = ["invoice.payments", "payment.payment_intent.latest_charge"]


class Gateway:
    """Stripe under one connection's key. `waiting` is for calls that a person waits for: short, reads not repeated.

    All others keep the pace of their account, where it is named. `patience`: seconds for which a call is put off and
    tried again while Stripe asks for a pause, for work that would have to begin anew. `at_most`: seconds after which
    no call is made any more, and StripeUnavailable raised, so that no work goes on for ever.
    """

    def __init__(
        self,
        key: str,
        *,
        waiting: bool = False,
        connection_id: int | None = None,
        patience: float = 0,
        at_most: float = inf,
    ) -> None:
        self._client = _client(key, settings.STRIPE_API_BASE, waiting)
        self._waiting, self._connection_id, self._patience = waiting, connection_id, patience
        self._over_at = time.monotonic() + at_most

    # Reading, for a refresh

    def subscriptions_of(self, customer: str) -> list[Json]:
        """Every subscription of a customer, ended ones too, with all their items."""
        params = {"customer": customer, "status": "all", "expand": _each(SUBSCRIPTION_EXPAND)}
        return [self._with_all_items(sub) for sub in self._all(self._client.v1.subscriptions.list, params)]

    def subscription(self, subscription: str) -> Json:
        found = self._one(self._client.v1.subscriptions.retrieve, subscription, {"expand": SUBSCRIPTION_EXPAND})
        return self._with_all_items(found)

    def subscription_page(
        self, *, after: str = "", created: Mapping[str, int] | None = None
    ) -> tuple[list[Json], bool]:
        """A page of the account's subscriptions, newest first, and whether more follow. `created`: "gte" and "lte"."""
        params: Params = {"status": "all", "limit": PAGE, "expand": _each(SUBSCRIPTION_EXPAND)}
        if after:
            params["starting_after"] = after
        if created:
            params["created"] = dict(created)
        page = self._call(self._client.v1.subscriptions.list, params)
        return [self._with_all_items(sub) for sub in page["data"]], page["has_more"]

    def sessions_of(self, **where: str) -> list[Json]:
        """Complete Checkout Sessions, by `customer` or `payment_intent`, with their line items and charge."""
        params = {**where, "status": "complete", "expand": _each(SESSION_EXPAND)}
        return [self._with_all_lines(session) for session in self._all(self._client.v1.checkout.sessions.list, params)]

    def complete_sessions_of(self, address: str, *, created_from: int) -> list[Json]:
        """The complete sessions made since then in which this very address was given."""
        where: Params = {"customer_details": {"email": address}, "created": {"gte": created_from}}
        params = {**where, "status": "complete", "expand": _each(SESSION_EXPAND)}
        return [self._with_all_lines(session) for session in self._all(self._client.v1.checkout.sessions.list, params)]

    def session_page(self, *, after: str = "") -> tuple[list[Json], bool]:
        params: Params = {"status": "complete", "limit": PAGE, "expand": _each(SESSION_EXPAND)}
        if after:
            params["starting_after"] = after
        page = self._call(self._client.v1.checkout.sessions.list, params)
        return [self._with_all_lines(session) for session in page["data"]], page["has_more"]

    def open_sessions(self) -> list[Json]:
        """The account's Checkout Sessions that somebody may still pay: none lives longer than a day."""
        return self._all(self._client.v1.checkout.sessions.list, {"status": "open"})

    def session(self, session: str) -> Json:
        found = self._one(self._client.v1.checkout.sessions.retrieve, session, {"expand": SESSION_EXPAND})
        return self._with_all_lines(found)

    def open_invoices_of(self, customer: str) -> list[Json]:
        return self._all(self._client.v1.invoices.list, {"customer": customer, "status": "open"})

    def open_invoice_pages(self) -> Iterator[list[Json]]:
        """The open invoices of the whole account."""
        return self._pages(self._client.v1.invoices.list, {"status": "open"})

    def paid_invoices_of(self, customer: str) -> list[Json]:
        """Paid invoices with the payments that paid them and every line."""
        params = {"customer": customer, "status": "paid", "expand": ["data.payments"]}
        return [self._with_all_invoice_lines(found) for found in self._all(self._client.v1.invoices.list, params)]

    def paid_invoices_on(self, subscription: str) -> list[Json]:
        """The newest hundred paid invoices of a subscription."""
        params = {"subscription": subscription, "status": "paid", "limit": PAGE}
        found: list[Json] = self._call(self._client.v1.invoices.list, params)["data"]
        return found

    def invoice_payments(self, *, payment_intent: str = "", invoice: str = "") -> list[Json]:
        """What an intent paid, or what paid an invoice: each with the intent's charge, and the invoice whole.

        The only way from a charge to its invoice, and from an invoice to its charge.
        """
        of_intent = {"payment": {"type": "payment_intent", "payment_intent": payment_intent}}
        where: Params = {"invoice": invoice} if invoice else of_intent
        params = {**where, "expand": _each(INVOICE_PAYMENT_EXPAND)}
        rows = self._all(self._client.v1.invoice_payments.list, params)
        return [{**row, "invoice": self._with_all_invoice_lines(row["invoice"])} for row in rows]

    def invoice(self, invoice: str) -> Json:
        return self._with_all_invoice_lines(self._one(self._client.v1.invoices.retrieve, invoice, {}))

    def charges_of(self, customer: str) -> list[Json]:
        return self._all(self._client.v1.charges.list, {"customer": customer})

    def disputes_of(self, charge: str) -> list[Json]:
        return self._all(self._client.v1.disputes.list, {"charge": charge})

    def dispute_pages(self) -> Iterator[list[Json]]:
        """The disputes of the whole account, with their charges."""
        return self._pages(self._client.v1.disputes.list, {"expand": ["data.charge"]})

    def refund_pages(self) -> Iterator[list[Json]]:
        """The refunds of the whole account, with their charges."""
        return self._pages(self._client.v1.refunds.list, {"expand": ["data.charge"]})

    def billed_invoice_item_pages(self, *, with_invoices: bool = False) -> Iterator[list[Json]]:
        """The invoice items of the whole account that are on an invoice; `with_invoices`: each with the whole of it."""
        expand = {"expand": ["data.invoice"]} if with_invoices else {}
        return self._pages(self._client.v1.invoice_items.list, {"pending": False, **expand})

    def payment_intent(self, payment_intent: str) -> Json:
        return self._one(self._client.v1.payment_intents.retrieve, payment_intent, {"expand": ["latest_charge"]})

    def named(self, ref: str) -> Json:
        """The object of an id, by how that begins. Raises StripeMissing, also where it begins like none of these."""
        v1 = self._client.v1
        ways: dict[str, Callable[..., Any]] = {
            "cus": v1.customers.retrieve,
            "sub": v1.subscriptions.retrieve,
            "pi": v1.payment_intents.retrieve,
            **dict.fromkeys(("ch", "py"), v1.charges.retrieve),
            "in": v1.invoices.retrieve,
            "cs": v1.checkout.sessions.retrieve,
            **dict.fromkeys(("re", "pyr"), v1.refunds.retrieve),
            **dict.fromkeys(("du", "dp"), v1.disputes.retrieve),
            "cn": v1.credit_notes.retrieve,
            "evt": v1.events.retrieve,
        }
        if (way := ways.get(ref.partition("_")[0])) is None:
            raise StripeMissing(f"No such id: {ref}")
        return self._one(way, ref, {})

    def customer(self, customer: str) -> Json:
        """The customer, or `{"id", "object", "deleted": True}`."""
        return self._one(self._client.v1.customers.retrieve, customer, {})

    def event_page(self, *, types: Sequence[str], created_from: int, after: str = "") -> tuple[list[Json], bool]:
        """A page of the account's events, newest first. Stripe keeps thirty days and takes at most 20 types."""
        params: Params = {"types": list(types), "created": {"gte": created_from}, "limit": PAGE}
        if after:
            params["starting_after"] = after
        page = self._call(self._client.v1.events.list, params)
        return page["data"], page["has_more"]

    # Reading, for linking

    def account(self) -> Json:
        return self._call(self._client.v1.accounts.retrieve_current)

    def product(self, product: str) -> Json:
        return self._one(self._client.v1.products.retrieve, product, {})

    def product_page(self, *, after: str = "", size: int = PAGE) -> tuple[list[Json], bool]:
        """A page of the active products, newest first, each with its default price, and whether more follow."""
        params: Params = {"active": True, "limit": size, "expand": ["data.default_price"]}
        if after:
            params["starting_after"] = after
        page = self._call(self._client.v1.products.list, params)
        return page["data"], page["has_more"]

    def prices_of(self, product: str, *, active: bool = True) -> list[Json]:
        return self._all(self._client.v1.prices.list, {"product": product, "active": active})

    def coupon(self, coupon: str) -> Json:
        return self._one(self._client.v1.coupons.retrieve, coupon, {})

    def payment_link(self, payment_link: str) -> Json:
        return self._one(self._client.v1.payment_links.retrieve, payment_link, {})

    def live_subscription_pages(self, *, price: str = "") -> Iterator[list[Json]]:
        """The subscriptions that have not ended, of the whole account or on one price; on a page the newest first."""
        for page in self._pages(self._client.v1.subscriptions.list, {"price": price} if price else {}):
            yield [self._with_all_items(sub) for sub in page if sub["status"] not in OVER]

    # Writing

    def create_product(self, params: Params, *, idempotency_key: str) -> Json:
        return self._call(self._client.v1.products.create, params, _idempotent(idempotency_key))

    def update_product(self, product: str, params: Params) -> Json:
        return self._one(self._client.v1.products.update, product, params)

    def create_price(self, params: Params, *, idempotency_key: str) -> Json:
        return self._call(self._client.v1.prices.create, params, _idempotent(idempotency_key))

    def update_price(self, price: str, params: Params) -> Json:
        return self._one(self._client.v1.prices.update, price, params)

    def create_payment_link(self, params: Params, *, idempotency_key: str) -> Json:
        return self._call(self._client.v1.payment_links.create, params, _idempotent(idempotency_key))

    def update_payment_link(self, payment_link: str, params: Params) -> Json:
        return self._one(self._client.v1.payment_links.update, payment_link, params)

    def create_session(self, params: Params, *, idempotency_key: str) -> Json:
        return self._call(self._client.v1.checkout.sessions.create, params, _idempotent(idempotency_key))

    def expire_session(self, session: str) -> Json:
        return self._one(self._client.v1.checkout.sessions.expire, session, {})

    def update_subscription(self, subscription: str, params: Params) -> Json:
        return self._one(self._client.v1.subscriptions.update, subscription, params)

    def resume_subscription(self, subscription: str, *, idempotency_key: str) -> Json:
        """A paused one: a new period begins now and is billed; it stays paused until that is paid."""
        resume = self._client.v1.subscriptions.resume
        return self._call(resume, subscription, {"billing_cycle_anchor": "now"}, _idempotent(idempotency_key))

    def portal_configurations(self) -> list[Json]:
        return self._all(self._client.v1.billing_portal.configurations.list, {"active": True})

    def portal_configuration(self, configuration: str) -> Json:
        return self._one(self._client.v1.billing_portal.configurations.retrieve, configuration, {})

    def create_portal_configuration(self, params: Params, *, idempotency_key: str) -> Json:
        return self._call(self._client.v1.billing_portal.configurations.create, params, _idempotent(idempotency_key))

    def update_portal_configuration(self, configuration: str, params: Params) -> Json:
        return self._one(self._client.v1.billing_portal.configurations.update, configuration, params)

    def create_portal_session(self, params: Params) -> Json:
        return self._call(self._client.v1.billing_portal.sessions.create, params)

    def create_webhook_endpoint(self, params: Params, *, idempotency_key: str) -> Json:
        return self._call(self._client.v1.webhook_endpoints.create, params, _idempotent(idempotency_key))

    def update_webhook_endpoint(self, endpoint: str, params: Params) -> Json:
        return self._one(self._client.v1.webhook_endpoints.update, endpoint, params)

    def delete_webhook_endpoint(self, endpoint: str) -> Json:
        return self._one(self._client.v1.webhook_endpoints.delete, endpoint, {})

    def webhook_endpoints(self) -> list[Json]:
        return self._all(self._client.v1.webhook_endpoints.list, {})

    def webhook_endpoint(self, endpoint: str) -> Json:
        return self._one(self._client.v1.webhook_endpoints.retrieve, endpoint, {})

    # How calls are made

    def _with_all_items(self, sub: Json) -> Json:
        if sub["items"]["has_more"]:
            items = self._all(self._client.v1.subscription_items.list, {"subscription": sub["id"]})
            sub["items"] = {**sub["items"], "data": items, "has_more": False}
        return sub

    def _with_all_lines(self, session: Json) -> Json:
        lines = session.get("line_items")
        if lines and lines["has_more"]:
            found = self._all(
                lambda params: self._client.v1.checkout.sessions.line_items.list(session["id"], params), {}
            )
            session["line_items"] = {**lines, "data": found, "has_more": False}
        return session

    def _with_all_invoice_lines(self, invoice: Json) -> Json:
        lines = invoice["lines"]
        if lines["has_more"]:
            found = self._all(lambda params: self._client.v1.invoices.line_items.list(invoice["id"], params), {})
            invoice["lines"] = {**lines, "data": found, "has_more": False}
        return invoice

    def _all(self, method: Callable[..., Any], params: Params) -> list[Json]:
        return [found for page in self._pages(method, params) for found in page]

    def _pages(self, method: Callable[..., Any], params: Params) -> Iterator[list[Json]]:
        page_params = {"limit": PAGE, **params}
        while True:
            page = self._call(method, page_params)
            yield page["data"]
            if not page["has_more"]:
                return
            page_params = {**page_params, "starting_after": page["data"][-1]["id"]}

    def _one(self, method: Callable[..., Any], object_id: str, params: Params) -> Json:
        return self._call(method, object_id, params)

    def _call(self, method: Callable[..., Any], *args: Any) -> Json:
        until = time.monotonic() + self._patience
        while True:
            if time.monotonic() > self._over_at:
                raise StripeUnavailable("Stripe answers too slowly: this was broken off, and begins anew another time")
            if self._connection_id and not self._waiting:
                pace.wait_for_turn(self._connection_id, patience=until - time.monotonic())
            try:
                return self._call_once(method, *args)
            except StripePaused:
                if time.monotonic() > until:
                    raise

    def _call_once(self, method: Callable[..., Any], *args: Any) -> Json:
        try:
            response = method(*args).last_response
            answer: Json = storable(response.data, text=response.body)
        except stripe.PermissionError as error:
            raise StripeForbidden(_words(error)) from error
        except stripe.AuthenticationError as error:
            raise StripeRefused(_words(error)) from error
        except stripe.RateLimitError as error:
            if self._connection_id:
                pace.fall_silent(self._connection_id, seconds=_retry_after(error))
            raise StripePaused(_words(error), retry_after=_retry_after(error)) from error
        except stripe.InvalidRequestError as error:
            if error.http_status == 404 or error.code == "resource_missing":
                raise StripeMissing(_words(error)) from error
            raise StripeInvalid(_words(error), code=error.code or "", param=error.param or "") from error
        except stripe.IdempotencyError as error:
            raise StripeInvalid(_words(error), code="idempotency_error") from error
        except (stripe.APIConnectionError, stripe.APIError) as error:
            raise StripeUnavailable(_words(error)) from error
        if not isinstance(answer, dict):
            raise StripeUnavailable("Stripe's answer was not an object")
        return answer


def fingerprint_of(what: str, params: Params) -> str:
    """An idempotency key that is the same for the same wish, and another for another."""
    return f"{what}-{sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()}"


def gateway_for(connection: Connection, *, waiting: bool = False, patience: float = 0, at_most: float = inf) -> Gateway:
    """The way to its account. Raises NotConnected where its key was forgotten."""
    if not connection.sealed_key:
        raise NotConnected(f"{connection.account_name or connection.account_id} is disconnected.")
    return Gateway(connection.key, waiting=waiting, connection_id=connection.pk, patience=patience, at_most=at_most)


@lru_cache(maxsize=8)
def _client(key: str, base: str, waiting: bool) -> stripe.StripeClient:
    timeout = settings.STRIPE_WAITING_TIMEOUT if waiting else settings.STRIPE_TIMEOUT
    return stripe.StripeClient(
        key,
        stripe_version=settings.STRIPE_API_VERSION,
        base_addresses={"api": base} if base else None,
        max_network_retries=0 if waiting else 1,
        http_client=stripe.RequestsClient(timeout=timeout),
    )


def _each(expand: Sequence[str]) -> list[str]:
    return [f"data.{path}" for path in expand]


def _idempotent(key: str) -> Json:
    """A double click's second call is answered 409 while the first one runs; repeated, it gets the first's answer."""
    return {"idempotency_key": key, "max_network_retries": 1}


def _words(error: stripe.StripeError) -> str:
    return f"{error.http_status or 'no answer'}: {error.user_message or type(error).__name__}"


def _retry_after(error: stripe.StripeError) -> float | None:
    value = (error.headers or {}).get("retry-after", "")
    return float(value) if value.isdigit() else None
