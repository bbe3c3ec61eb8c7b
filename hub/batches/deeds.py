"""What a batch does to one person, and how it is undone. Inside the caller's transaction; the row is not saved here."""

from collections.abc import Callable
from datetime import datetime

from hub import grants
from hub.access import open_grants, open_products
from hub.addresses import usable_address
from hub.errors import Refused
from hub.invitations import queue_invitation
from hub.joining import add_member
from hub.models import Batch, BatchRow, Grant, Ledger, Product, User
from hub.permissions import may_favour
from hub.reasons import say

State, Deed = BatchRow.State, Batch.Deed
Deal = Callable[..., None]
CLOSED_ACCOUNT = "The account is deactivated."
SHUT = "The account is deactivated: it got nothing, and nobody was written to. Reactivate it first."
NOT_TO_ONESELF = "Nobody gives access to themselves: ask an owner."


class Left(Exception):
    """There is nothing to do for this person; why, in words."""


def do(row: BatchRow, *, now: datetime) -> None:
    """Does the batch's deed for the row's person, and says in the row what came of it."""
    try:
        row.words = DEEDS[row.batch.deed](row, now=now)
        row.state = State.DONE
    except (Left, Refused) as why:
        row.state, row.words = State.LEFT, str(why)


def undo(row: BatchRow, *, now: datetime) -> None:
    """Brings the grants that the row changed back to what they were, unless something happened to them since."""
    batch, undone = row.batch, 0
    reason = f"Undone: {batch.reason}"[:240]
    turn = grants.restore if batch.deed == Deed.TAKE else grants.revoke
    actor = batch.undone_by or batch.made_by
    if batch.deed == Deed.TAKE and row.user and not may_favour(actor, row.user):
        row.state, row.words = State.KEPT, NOT_TO_ONESELF
        return
    for grant in Grant.objects.filter(pk__in=row.grants):
        last = Ledger.objects.filter(grant=grant).order_by("-pk").first()
        if last is None or last.batch != batch.name:
            continue
        try:
            turn(grant, actor=actor, reason=reason, now=now, batch=batch.name)
        except Refused as why:
            row.state, row.words = State.KEPT, str(why)
            return
        undone += 1
    if undone < len(row.grants):
        row.state, row.words = State.KEPT, "Something has changed since: it was left as it is."
    else:
        row.state, row.words = State.UNDONE, "Undone." if undone else "The account stays."


def _add(row: BatchRow, *, now: datetime) -> str:
    batch = row.batch
    user = User.objects.filter(email=row.email).first()
    is_new = False
    if user is not None and not user.is_active:
        row.user, row.email, row.person_name = user, "", ""
        raise Left(SHUT)
    if user is None:
        if not usable_address(row.email):
            raise ValueError("no address")
        user, is_new = add_member(
            row.email,
            name=row.person_name,
            at=now,
            cause=batch.name,
            now=now,
            actor=batch.made_by,
            deed=batch.name,
        )
    missing = _missing(row, user, now=now)
    row.user, row.email, row.person_name = user, "", ""
    if missing and not may_favour(batch.made_by, user):
        raise Left(NOT_TO_ONESELF)
    if not (is_new or missing):
        raise Left("Has an account already, and everything that was to be given.")
    for product in missing:
        _give_one(row, user, product, writes=False, now=now)
    if batch.writes:
        _invite_to(row, user, products=missing, now=now)
    return "New account." if is_new else "Had an account already."


def _missing(row: BatchRow, user: User, *, now: datetime) -> list[Product]:
    """What is to be given and not open already."""
    if not row.products:
        return []
    has = open_products(user, now=now)
    return list(Product.objects.filter(pk__in=row.products).exclude(pk__in=has).order_by("position", "pk"))


def _give(row: BatchRow, *, now: datetime) -> str:
    user, product = _person(row), row.batch.product
    if product is None:
        raise Left("The product is gone.")
    if not user.is_active:
        raise Left(CLOSED_ACCOUNT)
    if not may_favour(row.batch.made_by, user):
        raise Left(NOT_TO_ONESELF)
    if has := open_products(user, now=now).get(product.pk):
        raise Left(f"Has it already. {say(has.reason, until=has.until)}")
    _give_one(row, user, product, writes=row.batch.writes, now=now)
    return "Has access now."


def _give_one(row: BatchRow, user: User, product: Product, *, writes: bool, now: datetime) -> None:
    batch = row.batch
    grant = grants.give(
        user,
        product,
        actor=batch.made_by,
        reason=batch.reason,
        ends_at=batch.ends_at,
        now=now,
        batch=batch.name,
        writes=writes,
    )
    row.grants = [*row.grants, grant.pk]


def _take(row: BatchRow, *, now: datetime) -> str:
    user, product, batch = _person(row), row.batch.product, row.batch
    if product is None:
        raise Left("The product is gone.")
    standing = list(open_grants(now=now).filter(user=user, product=product).order_by("pk"))
    for grant in standing:
        grants.revoke(grant, actor=batch.made_by, reason=batch.reason, now=now, batch=batch.name)
    row.grants = [grant.pk for grant in standing]
    left = open_products(user, now=now).get(product.pk)
    if not standing:
        raise Left(f"Has it through {left.product}: that was not taken." if left else "Has no access to it.")
    return f"Taken back, and still open through {left.product}." if left else "Taken back."


def _invite(row: BatchRow, *, now: datetime) -> str:
    user = _person(row)
    if not user.is_active:
        raise Left(CLOSED_ACCOUNT)
    opened = Product.objects.filter(pk__in=open_products(user, now=now)).order_by("position", "pk")
    _invite_to(row, user, products=list(opened), now=now)
    return "The invitation is on its way."


def _invite_to(row: BatchRow, user: User, *, products: list[Product], now: datetime) -> None:
    """One e-mail, whatever the number of products, and once for each batch."""
    batch = row.batch
    queue_invitation(
        user,
        products=products,
        key=f"invitation:{batch.pk}:{user.pk}",
        actor_id=batch.made_by_id,
        cause=batch.name,
        note=batch.reason,
        now=now,
    )


def _person(row: BatchRow) -> User:
    if row.user is None:
        raise Left("The account is gone.")
    return row.user


Act = Callable[..., str]
DEEDS: dict[str, Act] = {Deed.ADD: _add, Deed.GIVE: _give, Deed.TAKE: _take, Deed.INVITE: _invite}
