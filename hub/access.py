"""The gate, and why it is open or shut.

A person has a product when any grant of theirs for it, or for a collection that contains it, is open and not
past its end.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from django.db.models import Exists, OuterRef, Q, QuerySet

from hub.models import CollectionItem, Grant, Ledger, Product, User
from hub.reasons import AHEAD, ENDINGS, OVER_BY_TIME, WITH_AN_END, say
from hub.seller import seller


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A ledger row in plain words."""

    sentence: str
    from_state: str
    to_state: str
    reason: str
    rule: str
    until: datetime | None
    true_at: datetime
    learned_at: datetime
    cause: str
    actor: str
    note: str
    batch: str
    grant_id: int

    @property
    def made_by(self) -> str:
        """The change to many, the import, the event or whatever else."""
        return self.batch or self.cause


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something that was bought opened nothing: a reason code, and the day it turns on."""

    code: str
    until: datetime | None = None


OPEN_TO: dict[str, str] = {Product.Visibility.PUBLIC: "everyone", Product.Visibility.MEMBERS: "members"}
UNPAID = frozenset(
    {"past_due", "past_due_expired", "unpaid", "invoice_late", "invoice_late_expired", "invoices_unpaid"}
)
PENDING = frozenset({"first_payment_pending", "payment_processing", "awaiting_first_payment", "awaiting_first_invoice"})
# What grace turns into when its time is over and nobody has written so yet.
EXPIRED = {"invoice_late_grace": "invoice_late_expired"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """One person, one product, one moment.

    `state`: open, ending, grace, ended, revoked, pending, deactivated or none.
    """

    product: Product
    access: bool
    state: str
    reason: str
    sentence: str
    until: datetime | None
    grants: Sequence[Grant] = ()
    ledger: Sequence[LedgerLine] = field(default=())
    via: Product | None = None


def open_grants(*, now: datetime) -> QuerySet[Grant]:
    """The grants that open something at `now`."""
    return Grant.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now), state__in=Grant.OPEN)


def opening(product: Product, *, now: datetime) -> QuerySet[Grant]:
    """The grants that open the product at `now`, those of collections that hold it too."""
    return open_grants(now=now).filter(_reaches(product))


def can_open(user: User, product: Product, *, now: datetime) -> bool:
    """Whether the gate is open: one indexed query."""
    return user.is_active and opening(product, now=now).filter(user=user).exists()


def reached(pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Every person and product that grants of these (person, product) open: what is inside collections, too."""
    held = set(pairs)
    inside = _inside(Product.objects.filter(pk__in={product_id for _, product_id in held}))
    return held | {(user_id, found) for user_id, product_id in held for found in inside.get(product_id, ())}


@dataclass(frozen=True, slots=True)
class Held:
    """Grants of one person, and what is inside the collections among them."""

    grants: Sequence[Grant]
    inside: Mapping[int, Sequence[int]]

    @classmethod
    def read(cls, grants: QuerySet[Grant]) -> Self:
        """At most 3 queries."""
        rows = list(grants.select_related("product").order_by("pk"))
        return cls(rows, _inside(grant.product for grant in rows))

    def open(self, *, now: datetime) -> dict[int, Grant]:
        """What they open: product id to the strongest grant behind it, collections' contents too."""
        best: dict[int, Grant] = {}
        for grant in sorted((grant for grant in self.grants if _is_open(grant, at=now)), key=_strength):
            for product_id in (grant.product_id, *self.inside.get(grant.product_id, ())):
                best.setdefault(product_id, grant)
        return best

    def of(self, product: Product) -> list[Grant]:
        """Those that reach the product, open or not."""
        return [
            grant
            for grant in self.grants
            if product.pk == grant.product_id or product.pk in self.inside.get(grant.product_id, ())
        ]


def open_products(user: User, *, now: datetime) -> dict[int, Grant]:
    """What the person can open: product id to the strongest grant behind it, collections too. At most 3 queries."""
    return Held.read(open_grants(now=now).filter(user=user)).open(now=now)


