"""The whole account, page by page, beside what we know of it. Only what differs is kept, however many there are.

Lists of a hundred say nearly all of it. Whoever was refunded or disputed otherwise than we know, or billed by an
invoice item, is fetched whole, because no list leads from a refund to the subscription that it was for; and so is
whoever may have paid before an invoice that is open.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from datetime import datetime
from typing import Any

import structlog
from django.utils import timezone

from billing.errors import StripeMissing, StripeUnavailable
from billing.gateway import Gateway
from billing.intake.event_types import EVERYTHING
from billing.models import Connection, Order, StripeCustomer, Subscription
from billing.refreshing.deciding_links import ever_linked
from billing.refreshing.earlier_payments import unknown_among
from billing.refreshing.entitling import Rules
from billing.refreshing.snapshots import Ask, Snapshot, charge_of_session, fetch_customer, fetch_guest, names_of
from billing.stripe_objects import products_of, sid
from billing.sweeping import comparing, listing
from billing.sweeping.left_behind import bought_elsewhere
from hub.models import Grant, User

log = structlog.get_logger(__name__)
Json = dict[str, Any]


class Survey:
    """One reading of the account.

    `subjects`: whom it names; `names`: every id by which a grant or an order may be known; `stale`: the subjects of
    which we knew otherwise, whether or not that means anything for a grant; `unread`: those that could not be read.
    """

    def __init__(self, gateway: Gateway, *, connection: Connection, now: datetime) -> None:
        self.gateway = gateway
        self.rules = Rules.of(connection, now=now)
        self.linked = ever_linked(connection)
        self.subjects: set[str] = set()
        self.names: set[str] = set()
        self.stale: set[str] = set()
        self.unread: set[str] = set()
        self._news: dict[str, Snapshot] = {}
        self._disputed: set[str] = set()
        self._unsure: set[str] = set()

    def suspects(self) -> Iterator[tuple[str, Snapshot]]:
        """The subjects whose grants may not be as they should, each with what Stripe says that we do not know.

        Raises billing.errors.
        """
        self._read_subscriptions()
        self._read_sessions()
        whole = self._read_the_rest() | self._disputed | self._unsure
        self.stale |= self._news.keys()
        unlike = set(comparing.subjects_unlike_their_grants(self.rules))
        self.subjects |= whole | unlike
        for subject in sorted(self._news.keys() | whole | unlike):
            if subject in whole:
                if snapshot := self._fetch_whole(subject):
                    self.names |= snapshot.names
                    yield subject, snapshot
            else:
                yield subject, self._news.get(subject) or Snapshot(timezone.now())

    def _fetch_whole(self, subject: str) -> Snapshot | None:
        try:
            return fetch_whole(self.gateway, subject, linked=self.linked)
        except StripeUnavailable:
            raise
        except Exception:  # looked at alone, it keeps its error with its row, and holds nobody else up
            log.exception("not_read", subject=subject)
            self.unread.add(subject)
            return None

    def unknown_grants(self) -> Iterator[Grant]:
        """Open grants whose subscription or purchase no list named, and Stripe does not know by its id either."""
        bought = Grant.objects.filter(state__in=Grant.OPEN).exclude(source=Grant.Source.MANUAL)
        bought = bought.exclude(bought_elsewhere())
        columns = ("key", "session_id", "payment_intent", "invoice_id")
        orders = {
            found[0]: set(found)
            for found in Order.objects.filter(key__in=bought.values("source_ref")).values_list(*columns)
        }
        for grant in bought.select_related("user", "product").order_by("pk"):
            names = orders.get(grant.source_ref, set()) | {grant.source_ref}
            if not names & self.names and not _exists(self.gateway, grant.source_ref):
                yield grant

    def _read_subscriptions(self) -> None:
        asked_at = timezone.now()
        open_invoices = listing.open_invoices_by_subscription(self.gateway)
        for page in listing.subscription_pages(self.gateway):
            self.names |= {sub["id"] for sub in page}
            self.subjects |= {sid(sub["customer"]) for sub in page}
            self._unsure |= self._who_may_have_paid_before(page, open_invoices)
            for sub in comparing.new_subscriptions(
                page, open_invoices=open_invoices, rules=self.rules, asked_at=asked_at
            ):
                news = self._news.setdefault(sid(sub["customer"]), Snapshot(asked_at))
                news.subscriptions = [*(news.subscriptions or []), sub]
                news.open_invoices = [*(news.open_invoices or []), *open_invoices.get(sub["id"], [])]
            asked_at = timezone.now()

    def _who_may_have_paid_before(self, page: list[Json], open_invoices: Mapping[str, list[Json]]) -> set[str]:
        ours = [sub for sub in page if self.linked & set(products_of(sub))]
        late = [invoice for sub in ours for invoice in open_invoices.get(sub["id"], [])]
        unknown = unknown_among(ours, open_invoices=late, now=self.rules.now)
        return {sid(sub["customer"]) for sub in ours if sub["id"] in unknown}

    def _read_sessions(self) -> None:
        """A new subscription's session is news too: it may name the signed-in buyer."""
        asked_at = timezone.now()
        for page in listing.session_pages(self.gateway):
            new = {session["id"] for session in comparing.new_sessions(page, rules=self.rules, asked_at=asked_at)}
            for session in page:
                subject = listing.subject_of_session(session)
                self.subjects.add(subject)
                self.names |= names_of(session)
                if session["id"] in new or (session.get("subscription") and subject in self._news):
                    news = self._news.setdefault(subject, Snapshot(asked_at))
                    news.sessions = [*(news.sessions or []), session]
                    if (charge_of_session(session) or {}).get("disputed"):
                        self._disputed.add(subject)
            asked_at = timezone.now()

    def _read_the_rest(self) -> set[str]:
        """Who has to be asked about whole."""
        found: set[str] = set()
        for page in self.gateway.refund_pages():
            found |= comparing.newly_refunded(page, rules=self.rules)
        for page in self.gateway.dispute_pages():
            found |= comparing.newly_disputed(page)
        return (found & _ours()) | listing.billed_once(self.gateway, linked=self.linked)


