"""Many subscribers at once: a few are made as the API makes them, the others are stamped out like those.

A stamp is what one true subscriber left behind (objects, notes, events, appointments) with its ids taken out. Nobody
is told of seeded subscribers: their events are from before the endpoints listened.
"""

import gc
import json
import random
import re
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox import subscribing
from sandbox.account import Account
from sandbox.cards import attach, new_card_method
from sandbox.catalogue import ItemWish, new_product
from sandbox.customers import new_customer
from sandbox.ids import IdMaker
from sandbox.prices import new_price
from sandbox.renewing import schedule_end
from sandbox.tables import PACKED
from sandbox.types import DAY, Obj

if TYPE_CHECKING:
    from sandbox.box import Box

MOST = 1_000_000
BATCH = 250  # subscribers made while others wait
PAUSE = 0.001
SPREAD = 28  # days over which they have joined
MONTHLY, YEARLY, TRIAL, LEAVING, LAPSING = range(5)
WEIGHTS = (70, 15, 6, 3, 6)
PLACE = "subscriber-number-to-come"


class RecordingIds(IdMaker):
    """Remembers what it has made."""

    def __init__(self, seed: int, *, count: int) -> None:
        super().__init__(seed, count=count)
        self.made: list[int] = []
        self.texts: list[str] = []

    def letters(self, length: int) -> str:
        text = super().letters(length)
        self.made.append(length)
        self.texts.append(text)
        return text


@dataclass
class Stamp:
    """`rows` are (kind, id, JSON text, indexed values), `due` (action, id, time); all with `%(i)s` for the i-th id."""

    lengths: list[int]
    rows: list[tuple[str, str, str, tuple[object, ...]]] = field(default_factory=list)
    due: list[tuple[str, str, int]] = field(default_factory=list)


def seed_subscribers(box: "Box", *, count: int, seed: int, events: bool) -> Obj:
    """Add `count` subscribers who joined in the last four weeks; the same `seed` makes the same mixture of monthly,
    yearly, trialing, leaving ones and such whose next payment fails. The lock is given back between batches, unless
    `events` are made too: these lie in the past, and none may come between them."""
    if not 0 < count <= MOST:
        raise ValueError(f"subscribers: between 1 and {MOST}")
    started = time.monotonic()
    gc.disable()  # everything made here stays: looking for what may go would take most of the time
    try:
        with box.lock if events else nullcontext():
            _seed_in_batches(box, count=count, seed=seed, events=events)
    finally:
        gc.freeze()
        gc.enable()
    return {"subscribers": count, "seconds": round(time.monotonic() - started, 2)}


def _seed_in_batches(box: "Box", *, count: int, seed: int, events: bool) -> None:
    with box.lock:
        seeding = Seeding(box.account, count=count, seed=seed, events=events)
    for first in range(0, count, BATCH):
        with box.lock:
            for number in range(first, min(first + BATCH, count)):
                seeding.add(number)
            box.save(settings=True)
        time.sleep(PAUSE)


