"""From what we know of Stripe to what grants should be: facts, policy and clock in, wanted grants out.

Refresh, policy preview, verification and import all ask here, so that they cannot differ.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.models import Connection, Order, ProductLink, Subscription
from billing.rules.facts import order_facts, subscription_facts
from billing.rules.policies import Policies
from billing.rules.policy import Access, Decision, OrderFacts, SubscriptionFacts, decide_order, decide_subscription
from hub.grants import CLOSED, Wanted
from hub.models import Grant, User

# Our clock and Stripe's may differ: who buys in the minutes before a link is made is a buyer of today.
LEEWAY = timedelta(minutes=5)
AT_ONCE = timedelta(minutes=5)
STATES = {Access.OPEN: Grant.State.ACTIVE, Access.GRACE: Grant.State.GRACE, Access.CLOSED: CLOSED}


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A decision about one subscription or order and one product of ours, whoever paid.

    `is_past`: bought before the product was linked, and never decided about before. It comes in as by an import.
    `foreseen`: its end was asked for before it came.
    """

    link: ProductLink
    decision: Decision
    source: str
    source_ref: str
    starts_at: datetime
    true_at: datetime
    policy_version: int
    is_past: bool
    foreseen: bool = False

    @property
    def opens(self) -> bool:
        return self.decision.access in {Access.OPEN, Access.GRACE}

    def wanted(self, user_id: int, *, batch: str = "") -> Wanted | None:
        """The grant this asks for; None where nothing is sure and the last one stays."""
        if self.decision.access is Access.KEEP:
            return None
        return Wanted(
            user_id=user_id,
            product_id=self.link.product_id,
            source=self.source,
            source_ref=self.source_ref,
            state=STATES[self.decision.access],
            reason=self.decision.reason,
            rule=self.decision.rule,
            true_at=self.true_at,
            starts_at=self.starts_at,
            policy_version=self.policy_version,
            until=self.decision.until,
            ends_at=self.decision.ends_at,
            batch=batch or (self.link.batch if self.is_past else ""),
            foreseen=self.foreseen,
        )


Found = dict[str, list[Entitlement]]  # by Stripe's id of the subscription, or the order's key


def is_past(found: list[Entitlement]) -> bool:
    """Whether everything that a purchase opens was linked after it, so that this first look is as an import."""
    return bool(found) and all(entitlement.is_past for entitlement in found)


def links_of(connection: Connection) -> dict[str, ProductLink]:
    """Stripe product id to the link in force: one query."""
    rows = ProductLink.objects.filter(connection=connection, unlinked_at__isnull=True).select_related("product")
    return {link.stripe_product: link for link in rows}


def ever_linked(connection: Connection) -> frozenset[str]:
    """The Stripe products whose purchases may matter: also those of ended links, for what was bought meanwhile."""
    return frozenset(ProductLink.objects.filter(connection=connection).values_list("stripe_product", flat=True))


def entitle_subscriptions(
    rows: Iterable[Subscription],
    *,
    links: dict[str, ProductLink],
    policies: Policies,
    now: datetime,
    happened_at: datetime,
) -> Found:
    """Subscription id to its entitlements: for each linked product on it, and for those it used to grant."""
    rows = list(rows)
    granted = _granted("subscription", [row.stripe_id for row in rows])
    by_product = {link.product_id: link for link in links.values()}
    found: Found = {}
    for row in rows:
        facts = subscription_facts(row)
        on_it = {item.product for item in facts.items} & links.keys()
        used_to = {
            by_product[product_id].stripe_product for product_id in granted[row.stripe_id] if product_id in by_product
        }
        found[row.stripe_id] = [
            _entitle_subscription(row, facts, links[product], policies=policies, now=now, happened_at=happened_at)
            for product in sorted(on_it | used_to)
        ]
    return found


def entitle_orders(
    rows: Iterable[Order], *, links: dict[str, ProductLink], policies: Policies, now: datetime, happened_at: datetime
) -> Found:
    """Order key to its entitlements: by the links in force, and by those that were when it was bought."""
    rows = list(rows)
    facts_of = {row.key: order_facts(row) for row in rows}
    former = _former_links({product for facts in facts_of.values() for product in facts.products})
    earlier = _earlier_orders(rows, links=[*links.values(), *former])
    found: Found = {}
    for row in rows:
        facts = facts_of[row.key]
        starts_at = facts.paid_at or row.created
        found[row.key] = []
        for link in _links_for(row, facts, in_force=links, former=former):
            product = link.stripe_product
            policy = policies.of(link.product_id)
            days = link.product.access_days
            extends = _chain(earlier.get(row.pk, []), product=product, days=days, policies=policies, link=link, now=now)
            decision = decide_order(facts, product=product, policy=policy, now=now, access_days=days, extends=extends)
            found[row.key].append(
                Entitlement(
                    link=link,
                    decision=decision,
                    source=Grant.Source.ORDER,
                    source_ref=row.key,
                    starts_at=starts_at,
                    true_at=_order_true_at(facts, decision, happened_at=happened_at),
                    policy_version=policy.version,
                    is_past=_is_past(row, link, bought_at=starts_at),
                )
            )
    return found


