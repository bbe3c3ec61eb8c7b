"""Where the machine's dealings take place: a stocked account, a few people, and how one of them is chosen."""

import functools
import urllib.error
from collections import Counter
from collections.abc import Callable
from typing import Any

import stripe
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.sandbox.looking import Rows, View
from tests.sandbox.shelf import DECLINED, FAILS_LATER, GOOD, Shelf
from tests.sandboxes import Declined, Json, Sandbox

PICK = st.integers(0, 1_000)
DEBIT, ASKS = "sepa_debit", "4000002500003155"
DISPUTED, REFUND_FAILS, REFUND_WAITS = "4000000000000259", "4000000000005126", "4000000000007726"
CARDS = st.sampled_from([GOOD, GOOD, FAILS_LATER, ASKS])
ANY_CARD = st.sampled_from([GOOD, GOOD, FAILS_LATER, DECLINED, DEBIT, ASKS, DISPUTED, REFUND_FAILS, REFUND_WAITS])
AMOUNTS = st.lists(st.integers(150, 9_000), min_size=2, max_size=3)
COUPONS = st.lists(st.integers(0, 3), max_size=2, unique=True)
WAYS: dict[str, Json] = {"visa": {"payment_method": "pm_card_visa"}, "out_of_band": {"paid_out_of_band": True}}
LIVE = {"incomplete", "trialing", "active", "past_due", "unpaid", "paused"}
OVER = {"canceled", "incomplete_expired"}
SPOILT = 500  # from here on it is the sandbox that failed
REFUSALS = (stripe.CardError, stripe.InvalidRequestError)


DEALINGS: set[str] = set()  # by name


def dealing(**choices: st.SearchStrategy[Any]) -> Callable[[Any], Any]:
    """A rule that is counted: what it asked for was done or refused; what asks for nothing is done."""

    def wrap(deal: Callable[..., None]) -> Any:
        DEALINGS.add(deal.__name__)

        @functools.wraps(deal)
        def counted(stage: "Stage", **chosen: Any) -> None:
            stage.doing = deal.__name__
            asked = sum(stage.asked(stage.doing))
            deal(stage, **chosen)
            if sum(stage.asked(stage.doing)) == asked:
                stage.tell(done=True)

        return rule(**choices)(counted)

    return wrap


def when(path: str, **wanted: Any) -> Callable[[Any], Any]:
    """A rule for which there has to be such a row: each field is one of the wanted values."""
    return precondition(lambda machine: bool(machine.those(path, **wanted)))