def fetch_whole(gateway: Gateway, subject: str, *, linked: Set[str]) -> Snapshot:
    """Everything that Stripe says of a customer or a guest's payment. Raises billing.errors."""
    asked_at = timezone.now()
    if subject.startswith("cus_"):
        return fetch_customer(gateway, subject, ask=Ask(EVERYTHING), linked=linked, asked_at=asked_at)
    return fetch_guest(gateway, subject, asked_at=asked_at)[0]


def subjects_of(user: User) -> list[str]:
    """A person's Stripe customers, and the payments that they made as a guest."""
    customers = StripeCustomer.objects.filter(user=user).values_list("stripe_id", flat=True)
    return sorted({*customers, *Order.objects.filter(user=user).values_list("subject", flat=True)})


def _exists(gateway: Gateway, ref: str) -> bool:
    """Asked by id: what belongs to a test clock is in no list."""
    ask: dict[str, Callable[[str], Json]] = {
        "sub": gateway.subscription,
        "pi": gateway.payment_intent,
        "cs": gateway.session,
        "in": gateway.invoice,
    }
    try:
        ask[ref.partition("_")[0]](ref)
    except (KeyError, StripeMissing):
        return False
    return True


def _ours() -> set[str]:
    """Whoever ever had access from Stripe: others' refunds mean nothing here."""
    refs = Grant.objects.exclude(source=Grant.Source.MANUAL).values("source_ref")
    customers = Subscription.objects.filter(stripe_id__in=refs).values_list("customer_id", flat=True)
    return set(customers) | set(Order.objects.filter(key__in=refs).values_list("subject", flat=True))