def with_other_purchases(orders: list[Order]) -> list[Order]:
    """The orders and every other paid one of the same people, for products that are open for a number of days.

    Each purchase counts from the end of the one before, so news of one may move another's end. The people are
    locked first: two customers of one person, looked at together, must not be counted apart.
    """
    people = {order.user_id for order in orders if order.user_id}
    list(User.objects.select_for_update().filter(pk__in=people).order_by("pk").values_list("pk"))
    others = Order.objects.filter(user_id__in=people, state=Order.State.PAID)
    return orders + list(others.exclude(pk__in=[order.pk for order in orders]))


def _entitle_subscription(
    row: Subscription,
    facts: SubscriptionFacts,
    link: ProductLink,
    *,
    policies: Policies,
    now: datetime,
    happened_at: datetime,
) -> Entitlement:
    policy = policies.of(link.product_id)
    decision = decide_subscription(facts, product=link.stripe_product, policy=policy, now=now)
    return Entitlement(
        link=link,
        decision=decision,
        source=Grant.Source.SUBSCRIPTION,
        source_ref=facts.id,
        starts_at=facts.created,
        true_at=_subscription_true_at(facts, decision, happened_at=happened_at),
        policy_version=policy.version,
        is_past=_is_past(row, link, bought_at=facts.created),
        foreseen=_was_asked_to_end(facts),
    )


def _former_links(products: set[str]) -> list[ProductLink]:
    ended = ProductLink.objects.filter(stripe_product__in=products, unlinked_at__isnull=False)
    return list(ended.select_related("product").order_by("-pk"))


def _links_for(
    row: Order, facts: OrderFacts, *, in_force: dict[str, ProductLink], former: list[ProductLink]
) -> list[ProductLink]:
    """One for each product of ours. Whoever bought while a link stood gets what it promised, however late the money."""
    chosen = {in_force[product].product_id: in_force[product] for product in facts.products if product in in_force}
    for link in former:
        assert link.unlinked_at is not None  # noqa: S101
        if (
            link.connection_id == row.connection_id
            and link.stripe_product in facts.products
            and link.created_at - LEEWAY <= row.created < link.unlinked_at
        ):
            chosen.setdefault(link.product_id, link)
    return sorted(chosen.values(), key=lambda link: link.stripe_product)


def _was_asked_to_end(facts: SubscriptionFacts) -> bool:
    """For a later day than the one of the request: Stripe gives an end at once the request's own time."""
    return bool(facts.canceled_at and facts.ended_at and facts.ended_at - facts.canceled_at > AT_ONCE)


def _is_past(row: Subscription | Order, link: ProductLink, *, bought_at: datetime) -> bool:
    return bought_at < link.created_at - LEEWAY and str(link.product_id) not in row.reasons


def _subscription_true_at(facts: SubscriptionFacts, decision: Decision, *, happened_at: datetime) -> datetime:
    """When it became so at Stripe, where Stripe says; else when the news was made."""
    match decision.reason:
        case "canceled" | "canceled_unpaid":
            return facts.ended_at or happened_at
        case "ending":
            return facts.canceled_at or happened_at
        case "past_due_grace":
            return facts.past_due_since or happened_at
        case "past_due_expired":
            return decision.until or happened_at
    return happened_at


def _order_true_at(facts: OrderFacts, decision: Decision, *, happened_at: datetime) -> datetime:
    if decision.access is Access.OPEN:
        return facts.paid_at or happened_at
    return decision.until if decision.reason == "time_over" and decision.until else happened_at


def _granted(source: str, refs: list[str]) -> dict[str, set[int]]:
    granted: dict[str, set[int]] = defaultdict(set)
    for ref, product_id in Grant.objects.filter(source=source, source_ref__in=refs).values_list(
        "source_ref", "product_id"
    ):
        granted[ref].add(product_id)
    return granted


def _earlier_orders(rows: list[Order], *, links: list[ProductLink]) -> dict[int, list[Order]]:
    """Order to the same person's earlier paid ones, oldest first; asked only where a product has a time limit."""
    if not any(link.product.access_days for link in links):
        return {}
    people = {row.user_id for row in rows if row.user_id}
    mine: dict[int, list[Order]] = defaultdict(list)
    for order in Order.objects.filter(user_id__in=people, state=Order.State.PAID).order_by("paid_at", "pk"):
        mine[order.user_id or 0].append(order)
    return {
        row.pk: [order for order in mine[row.user_id] if order.paid_at and row.paid_at and _precedes(order, row)]
        for row in rows
        if row.user_id
    }


def _precedes(order: Order, row: Order) -> bool:
    assert order.paid_at is not None and row.paid_at is not None  # noqa: S101
    return (order.paid_at, order.pk) < (row.paid_at, row.pk)


def _chain(
    earlier: list[Order], *, product: str, days: int | None, policies: Policies, link: ProductLink, now: datetime
) -> datetime | None:
    """Where the earlier purchases of a time-limited product end, each counted from the end of the one before."""
    end: datetime | None = None
    for order in earlier:
        facts = order_facts(order)
        decision = decide_order(
            facts, product=product, policy=policies.of(link.product_id), now=now, access_days=days, extends=end
        )
        if decision.until is not None:
            end = decision.until
    return end
