"""From what we know of Stripe to what grants should be: facts, policy and clock in, wanted grants out.

Refresh, policy preview, verification and import all ask here, so that they cannot differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.models import Connection, Order, ProductLink, Subscription
from billing.refreshing.deciding_links import (
    LEEWAY,
    Known,
    Links,
    links_for_order,
    links_for_subscription,
    links_of,
    what_is_known,
)
from billing.refreshing.since import NO_NEWS, Before, News, order_since, subscription_since
from billing.rules import policies
from billing.rules.facts import order_facts, subscription_facts
from billing.rules.policies import Policies
from billing.rules.policy import Access, Decision, SubscriptionFacts, decide_order, decide_subscription
from hub.grants import CLOSED, Wanted
from hub.models import Grant, User

AT_ONCE = timedelta(minutes=5)
STATES = {Access.OPEN: Grant.State.ACTIVE, Access.GRACE: Grant.State.GRACE, Access.CLOSED: CLOSED}


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides, read once for all that is asked of it: the links in force by Stripe's product, the owner's knobs,
    and the clock.
    """

    connection: Connection
    links: Mapping[str, ProductLink]
    policies: Policies
    now: datetime

    @classmethod
    def of(cls, connection: Connection, *, now: datetime) -> "Rules":
        """Those in force, in two queries."""
        return cls(connection, links_of(connection), policies.load(), now)


@dataclass(frozen=True, slots=True)
class Entitlement:
    """A decision about one subscription or order and one product of ours, whoever paid.

    `is_past`: bought before the product was linked, and never decided about before. It comes in as by an import.
    `foreseen`: its end was asked for before it came. `days`: for how many an order opens it; None for ever.
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
    days: int | None = None

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


def entitle_subscriptions(rows: Iterable[Subscription], *, rules: Rules, news: News = NO_NEWS) -> Found:
    """Subscription id to its entitlements: for each linked product on it, and for those it used to grant.

    `news`: by which it is asked.
    """
    rows = list(rows)
    known = what_is_known(Grant.Source.SUBSCRIPTION, (row.stripe_id for row in rows), in_force=rules.links)
    found: Found = {}
    for row in rows:
        facts = subscription_facts(row)
        chosen = links_for_subscription(row, {item.product for item in facts.items}, known=known)
        found[row.stripe_id] = [
            _entitle_subscription(row, facts, link, known=known, rules=rules, news=news) for link in _in_order(chosen)
        ]
    return found


def entitle_orders(rows: Iterable[Order], *, rules: Rules, news: News = NO_NEWS) -> Found:
    """Order key to its entitlements: one for each product of ours that it opens, or ever opened."""
    rows = list(rows)
    known = what_is_known(Grant.Source.ORDER, (row.key for row in rows), in_force=rules.links)
    chosen = {row.key: links_for_order(row, known=known) for row in rows}
    is_limited = any(_days_of(row, link) for row in rows for link in chosen[row.key].values())
    chains = _Chains.of(rows if is_limited else [], rules=rules)
    return {
        row.key: [
            _entitle_order(row, link, known=known, chains=chains, rules=rules, news=news)
            for link in _in_order(chosen[row.key])
        ]
        for row in rows
    }


def count_from_each_other(found: Found) -> bool:
    """Whether any of these purchases is for a number of days."""
    return any(entitlement.days for entitlements in found.values() for entitlement in entitlements)


def lock_buyers(orders: Iterable[Order]) -> None:
    """Two customers of one person, looked at together, must not be counted apart."""
    list(User.objects.select_for_update().filter(pk__in=_buyers(orders)).order_by("pk").values_list("pk"))


def with_other_purchases(orders: list[Order]) -> list[Order]:
    """The orders and every other paid one of the same people, for products that are open for a number of days: each
    purchase counts from the end of the one before, so news of one may move another's end.
    """
    others = Order.objects.filter(user_id__in=_buyers(orders), state=Order.State.PAID)
    return orders + list(others.exclude(pk__in=[order.pk for order in orders]))


def _buyers(orders: Iterable[Order]) -> set[int]:
    return {order.user_id for order in orders if order.user_id}


def _entitle_subscription(
    row: Subscription,
    facts: SubscriptionFacts,
    link: ProductLink,
    *,
    known: Known,
    rules: Rules,
    news: News,
) -> Entitlement:
    policy = rules.policies.of(link.product_id)
    decision = decide_subscription(facts, product=link.stripe_product, policy=policy, now=rules.now)
    past = _is_past(row, link, ref=facts.id, known=known, bought_at=facts.created)
    return Entitlement(
        link=link,
        decision=decision,
        source=Grant.Source.SUBSCRIPTION,
        source_ref=facts.id,
        starts_at=facts.created,
        true_at=subscription_since(
            row,
            facts,
            decision,
            product=link.stripe_product,
            before=_decided_before(row, link, decision, known=known),
            is_past=past,
            news=news,
            now=rules.now,
        ),
        policy_version=policy.version,
        is_past=past,
        foreseen=_was_asked_to_end(facts),
    )


def _entitle_order(
    row: Order, link: ProductLink, *, known: Known, chains: "_Chains", rules: Rules, news: News
) -> Entitlement:
    facts, policy, days = order_facts(row), rules.policies.of(link.product_id), _days_of(row, link)
    extends = chains.end_before(row, product_id=link.product_id) if days else None
    decision = decide_order(
        facts, product=link.stripe_product, policy=policy, now=rules.now, access_days=days, extends=extends
    )
    starts_at = facts.paid_at or row.created
    before = _decided_before(row, link, decision, known=known)
    return Entitlement(
        link=link,
        decision=decision,
        source=Grant.Source.ORDER,
        source_ref=row.key,
        starts_at=starts_at,
        true_at=order_since(facts, decision, before=before, news=news, now=rules.now),
        policy_version=policy.version,
        is_past=_is_past(row, link, ref=row.key, known=known, bought_at=starts_at),
        days=days,
    )


def _in_order(chosen: Links) -> list[ProductLink]:
    return sorted(chosen.values(), key=lambda link: (link.stripe_product, link.pk))


def _days_of(row: Order, link: ProductLink) -> int | None:
    """As kept when it was first decided: what the owner changes later is for later purchases."""
    kept: dict[str, int | None] = row.access_days
    return kept.get(str(link.product_id), link.product.access_days)


def _was_asked_to_end(facts: SubscriptionFacts) -> bool:
    """For a later day than the one of the request: Stripe gives an end at once the request's own time."""
    return bool(facts.canceled_at and facts.ended_at and facts.ended_at - facts.canceled_at > AT_ONCE)