class Seeding:
    """One account being filled, oldest subscribers first, as lists and the event log want them."""

    def __init__(self, account: Account, *, count: int, seed: int, events: bool) -> None:
        self.account = account
        self.count = count
        self.seed = seed
        self.events = events
        self.random = random.Random(seed)  # noqa: S311 - a mixture to be repeated, no secret
        self.until = account.main.now()
        entries = account.events.entries
        self.since = max(self.until - SPREAD * DAY, entries[-1].created if entries else 0)
        self.stamps: dict[tuple[int, int], Stamp] = {}
        account.main.at = self.since
        try:
            product = new_product(account, name="Seeded membership")["id"]
            self.prices = {
                interval: new_price(
                    account,
                    {"currency": "eur", "unit_amount": amount, "recurring": {"interval": interval}},
                    product=product,
                )
                for interval, amount in (("month", 2_400), ("year", 24_000))
            }
        finally:
            account.main.at = None

    def add(self, number: int) -> None:
        """The `number`-th subscriber, made truly where none like it was made yet."""
        day = number * SPREAD // self.count
        kind = self.random.choices(range(len(WEIGHTS)), WEIGHTS)[0]
        stamp = self.stamps.get((day, kind))
        if stamp is None:
            stamp = self.stamps[day, kind] = self._take_stamp(day, kind)
        self._press(stamp, number)

    def _take_stamp(self, day: int, kind: int) -> Stamp:
        """Make one subscriber, and take it away again: what it left is the stamp."""
        account = self.account
        ids, unsaved, changed = account.ids, account.unsaved, account.main.changed
        recorder = RecordingIds(ids.seed, count=ids.count)
        logged, listener = len(account.events), account.listener
        account.ids, account.unsaved, account.main.changed, account.listener = recorder, {}, set(), None
        account.main.at = self.since + (self.until - self.since) * day // SPREAD
        try:
            self._subscribe(kind)
            return self._cut(recorder, logged=logged)
        finally:
            ids.count = recorder.count
            account.ids, account.unsaved, account.main.changed, account.listener = ids, unsaved, changed, listener
            account.main.at = None

    def _subscribe(self, kind: int) -> None:
        account = self.account
        customer = new_customer(account, email=f"{PLACE}@seeded.example", name=f"Subscriber {PLACE}")
        number = "4000000000000341" if kind == LAPSING else "4242424242424242"
        card = new_card_method(account, number, email=customer["email"], name=customer["name"])
        method = attach(account, card, customer=customer)
        settings = {**customer["invoice_settings"], "default_payment_method": method["id"]}
        account.change(customer, event="customer.updated", invoice_settings=settings)
        price = self.prices["year" if kind == YEARLY else "month"]
        terms = subscribing.Terms(
            trial_end=account.now() + 30 * DAY if kind == TRIAL else None,
            default_payment_method=method["id"],
            born_active=True,
        )
        subscription = subscribing.start_subscription(account, customer, [ItemWish(price)], terms)
        if kind == LEAVING:
            schedule_end(account, subscription, cancel_at=None, at_period_end=True)

    def _cut(self, recorder: RecordingIds, *, logged: int) -> Stamp:
        account = self.account
        names = {text: f"%({at})s" for at, text in enumerate(recorder.texts)}
        names |= {text.upper(): f"%({at}u)s" for at, text in enumerate(recorder.texts) if recorder.made[at] == 8}
        names[PLACE] = "%(number)s"
        pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))

        def cut(text: str) -> str:
            return pattern.sub(lambda found: names[found[0]], text.replace("%", "%%"))

        stamp = Stamp(recorder.made)
        for (kind, object_id), (_, value) in list(account.unsaved.items()):
            if kind != "event" or self.events:
                text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
                keys = account.table(kind).indexed_values(object_id) if kind in PACKED else ()
                cut_keys = tuple(cut(key) if isinstance(key, str) else key for key in keys)
                stamp.rows.append((kind, cut(object_id), cut(text), cut_keys))
        for action, object_id in list(account.main.changed):
            at = account.main.appointments.get((action, object_id))
            if at is not None:
                stamp.due.append((action, cut(object_id), at))
                account.schedule(action, object_id, at=None)
        self._take_away(logged=logged)
        return stamp

    def _take_away(self, *, logged: int) -> None:
        account = self.account
        for kind, object_id in account.unsaved:
            if kind == "_notes":
                account.private.pop(object_id, None)
            elif kind != "event":
                account.table(kind).remove(object_id)
        account.events.shorten(logged)

    def _press(self, stamp: Stamp, number: int) -> None:
        account = self.account
        words: dict[str, str] = {"number": f"{self.seed}-{number}"}
        for at, length in enumerate(stamp.lengths):
            words[str(at)] = account.ids.letters(length)
            if length == 8:
                words[f"{at}u"] = words[str(at)].upper()
        for kind, object_id, text, keys in stamp.rows:
            self._keep(kind, object_id % words, text % words, keys, words)
        for action, object_id, at in stamp.due:
            if at >= self.until:  # what was to be announced before was, to nobody
                account.main.schedule(action, object_id % words, at=at)

    def _keep(self, kind: str, object_id: str, text: str, keys: tuple[object, ...], words: dict[str, str]) -> None:
        account, seq = self.account, 0
        if kind in PACKED:
            filled = tuple(key % words if isinstance(key, str) else key for key in keys)
            seq = account.table(kind).put_text(object_id, text, keys=filled)
        elif kind == "event":
            account.events.take(object_id, json.loads(text))
            seq = len(account.events)
        elif kind == "_notes":
            account.private[object_id] = json.loads(text)
        else:
            value = json.loads(text)
            if kind == "subscription":
                account.own_items(value)
            seq = account.table(kind).put(value)
        account.unsaved[kind, object_id] = (seq, text)