def ends_known(people: Collection[int], *, products: Collection[int]) -> dict[tuple[int, int], datetime]:
    """When a person's access to a product is over, by both: only where every open grant has an end. One query."""
    found: dict[tuple[int, int], list[datetime | None]] = defaultdict(list)
    for grant in Grant.objects.filter(user__in=people, product__in=products, state__in=Grant.OPEN):
        found[grant.user_id, grant.product_id].append(grant.until if grant.reason in WITH_AN_END else None)
    known = {pair: [until for until in ends if until] for pair, ends in found.items()}
    return {pair: max(ends) for pair, ends in known.items() if len(ends) == len(found[pair])}


def late_among(grants: Iterable[Grant], *, now: datetime) -> list[Grant]:
    """Those in grace, the first to close first; then those closed unpaid, where nothing else opens the product."""
    grants = list(grants)
    opened = {grant.product_id for grant in grants if _is_open(grant, at=now)}
    grace = [grant for grant in grants if grant.state == Grant.State.GRACE and _is_open(grant, at=now)]
    grace.sort(key=lambda grant: (grant.until is None, grant.until))
    return grace + [grant for grant in grants if grant.close_reason in UNPAID and grant.product_id not in opened]


def worth_explaining(user: User) -> QuerySet[Product]:
    """All that can be had, and what this person had of the others."""
    had = Grant.objects.filter(user=user).values("product")
    return Product.objects.filter(Q(is_live=True) | Q(pk__in=had))


def explain(user: User, product: Product, *, at: datetime, now: datetime) -> Explanation:
    """Why the person has or lacks the product at `at`, now or in the past (as the gate stood then)."""
    return explain_all(user, [product], at=at, now=now)[0]


def explain_all(user: User, products: Sequence[Product], *, at: datetime, now: datetime) -> list[Explanation]:
    """`explain` for several products in a constant number of queries."""
    held = Held.read(Grant.objects.filter(user=user))
    ledger = Ledger.objects.filter(grant__user=user).select_related("actor").order_by("pk")
    rows = list(ledger.filter(learned_at__lte=at) if at < now else ledger)
    if at < now:
        held = replace(held, grants=_as_they_stood(held.grants, rows))
    lines: dict[int, list[LedgerLine]] = defaultdict(list)
    for row in rows:
        lines[row.grant_id].append(_line(row))
    found = [_explain(product, held.of(product), lines, at=at, is_past=at < now) for product in products]
    return _shut_if_deactivated(_with_further_reasons(found, user), user) if at >= now else found


def explain_briefly(user: User, products: Sequence[Product], *, held: Held, now: datetime) -> list[Explanation]:
    """Why the person has or lacks these now, for lists: without the ledger. `held`: all their grants."""
    found = [_explain(product, held.of(product), {}, at=now) for product in products]
    return _with_further_reasons(found, user)


def _explain(
    product: Product,
    grants: Sequence[Grant],
    lines: Mapping[int, Sequence[LedgerLine]],
    *,
    at: datetime,
    is_past: bool = False,
) -> Explanation:
    """Of the past the grants alone tell: to whom a product was open besides is not kept."""
    ledger = sorted((line for grant in grants for line in lines.get(grant.pk, ())), key=lambda line: line.learned_at)
    living = sorted((grant for grant in grants if _is_open(grant, at=at)), key=_strength)
    if living:
        grant = living[0]
        reason = grant.reason
        state = {"active": "ending" if reason in ENDINGS else "open"}.get(grant.state, grant.state)
        until = grant.until
    elif not is_past and (open_to := OPEN_TO.get(product.visibility)):
        return Explanation(product, True, "open", open_to, say(open_to), None, grants, ledger)
    elif grants:
        grant = max(grants, key=lambda grant: (grant.closed_at or grant.ends_at or grant.starts_at, grant.pk))
        if grant.is_open:  # its time is over, and the sweep has not written so yet
            expired = EXPIRED.get(grant.reason, "past_due_expired")
            reason = expired if grant.state == "grace" else OVER_BY_TIME[grant.source]
            state, until = "ended", grant.until
        else:
            reason, state = grant.close_reason, grant.state
            until = grant.until if reason in AHEAD else grant.closed_at
    else:
        return Explanation(product, False, "none", "never_had", say("never_had"), None)
    via = grant.product if grant.product_id != product.pk else None
    sentence = say(reason, until=until) if via is None else f"Part of {via.name}. {say(reason, until=until)}"
    return Explanation(product, bool(living), state, reason, sentence, until, grants, ledger, via)