def _is_past(row: Subscription | Order, link: ProductLink, *, ref: str, known: Known, bought_at: datetime) -> bool:
    """What an import brought and a person took back is no purchase from before the link to be brought by itself."""
    was_decided = str(link.product_id) in row.reasons or link.product_id in known.granted.get(ref, {})
    return bought_at < link.created_at - LEEWAY and not was_decided


def _decided_before(row: Subscription | Order, link: ProductLink, decision: Decision, *, known: Known) -> Before:
    """What nothing was opened by has not begun yet, whatever was decided of it."""
    before = Before.read(row.reasons.get(str(link.product_id)))
    is_granted = link.product_id in known.granted.get(row.ref, {})
    return before if is_granted or not before.says(decision) else Before()


@dataclass(frozen=True, slots=True)
class _Chains:
    """The paid orders of the people concerned, oldest first, and which links decide about each. Products that are
    open for a number of days count each purchase from the end of the one before, whichever Stripe product it was of.
    """

    orders: Mapping[int, list[Order]]
    links: Mapping[str, Links]
    rules: Rules

    @classmethod
    def of(cls, rows: Iterable[Order], *, rules: Rules) -> "_Chains":
        people = {row.user_id for row in rows if row.user_id}
        paid = list(Order.objects.filter(user_id__in=people, state=Order.State.PAID)) if people else []
        known = what_is_known(Grant.Source.ORDER, (order.key for order in paid), in_force=rules.links) if paid else None
        mine: dict[int, list[Order]] = defaultdict(list)
        for order in sorted(paid, key=_age):
            mine[order.user_id or 0].append(order)
        links = {order.key: links_for_order(order, known=known) for order in paid} if known else {}
        return cls(mine, links, rules)

    def end_before(self, row: Order, *, product_id: int) -> datetime | None:
        """Where the earlier purchases of the product end, each counted from the end of the one before."""
        end: datetime | None = None
        if row.user_id is None or row.paid_at is None:
            return None
        for order in self.orders[row.user_id]:
            link = self.links[order.key].get(product_id)
            if link is None or order.paid_at is None or _age(order) >= _age(row):
                continue
            decision = decide_order(
                order_facts(order),
                product=link.stripe_product,
                policy=self.rules.policies.of(product_id),
                now=self.rules.now,
                access_days=_days_of(order, link),
                extends=end,
            )
            end = decision.until or end
        return end


def _age(order: Order) -> tuple[datetime, int]:
    return order.paid_at or order.created, order.pk
