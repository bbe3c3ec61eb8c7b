"""What owners, members, banks and time may do to an account, in any order: the rules of the machine."""

import contextlib
from collections.abc import Callable
from typing import Any

import stripe
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.sandbox.shelf import DAY, DECLINED, FAILS_LATER, GOOD, Shelf
from tests.sandboxes import Declined, Json, Sandbox

PICK = st.integers(0, 1_000)
CARDS = st.sampled_from([GOOD, GOOD, FAILS_LATER])
DISPUTED, REFUND_FAILS, REFUND_WAITS = "4000000000000259", "4000000000005126", "4000000000007726"
DEBIT = "sepa_debit"
STARTS = 1_800_000_000  # the time of the test clock
DISPUTE_MOVES = ("under_review", "won", "lost", "warning_under_review", "warning_closed", "needs_response")


class Dealings(RuleBasedStateMachine):
    """Each rule picks among what is there; what Stripe would refuse may be refused, nothing else may go wrong."""

    sandbox: Sandbox

    @initialize()
    def open(self) -> None:
        self.sandbox.reset()
        self.api = self.sandbox.api
        self.shelf = Shelf.stock(self.sandbox)
        self.dearer = self.new_price(3900, "month")
        self.yearly = self.new_price(20_000, "year")
        self.coupons = [
            self.api.coupons.create({"percent_off": 33.3, "duration": "once"}).id,
            self.api.coupons.create({"percent_off": 10, "duration": "repeating", "duration_in_months": 2}).id,
            self.api.coupons.create({"amount_off": 5_000, "currency": "eur", "duration": "forever"}).id,
        ]
        code = {"promotion": {"type": "coupon", "coupon": self.coupons[0]}, "code": "WELCOME", "max_redemptions": 2}
        self.api.promotion_codes.create(code)
        either = ["card", DEBIT]
        self.links = {
            "plain": self.shelf.link(self.shelf.monthly, allow_promotion_codes=True, payment_method_types=either),
            "trial": self.shelf.link(self.shelf.monthly, subscription_data={"trial_period_days": 7}),
            "free": self.shelf.link(
                self.shelf.monthly,
                payment_method_collection="if_required",
                subscription_data={
                    "trial_period_days": 7,
                    "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
                },
            ),
            "once": self.shelf.link(self.shelf.once, payment_method_types=either, invoice_creation={"enabled": True}),
        }
        self.clock = self.api.test_helpers.test_clocks.create({"frozen_time": STARTS}).id
        self.people = 0

    def new_price(self, amount: int, interval: str) -> str:
        terms = {"currency": "eur", "unit_amount": amount, "recurring": {"interval": interval}}
        return str(self.api.prices.create({"product": self.shelf.club, **terms}).id)

    # What people do

    @rule(
        link=st.sampled_from(["plain", "plain", "trial", "free", "once"]),
        card=st.sampled_from([GOOD, FAILS_LATER, DECLINED, DEBIT, DISPUTED, REFUND_FAILS, REFUND_WAITS]),
        code=st.sampled_from(["", "", "WELCOME"]),
    )
    def buy(self, link: str, card: str, code: str) -> None:
        self.people += 1
        more: Json = {"promotion_code": code} if code and link == "plain" else {}
        if card == DEBIT and link not in ("plain", "once"):
            card = GOOD
        with contextlib.suppress(Declined):
            self.sandbox.pay_link(self.links[link], email=f"member{self.people}@example.org", card=card, **more)

    @rule(again=st.booleans(), card=CARDS)
    def fall_behind(self, again: bool, card: str) -> None:
        """A member whose renewal fails, and who may put in another card."""
        self.people += 1
        paid = self.sandbox.pay_link(self.links["plain"], email=f"late{self.people}@example.org", card=FAILS_LATER)
        for span in ("16d", "16d"):  # the event list goes back thirty days, and everything has to be heard of
            self.look()
            self.sandbox.advance(span)
        if again:
            customer = paid["session"]["customer"]
            self.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": card, "retry": True})

    @rule(pick=PICK, outcome=st.sampled_from(["", "succeed", "fail"]), settled=st.booleans())
    def buy_again_by_debit(self, pick: int, outcome: str, settled: bool) -> None:
        if row := self.one(self.customers(), pick):
            lines = [{"price": self.shelf.once, "quantity": 1}]
            wish = {"mode": "payment", "customer": row["id"], "payment_method_types": [DEBIT], "line_items": lines}
            session = self.api.checkout.sessions.create({**wish, "success_url": "https://shop.example/"})
            self.sandbox.pay_session(session.id, card=DEBIT, **({"outcome": outcome} if outcome else {}))
            if settled:
                self.sandbox.advance("4d")

    @rule(days=st.integers(1, 25))
    def wait(self, days: int) -> None:
        self.sandbox.advance(f"{days}d")

    @rule(pick=PICK, how=st.sampled_from(["now", "at_period_end", "then"]), days=st.integers(1, 60))
    def cancel(self, pick: int, how: str, days: int) -> None:
        if row := self.one(self.subscriptions(), pick):
            if how == "now":
                self.try_to(self.api.subscriptions.cancel, row["id"])
            else:
                at = max(item["current_period_start"] for item in row["items"]["data"]) + days * DAY
                wish: Json = {"cancel_at_period_end": True} if how == "at_period_end" else {"cancel_at": at}
                self.try_to(self.api.subscriptions.update, row["id"], wish)

    @rule(pick=PICK)
    def stay(self, pick: int) -> None:
        if row := self.one(self.subscriptions(), pick):
            self.try_to(self.api.subscriptions.update, row["id"], {"cancel_at_period_end": False})

    @rule(
        pick=PICK,
        quantity=st.integers(1, 4),
        price=st.integers(0, 2),
        proration=st.sampled_from(["create_prorations", "always_invoice", "none"]),
    )
    def change_plan(self, pick: int, quantity: int, price: int, proration: str) -> None:
        if row := self.one(self.subscriptions(), pick):
            wanted = (self.shelf.monthly, self.dearer, self.yearly)[price]
            item = {"id": row["items"]["data"][0]["id"], "price": wanted, "quantity": quantity}
            wish = {"items": [item], "proration_behavior": proration}
            self.try_to(self.api.subscriptions.update, row["id"], wish)

    @rule(pick=PICK, behavior=st.sampled_from(["void", "keep_as_draft", "mark_uncollectible", ""]))
    def pause(self, pick: int, behavior: str) -> None:
        if row := self.one(self.subscriptions(), pick):
            wish = {"behavior": behavior} if behavior else ""
            self.try_to(self.api.subscriptions.update, row["id"], {"pause_collection": wish})

    @rule(pick=PICK)
    def resume(self, pick: int) -> None:
        if row := self.one([row for row in self.subscriptions() if row["status"] == "paused"], pick):
            self.try_to(self.api.subscriptions.resume, row["id"])

    @rule(pick=PICK, coupon=st.integers(0, 3))
    def discount(self, pick: int, coupon: int) -> None:
        if row := self.one(self.subscriptions(), pick):
            wish: Any = [{"coupon": self.coupons[coupon]}] if coupon < len(self.coupons) else ""
            self.try_to(self.api.subscriptions.update, row["id"], {"discounts": wish})

    @rule(pick=PICK, trial=st.booleans())
    def end_trial(self, pick: int, trial: bool) -> None:
        if row := self.one([row for row in self.subscriptions() if row["status"] == "trialing"], pick):
            self.try_to(self.api.subscriptions.update, row["id"], {"trial_end": "now"})

    @rule(pick=PICK, behavior=st.sampled_from(["allow_incomplete", "default_incomplete", "error_if_incomplete"]))
    def subscribe_by_api(self, pick: int, behavior: str) -> None:
        if row := self.one(self.customers(), pick):
            wish = {"customer": row["id"], "items": [{"price": self.dearer}], "payment_behavior": behavior}
            self.try_to(self.api.subscriptions.create, wish)

    @rule(pick=PICK, card=CARDS, retry=st.booleans())
    def change_card(self, pick: int, card: str, retry: bool) -> None:
        if row := self.one(self.customers(), pick):
            self.sandbox.post(f"/sandbox/customers/{row['id']}/card", {"card": card, "retry": retry})

    @rule(pick=PICK)
    def leave_for_good(self, pick: int) -> None:
        if row := self.one(self.customers(), pick):
            self.try_to(self.api.customers.delete, row["id"])

    # Those who live in a time of their own

    @rule(card=st.sampled_from(["pm_card_visa", "pm_card_chargeCustomerFail"]), trial=st.sampled_from([0, 5]))
    def join_on_the_clock(self, card: str, trial: int) -> None:
        member = self.api.customers.create({"test_clock": self.clock})
        method = self.api.payment_methods.attach(card, {"customer": member.id}).id
        wish = {"customer": member.id, "items": [{"price": self.shelf.monthly}], "default_payment_method": method}
        self.try_to(self.api.subscriptions.create, {**wish, **({"trial_period_days": trial} if trial else {})})

    @rule(days=st.integers(1, 40))
    def advance_the_clock(self, days: int) -> None:
        now = self.api.test_helpers.test_clocks.retrieve(self.clock).frozen_time
        self.sandbox.advance_clock(self.clock, to=now + days * DAY)

    # What owners and banks do

    @rule(pick=PICK, amount=st.integers(1, 9_000), pay=st.sampled_from(["pay", "send_invoice", "void_invoice"]))
    def bill_by_hand(self, pick: int, amount: int, pay: str) -> None:
        if row := self.one(self.customers(), pick):
            self.api.invoice_items.create({"customer": row["id"], "amount": amount, "currency": "eur"})
            sent = {"collection_method": "send_invoice", "days_until_due": 5} if pay == "send_invoice" else {}
            wish = {"customer": row["id"], "pending_invoice_items_behavior": "include", "auto_advance": False, **sent}
            invoice = self.api.invoices.create(wish)
            self.api.invoices.finalize_invoice(invoice.id)
            self.try_to(getattr(self.api.invoices, pay), invoice.id)

    @rule(pick=PICK, how=st.sampled_from(["pay", "out_of_band", "void_invoice", "mark_uncollectible"]))
    def settle(self, pick: int, how: str) -> None:
        if row := self.one([row for row in self.rows("invoices") if row["status"] in ("open", "uncollectible")], pick):
            if how == "out_of_band":
                self.try_to(self.api.invoices.pay, row["id"], {"paid_out_of_band": True})
            else:
                self.try_to(getattr(self.api.invoices, how), row["id"])

    @rule(pick=PICK, part=st.integers(1, 4))
    def refund(self, pick: int, part: int) -> None:
        if row := self.one([row for row in self.rows("charges") if row["paid"] and not row["refunded"]], pick):
            left = row["amount_captured"] - row["amount_refunded"]
            self.try_to(self.api.refunds.create, {"charge": row["id"], "amount": max(1, left // part)})

    @rule(pick=PICK, part=st.integers(1, 4), how=st.sampled_from(["refund", "credit", "out_of_band"]))
    def credit(self, pick: int, part: int, how: str) -> None:
        if row := self.one([row for row in self.rows("invoices") if row["status"] in ("open", "paid")], pick):
            amount = max(1, row["total"] // part)
            way = {f"{how}_amount": amount} if row["status"] == "paid" else {}
            self.try_to(self.api.credit_notes.create, {"invoice": row["id"], "amount": amount, **way})

    @rule(pick=PICK)
    def void_credit(self, pick: int) -> None:
        if row := self.one(self.rows("credit_notes"), pick):
            self.try_to(self.api.credit_notes.void_credit_note, row["id"])

    @rule(pick=PICK, status=st.sampled_from(["needs_response", "warning_needs_response"]))
    def dispute(self, pick: int, status: str) -> None:
        if row := self.one([row for row in self.rows("charges") if row["paid"] and not row["disputed"]], pick):
            self.sandbox.post(f"/sandbox/charges/{row['id']}/dispute", {"status": status})

    @rule(pick=PICK, status=st.sampled_from(DISPUTE_MOVES))
    def judge(self, pick: int, status: str) -> None:
        moves = {
            "needs_response": {"under_review", "won", "lost"},
            "under_review": {"won", "lost"},
            "lost": {"won"},
            "warning_needs_response": {"warning_under_review", "warning_closed", "needs_response"},
            "warning_under_review": {"warning_closed", "needs_response"},
        }
        rows = [row for row in self.rows("disputes") if status in moves.get(row["status"], ())]
        if row := self.one(rows, pick):
            self.sandbox.post(f"/sandbox/objects/{row['id']}", {"set": {"status": status}})

    # Looking

    def look(self) -> None:
        """Called between the steps of one rule."""

    def rows(self, kind: str) -> list[Json]:
        everything = {"status": "all"} if kind == "subscriptions" else {}
        found = self.every(kind, **everything)
        return found + (self.every(kind, test_clock=self.clock, **everything) if kind == "subscriptions" else [])

    def every(self, kind: str, **params: Any) -> list[Json]:
        page = getattr(self.api, kind).list({"limit": 100, **params})
        return [row.to_dict() for row in page.auto_paging_iter()]

    def customers(self) -> list[Json]:
        """Those who live in the account's own time."""
        return self.every("customers")

    def subscriptions(self) -> list[Json]:
        """Those that can still change."""
        return [row for row in self.rows("subscriptions") if row["status"] not in ("canceled", "incomplete_expired")]

    @staticmethod
    def one(rows: list[Json], pick: int) -> Json | None:
        return rows[pick % len(rows)] if rows else None

    @staticmethod
    def try_to(act: Callable[..., Any], *what: Any) -> None:
        """Stripe may refuse; the sandbox itself may not fail."""
        with contextlib.suppress(stripe.CardError, stripe.InvalidRequestError):
            act(*what)