def _shut_if_deactivated(found: list[Explanation], user: User) -> list[Explanation]:
    """Nobody gets in by an account that staff closed, whatever its grants say."""
    if user.is_active:
        return found
    return [
        replace(
            explanation,
            access=False,
            state="deactivated",
            reason="deactivated",
            sentence=f"{say('deactivated')} {explanation.sentence}",
        )
        if explanation.access
        else explanation
        for explanation in found
    ]


def _with_further_reasons(found: list[Explanation], user: User) -> list[Explanation]:
    """A purchase that has opened nothing yet is a better reason than none."""
    if all(explanation.access for explanation in found):
        return found
    reasons = seller().reasons_of(user)
    return [
        _not_yet(explanation.product, reason)
        if (reason := reasons.get(explanation.product.pk)) and _says_more(reason, explanation)
        else explanation
        for explanation in found
    ]


def _says_more(reason: Reason, explanation: Explanation) -> bool:
    """Than nothing, always; than an old ending, when the new purchase is on its way."""
    return explanation.state == "none" or (not explanation.access and reason.code in PENDING)


def _not_yet(product: Product, reason: Reason) -> Explanation:
    state = "pending" if reason.code in PENDING else "ended"
    return Explanation(product, False, state, reason.code, say(reason.code, until=reason.until), reason.until)


def _as_they_stood(grants: Sequence[Grant], rows: list[Ledger]) -> list[Grant]:
    """The grants as the ledger left them then: those it did not know yet are left out."""
    last: dict[int, Ledger] = {row.grant_id: row for row in rows}
    stood = []
    for grant in grants:
        if row := last.get(grant.pk):
            grant.state, grant.reason, grant.until, grant.ends_at = row.to_state, row.reason, row.until, row.ends_at
            closed = row.to_state not in Grant.OPEN
            grant.closed_at, grant.close_reason = (row.true_at, row.reason) if closed else (None, "")
            stood.append(grant)
    return stood


def _reaches(product: Product) -> Q:
    held = CollectionItem.objects.filter(collection=OuterRef("product_id"), product=product)
    reach = Q(product=product) | Q(Exists(held))
    if product.kind == Product.Kind.STANDARD:
        reach |= Q(product__contains_all=True)
    return reach


def _inside(products: Iterable[Product]) -> dict[int, list[int]]:
    """Collection id to the ids of what it contains: a query for the chosen ones, one for "everything"."""
    collections = {product.pk: product for product in products if product.kind == Product.Kind.COLLECTION}
    whole = [pk for pk, product in collections.items() if product.contains_all]
    inside: dict[int, list[int]] = defaultdict(list)
    if not collections:
        return inside
    if chosen := collections.keys() - whole:
        named = CollectionItem.objects.filter(collection__in=chosen).values_list("collection_id", "product_id")
        for collection_id, product_id in named:
            inside[collection_id].append(product_id)
    if whole:
        standard = list(Product.objects.filter(kind=Product.Kind.STANDARD).values_list("pk", flat=True))
        for collection_id in whole:
            inside[collection_id] += standard
    return inside


def _is_open(grant: Grant, *, at: datetime) -> bool:
    return grant.is_open and (grant.ends_at is None or grant.ends_at > at)


def _strength(grant: Grant) -> tuple[bool, bool, float]:
    """The best reason first: open before grace, without an end before with one, the latest end first."""
    end = grant.ends_at.timestamp() if grant.ends_at else float("inf")
    return (grant.state == Grant.State.GRACE, grant.reason == "ending", -end)


def _line(row: Ledger) -> LedgerLine:
    return LedgerLine(
        sentence=say(row.reason, until=row.until if row.to_state in Grant.OPEN or row.reason in AHEAD else row.true_at),
        from_state=row.from_state,
        to_state=row.to_state,
        reason=row.reason,
        rule=row.rule,
        until=row.until,
        true_at=row.true_at,
        learned_at=row.learned_at,
        cause=row.cause,
        actor=str(row.actor) if row.actor else "",
        note=row.note,
        batch=row.batch,
        grant_id=row.grant_id,
    )