class Stage(RuleBasedStateMachine):
    """Each dealing picks among what is there; what Stripe would refuse may be refused, nothing else may go wrong."""

    sandbox: Sandbox
    rows: Rows
    tally: Counter[tuple[str, bool]]  # (dealing, whether it was done), over all lives
    doing = "open"

    @initialize(
        after=st.sampled_from(["cancel", "cancel", "unpaid", "past_due"]),
        day=st.sampled_from([0, 0, 9, 15, 16, 28]),
        mode=st.sampled_from(["flexible", "flexible", "classic"]),
        monthly=ANY_CARD,
        once=ANY_CARD,
        clocked=st.sampled_from(["pm_card_visa", "pm_card_chargeCustomerFail"]),
        amounts=AMOUNTS,
        off=st.integers(0, 3),
        how=st.sampled_from([*WAYS, ""]),
    )
    def open(
        self,
        after: str,
        day: int,
        mode: str,
        monthly: str,
        once: str,
        clocked: str,
        amounts: list[int],
        off: int,
        how: str,
    ) -> None:
        """A few people are there from the first moment, each with a card that may be anything, and a bill of several
        things with a discount."""
        self.sandbox.reset()
        self.api = self.sandbox.api
        self.view = View(self.sandbox)
        self.sandbox.post("/sandbox/settings", {"after_retries": after})
        if day:
            self.sandbox.advance(f"{day}d")
        self.mode = mode
        self.stock()
        self.clocks = [self.new_clock()]
        self.people = 0
        self.begun: set[tuple[str, int]] = set()  # (subscription, when a new period was asked to begin)
        for link, card in (("plain", GOOD), ("plain", monthly), ("once", once)):
            self.pay(link, card, **({"authenticated": True} if card == ASKS else {}))
        self.join(self.clocks[0], clocked)
        buyer = self.api.customers.create({"email": "buyer@example.org"}).id
        bill = self.bill(buyer, amounts, own=[], shared=[{"coupon": self.coupons[off]}])
        self.api.invoices.finalize_invoice(bill)
        if how:
            self.try_to(self.api.invoices.pay, bill, WAYS[how])
        self.rows = self.view.look()

    def teardown(self) -> None:
        self.view.connection.close()

    def stock(self) -> None:
        """What is on sale."""
        self.shelf = Shelf.stock(self.sandbox)
        self.dearer = self.new_price(3900, "month")
        self.yearly = self.new_price(20_000, "year")
        self.prices = (self.shelf.monthly, self.dearer, self.yearly)
        self.coupons = [
            self.api.coupons.create({"percent_off": 33.3, "duration": "once"}).id,
            self.api.coupons.create({"percent_off": 10, "duration": "repeating", "duration_in_months": 2}).id,
            self.api.coupons.create({"amount_off": 5_000, "currency": "eur", "duration": "forever"}).id,
            self.api.coupons.create({"amount_off": 701, "currency": "eur", "duration": "forever"}).id,
        ]
        code = {"promotion": {"type": "coupon", "coupon": self.coupons[0]}, "code": "WELCOME", "max_redemptions": 2}
        self.api.promotion_codes.create(code)
        monthly, once, either = self.shelf.monthly, self.shelf.once, ["card", DEBIT]
        free = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
        self.links = {
            "plain": self.shelf.link(monthly, allow_promotion_codes=True, payment_method_types=either),
            "trial": self.shelf.link(monthly, subscription_data={"trial_period_days": 7}),
            "free": self.shelf.link(monthly, payment_method_collection="if_required", subscription_data=free),
            "once": self.shelf.link(once, payment_method_types=either, invoice_creation={"enabled": True}),
            "held": self.shelf.link(once, payment_intent_data={"capture_method": "manual"}),
        }
        features: Json = {
            "subscription_cancel": {"enabled": True},
            "payment_method_update": {"enabled": True},
            "subscription_update": {
                "enabled": True,
                "default_allowed_updates": ["price"],
                "products": [{"product": self.shelf.club, "prices": list(self.prices)}],
                "proration_behavior": "create_prorations",
                "schedule_at_period_end": {"conditions": [{"type": "shortening_interval"}]},
            },
        }
        self.portal = self.api.billing_portal.configurations.create({"features": features}).id

    def new_price(self, amount: int, interval: str) -> str:
        terms = {"currency": "eur", "unit_amount": amount, "recurring": {"interval": interval}}
        return str(self.api.prices.create({"product": self.shelf.club, **terms}).id)

    def new_clock(self) -> str:
        return str(self.api.test_helpers.test_clocks.create({"frozen_time": self.view.now()}).id)

    # People

    def pay(self, link: str, card: str, **more: Any) -> Json | None:
        """Somebody new pays on a payment link: the session, or None where the card was declined."""
        self.people += 1
        email = f"member{self.people}@example.org"
        try:
            session: Json = self.sandbox.pay_link(self.links[link], email=email, card=card, **more)["session"]
        except Declined:
            self.tell(done=False)
            return None
        self.tell(done=True)
        return session

    def join(self, clock: str, card: str, **more: Any) -> None:
        """Somebody new subscribes who lives in the time of a clock."""
        member = self.api.customers.create({"test_clock": clock})
        method = self.api.payment_methods.attach(card, {"customer": member.id}).id
        wish = {"customer": member.id, "items": [{"price": self.shelf.monthly}], "default_payment_method": method}
        self.try_to(self.api.subscriptions.create, {**wish, "billing_mode": {"type": self.mode}, **more})

    def bill(self, customer: str, amounts: list[int], *, own: list[Json], shared: list[Json]) -> str:
        """A draft of things of uneven prices, with coupons for the first of them and for the whole bill."""
        for at, amount in enumerate(amounts):
            more: Any = {"discounts": own} if own and at == 0 else {}
            self.api.invoice_items.create({"customer": customer, "amount": amount, "currency": "eur", **more})
        wish = {"customer": customer, "pending_invoice_items_behavior": "include", "auto_advance": False}
        return str(self.api.invoices.create({**wish, "discounts": shared or ""}).id)

    # Choosing

    def those(self, path: str, **wanted: Any) -> list[Json]:
        """What was there when last looked: rows of which each field is one of the wanted values."""
        return [row for row in self.rows[path] if all(row[name] in values for name, values in wanted.items())]

    def one(self, path: str, pick: int, **wanted: Any) -> Json | None:
        rows = self.those(path, **wanted)
        return rows[pick % len(rows)] if rows else None

    def usable(self, chosen: list[int]) -> list[Json]:
        """Those of the chosen coupons that were not withdrawn, as `discounts[]` wants them."""
        names = [self.coupons[at] for at in chosen]
        return [{"coupon": name} for name in names if self.those("coupons", id={name}, valid=[True])]

    def now_of(self, row: Json) -> int:
        """The time in which a row's customer lives."""
        clock = row["test_clock"]
        return int(self.api.test_helpers.test_clocks.retrieve(clock).frozen_time) if clock else self.view.now()

    @classmethod
    def asked(cls, dealing: str) -> tuple[int, int]:
        """(done, refused) of a dealing so far."""
        return cls.tally[dealing, True], cls.tally[dealing, False]

    def look(self) -> None:
        """Called between the steps of one rule."""

    def try_to(self, act: Callable[..., Any], *what: Any, **more: Any) -> bool:
        """Stripe may refuse; the sandbox itself may not fail. Says whether it was done."""
        try:
            act(*what, **more)
        except urllib.error.HTTPError as error:
            if error.code >= SPOILT:
                raise
            return self.tell(done=False)
        except REFUSALS:
            return self.tell(done=False)
        return self.tell(done=True)

    def tell(self, *, done: bool) -> bool:
        """Count what the present dealing asked for."""
        self.tally[self.doing, done] += 1
        return done
