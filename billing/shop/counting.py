"""How much was bought of a Stripe product: before it is linked, and what keeps a link from being ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from billing.errors import StripeError
from billing.gateway import Gateway
from billing.models import InboxEvent, Pass, ProductLink, Subscription
from billing.stripe_objects import OVER, expanded, items_of, sid

Json = dict[str, Any]
MANY, CHUNK = 1_000, 200
PAGES, PRICES = 5, 10  # pages of a hundred, of each kind: a person waits


BEGINNINGS = tuple(f"customer.subscription.{name}" for name in ("created", "updated", "resumed"))
LATELY = timedelta(minutes=15)  # clocks, and events that become visible late


class NotCounted(StripeError):
    """An account too large to be read while somebody waits, and not read at night since the link was made."""

    def __init__(self) -> None:
        super().__init__(
            "This Stripe account has more subscriptions than can be read while you wait, so nobody knows yet whether "
            "one is still live on it. The full pass of the night reads them all: try again tomorrow."
        )


@dataclass(frozen=True, slots=True)
class Bought:
    """Live subscriptions and past orders; `is_all`: none is missing, because Stripe's lists were read to their end."""

    subscriptions: int
    orders: int
    is_all: bool

    @property
    def is_nothing(self) -> bool:
        return self.is_all and not self.subscriptions and not self.orders


def count_bought(gateway: Gateway, stripe_product: str) -> Bought:
    """What anybody bought of it anywhere, as far as a few pages of the account tell. Raises billing.errors."""
    subscriptions, all_subscriptions = _count_subscriptions(gateway, stripe_product)
    orders, all_orders = _count_orders(gateway, stripe_product)
    return Bought(subscriptions, orders, all_subscriptions and all_orders)


def count_live(made: ProductLink, *, gateway: Gateway) -> int:
    """Subscriptions that still live on the linked product: ours as last decided, else as `count_bought` finds them.

    A person waits: nothing is listed to its end, and ours are counted no further than one more than MANY. In no list
    of a large account is what was sold at a price made on the spot: a full pass has read it, and the events since
    then name what is newer. Raises NotCounted where neither can be said, and billing.errors.
    """
    if known := count_known_live(made):
        return known
    found, is_all = _count_subscriptions(gateway, made.stripe_product)
    return found if found or is_all else _count_unheard(made, gateway)


def count_known_live(made: ProductLink) -> int:
    """Those that we know of, without asking Stripe: one more than MANY at most."""
    return sum(1 for _ in islice(known_live(made), MANY + 1))


def known_live(made: ProductLink, *, after: int = 0) -> Iterator[Subscription]:
    """Those that we know of, in the order in which we heard of them, beyond the one with this key: each with its
    person, and without what Stripe said of it, which is long.
    """
    key = str(made.product_id)
    decided = Subscription.objects.filter(connection=made.connection, reasons__has_key=key)
    # A status that nobody knows may be one of going on.
    rows = decided.exclude(status__in=OVER).filter(pk__gt=after).select_related("user").defer("data").order_by("pk")
    for row in rows.iterator(chunk_size=CHUNK):
        if row.reasons[key]["reason"] != "not_on_subscription":
            yield row


def _count_subscriptions(gateway: Gateway, stripe_product: str) -> tuple[int, bool]:
    """Of the whole account, because prices made on the spot are in no list of prices; of a large one, by its prices."""
    pages, count = gateway.live_subscription_pages(), 0
    for page in islice(pages, PAGES):
        count += sum(_is_on(sub, stripe_product) for sub in page)
    if next(pages, None) is None:
        return count, True
    on_prices = islice(_live_on_prices(gateway, stripe_product), PRICES)
    return max(count, len(set().union(*on_prices))), False


def _count_unheard(made: ProductLink, gateway: Gateway) -> int:
    """Those in the events that were worked off by nobody yet, and in those that have not been listed."""
    passes = Pass.objects.filter(kind="full", started_at__gte=made.created_at, finished_at__isnull=False, stopped="")
    if not passes.exists():
        raise NotCounted
    waiting = (InboxEvent.State.PENDING, InboxEvent.State.DEAD)
    events = made.connection.inbox.filter(state__in=waiting, type__in=BEGINNINGS).exclude(payload={})
    told = [payload["data"]["object"] for payload in events.values_list("payload", flat=True)]
    since = int(((made.connection.cursor or made.connection.created_at) - LATELY).timestamp())
    after = ""
    for _ in range(PAGES):
        page, more = gateway.event_page(types=BEGINNINGS, created_from=since, after=after)
        told += [event["data"]["object"] for event in page]
        if not more:
            break
        after = page[-1]["id"]
    else:
        raise NotCounted
    return len({sub["id"] for sub in told if sub["status"] not in OVER and _is_on(sub, made.stripe_product)})


def _live_on_prices(gateway: Gateway, stripe_product: str) -> Iterator[set[str]]:
    """The live subscriptions on each of the recurring prices that Stripe lists."""
    for price in gateway.prices_of(stripe_product) + gateway.prices_of(stripe_product, active=False):
        if price["type"] == "recurring":
            listed = islice(gateway.live_subscription_pages(price=price["id"]), PAGES)
            yield {sub["id"] for page in listed for sub in page if _is_on(sub, stripe_product)}


def _is_on(sub: Json, stripe_product: str) -> bool:
    """As the policy reads it: an item of no quantity sells nothing."""
    mine = (item for item in items_of(sub) if sid((item.get("price") or {}).get("product")) == stripe_product)
    return any(item.get("quantity", 1) > 0 for item in mine)


def _count_orders(gateway: Gateway, stripe_product: str) -> tuple[int, bool]:
    """Paid checkouts, and paid invoices that no checkout made."""
    orders: set[str] = set()
    sessions, more, after = 0, True, ""
    while more and sessions < PAGES:
        page, more = gateway.session_page(after=after)
        orders |= {sid(found.get("invoice")) or found["id"] for found in page if _sold(found, stripe_product)}
        after, sessions = (page[-1]["id"] if page else ""), sessions + 1
    items = gateway.billed_invoice_item_pages(with_invoices=True)
    for rows in islice(items, PAGES):
        orders |= _invoices_of(rows, stripe_product)
    return len(orders), not more and next(items, None) is None


def _sold(session: Json, stripe_product: str) -> bool:
    """Whether it was paid, and sold the product once rather than by subscription."""
    if session["payment_status"] == "unpaid":
        return False
    prices = [line.get("price") or {} for line in (session.get("line_items") or {}).get("data") or []]
    return any(sid(price.get("product")) == stripe_product and price["type"] == "one_time" for price in prices)


def _invoices_of(items: Iterable[Json], stripe_product: str) -> set[str]:
    return {
        sid(item.get("invoice"))
        for item in items
        if sid(((item.get("pricing") or {}).get("price_details") or {}).get("product")) == stripe_product
        and not item.get("proration")
        and (expanded(item.get("invoice")) or {}).get("status") == "paid"
    }
