"""What members and time may do to an account, in any order."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.sandbox.shelf import DAY, FAILS_LATER, GOOD
from tests.sandbox.stage import (
    ANY_CARD,
    ASKS,
    CARDS,
    COUPONS,
    DEBIT,
    LIVE,
    PICK,
    REFUND_FAILS,
    REFUND_WAITS,
    Stage,
    dealing,
    when,
)
from tests.sandboxes import Json

PAYING: dict[str, Json] = {"pay": {"payment_method": "pm_card_visa"}, "out_of_band": {"paid_out_of_band": True}}
BEHAVIORS = ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")


class MemberDealings(Stage):
    # Buying

    @dealing(
        link=st.sampled_from(["plain", "plain", "trial", "free", "once", "held"]),
        card=ANY_CARD,
        code=st.sampled_from(["", "", "WELCOME"]),
        approved=st.sampled_from([True, True, False]),
    )
    def buy(self, link: str, card: str, code: str, approved: bool) -> None:
        valid = link == "plain" and self.those("promotion_codes", code={code}, active=[True])
        more: Json = {"promotion_code": code} if valid else {}
        if card == DEBIT and link not in ("plain", "once"):
            card = GOOD
        self.pay(link, card, **({"authenticated": approved} if card == ASKS else more))

    @when("promotion_codes", active=[True])
    @dealing(friends=st.integers(2, 3), hesitates=st.sampled_from([True, True, False]))
    def pass_a_code_on(self, friends: int, hesitates: bool) -> None:
        """Until it was used as often as it may be, and by one who entered it before and is slow to answer the bank."""
        wish = {"mode": "subscription", "line_items": [{"price": self.shelf.monthly, "quantity": 1}]}
        more = {"allow_promotion_codes": True, "success_url": "https://shop.example/"}
        sessions = [self.api.checkout.sessions.create({**wish, **more}).id for _ in range(friends)]
        late = sessions[0] if hesitates else ""
        for session in sessions:
            self.people += 1
            payer = {"email": f"member{self.people}@example.org", "card": ASKS if session == late else GOOD}
            path = f"/sandbox/checkout/{session}/pay"
            self.try_to(self.sandbox.post, path, {**payer, "promotion_code": "WELCOME"})
        if late:
            self.look()
            self.try_to(self.sandbox.post, f"/sandbox/checkout/{late}/authenticate", {"approved": True})

    @dealing(then=st.sampled_from(["card", "pay", "out_of_band", "write_off"]), card=CARDS)
    def fall_behind(self, then: str, card: str) -> None:
        """A member whose renewal fails, and who may put in another card, or settle the bill when it is too late."""
        session = self.pay("plain", FAILS_LATER)
        # The event list goes back thirty days, and everything has to be heard of.
        for span in ("16d", "16d") if then == "card" else ("16d", "16d", "8d"):
            self.look()
            self.sandbox.advance(span)
        if not session:
            return
        self.look()
        if then == "card":
            self.sandbox.post(f"/sandbox/customers/{session['customer']}/card", {"card": card, "retry": True})
        for bill in self.those("invoices", customer={session["customer"]}, status={"open"}):
            if then == "write_off":
                self.try_to(self.api.invoices.mark_uncollectible, bill["id"])
            elif then in PAYING:
                self.try_to(self.api.invoices.pay, bill["id"], PAYING[then])

    @dealing(card=CARDS, anchor=st.sampled_from(["now", "unchanged"]), again=st.booleans())
    def come_back(self, card: str, anchor: str, again: bool) -> None:
        """A trial ends without a card; the member puts one in and goes on."""
        if session := self.pay("free", GOOD):
            self.look()
            self.sandbox.advance("8d")
            self.look()
            self.sandbox.post(f"/sandbox/customers/{session['customer']}/card", {"card": card, "retry": False})
            for _ in range(2 if again else 1):
                self.try_to(self.api.subscriptions.resume, session["subscription"], {"billing_cycle_anchor": anchor})

    @dealing(card=st.sampled_from([GOOD, REFUND_FAILS, REFUND_WAITS]), part=st.integers(1, 3))
    def regret(self, card: str, part: int) -> None:
        """Somebody who wants money back, which the bank may send back a day later."""
        if session := self.pay("once", card):
            self.try_to(
                self.api.refunds.create,
                {"payment_intent": session["payment_intent"], "amount": session["amount_total"] // part},
            )
            self.look()
            self.sandbox.advance("2d")

    @when("customers", test_clock=[None])
    @dealing(pick=PICK, outcome=st.sampled_from(["", "succeed", "fail"]), settled=st.booleans())
    def buy_again_by_debit(self, pick: int, outcome: str, settled: bool) -> None:
        if row := self.one("customers", pick, test_clock=[None]):
            lines = [{"price": self.shelf.once, "quantity": 1}]
            wish = {"mode": "payment", "customer": row["id"], "payment_method_types": [DEBIT], "line_items": lines}
            session = self.api.checkout.sessions.create({**wish, "success_url": "https://shop.example/"})
            self.sandbox.pay_session(session.id, card=DEBIT, **({"outcome": outcome} if outcome else {}))
            if settled:
                self.sandbox.advance("4d")

    @when("customers")
    @dealing(
        pick=PICK, price=st.integers(0, 2), behavior=st.sampled_from(BEHAVIORS[:3]), trial=st.sampled_from([0, 0, 5])
    )
    def subscribe_by_api(self, pick: int, price: int, behavior: str, trial: int) -> None:
        if row := self.one("customers", pick):
            wish = {"customer": row["id"], "items": [{"price": self.prices[price]}], "payment_behavior": behavior}
            more = {"billing_mode": {"type": self.mode}, **({"trial_period_days": trial} if trial else {})}
            self.try_to(self.api.subscriptions.create, {**wish, **more})

    # Time

    @dealing()
    def wait_half_a_month(self) -> None:
        """Chosen most often, as what chooses begins with what needs no choice."""
        self.sandbox.advance("15d")

    @dealing(days=st.integers(1, 25))
    def wait(self, days: int) -> None:
        self.sandbox.advance(f"{days}d")

    @precondition(lambda self: self.clocks)
    @dealing(pick=PICK, days=st.integers(1, 40))
    def advance_a_clock(self, pick: int, days: int) -> None:
        clock = self.clocks[pick % len(self.clocks)]
        now = self.api.test_helpers.test_clocks.retrieve(clock).frozen_time
        self.sandbox.advance_clock(clock, to=now + days * DAY)

    @precondition(lambda self: len(self.clocks) < 3)
    @dealing(card=st.sampled_from(["pm_card_visa", "pm_card_chargeCustomerFail"]))
    def start_a_clock(self, card: str) -> None:
        self.clocks.append(self.new_clock())
        self.join(self.clocks[-1], card)

    @precondition(lambda self: self.clocks)
    @dealing(
        pick=PICK,
        card=st.sampled_from(["pm_card_visa", "pm_card_chargeCustomerFail", "pm_card_authenticationRequired"]),
        trial=st.sampled_from([0, 5]),
    )
    def join_on_a_clock(self, pick: int, card: str, trial: int) -> None:
        more = {"trial_period_days": trial} if trial else {}
        self.join(self.clocks[pick % len(self.clocks)], card, **more)

    @precondition(lambda self: self.clocks)
    @dealing(pick=PICK)
    def drop_a_clock(self, pick: int) -> None:
        """One of those there are, with all who live by it, once another has taken its place."""
        self.clocks.append(self.new_clock())
        self.api.test_helpers.test_clocks.delete(self.clocks.pop(pick % len(self.clocks)))

    # Going and staying

    @when("subscriptions", status=LIVE)
    @dealing(pick=PICK, how=st.sampled_from(["now", "at_period_end", "then"]), days=st.integers(1, 60))
    def cancel(self, pick: int, how: str, days: int) -> None:
        if row := self.one("subscriptions", pick, status=LIVE):
            if how == "now":
                self.try_to(self.api.subscriptions.cancel, row["id"])
            else:
                at = max(item["current_period_start"] for item in row["items"]["data"]) + days * DAY
                wish: Json = {"cancel_at_period_end": True} if how == "at_period_end" else {"cancel_at": at}
                self.try_to(self.api.subscriptions.update, row["id"], wish)

    @when("subscriptions", status=LIVE)
    @dealing(pick=PICK)
    def stay(self, pick: int) -> None:
        leaving = [row for row in self.those("subscriptions", status=LIVE) if row["canceled_at"]]
        rows = leaving or self.those("subscriptions", status=LIVE)
        self.try_to(self.api.subscriptions.update, rows[pick % len(rows)]["id"], {"cancel_at_period_end": False})

    @when("subscriptions", status={"active", "trialing"})
    @dealing(
        pick=PICK,
        act=st.sampled_from(["cancel", "resume", "switch_price", "keep_plan", "update_card"]),
        price=st.integers(0, 2),
    )
    def visit_the_portal(self, pick: int, act: str, price: int) -> None:
        if row := self.one("subscriptions", pick, status={"active", "trialing"}):
            visit = self.api.billing_portal.sessions.create({"customer": row["customer"], "configuration": self.portal})
            wish = {} if act == "update_card" else {"subscription": row["id"]}
            more = {"price": self.prices[price]} if act == "switch_price" else {}
            self.try_to(self.sandbox.in_portal, visit.url, act, **wish, **more)

    @when("customers")
    @dealing(pick=PICK)
    def leave_for_good(self, pick: int) -> None:
        if row := self.one("customers", pick):
            self.try_to(self.api.customers.delete, row["id"])

    # Changing

    @when("subscriptions", status=LIVE)
    @dealing(
        pick=PICK,
        quantity=st.integers(1, 4),
        price=st.integers(0, 2),
        proration=st.sampled_from(["create_prorations", "always_invoice", "none"]),
        behavior=st.sampled_from(["", *BEHAVIORS]),
    )
    def change_plan(self, pick: int, quantity: int, price: int, proration: str, behavior: str) -> None:
        if row := self.one("subscriptions", pick, status=LIVE):
            item = {"id": row["items"]["data"][0]["id"], "price": self.prices[price], "quantity": quantity}
            wish: Json = {"items": [item], "proration_behavior": proration}
            self.update(row, {**wish, **({"payment_behavior": behavior} if behavior else {})})

    @when("subscriptions", status=LIVE)
    @dealing(pick=PICK, change=st.sampled_from(["anchor", "extra", "second", "trial"]), days=st.integers(1, 20))
    def change_terms(self, pick: int, change: str, days: int) -> None:
        """A new cycle, something bought besides, another item, or free days."""
        if row := self.one("subscriptions", pick, status=LIVE):
            now = self.now_of(row)
            free_until = now + days * DAY
            wishes: dict[str, Json] = {
                "anchor": {"billing_cycle_anchor": "now"},
                "extra": {"add_invoice_items": [{"price": self.shelf.once}], "proration_behavior": "always_invoice"},
                "second": {"items": [{"price": self.dearer, "quantity": 2}]},
                "trial": {"trial_end": free_until, "proration_behavior": "none"},
            }
            if change in ("anchor", "trial"):
                self.begun.add((row["id"], now if change == "anchor" else free_until))
            self.update(row, wishes[change])

    @when("subscriptions", status=LIVE)
    @dealing(pick=PICK, behavior=st.sampled_from(["void", "keep_as_draft", "mark_uncollectible", ""]))
    def pause(self, pick: int, behavior: str) -> None:
        if row := self.one("subscriptions", pick, status=LIVE):
            self.update(row, {"pause_collection": {"behavior": behavior} if behavior else ""})

    @when("subscriptions", status=LIVE)
    @dealing(pick=PICK, chosen=COUPONS)
    def discount(self, pick: int, chosen: list[int]) -> None:
        if row := self.one("subscriptions", pick, status=LIVE):
            wish: Any = self.usable(chosen) or ""
            self.update(row, {"discounts": wish})

    @when("subscriptions", status={"trialing"})
    @dealing(pick=PICK)
    def end_trial(self, pick: int) -> None:
        if row := self.one("subscriptions", pick, status={"trialing"}):
            self.begun.add((row["id"], self.now_of(row)))
            self.update(row, {"trial_end": "now"})

    @when("customers")
    @dealing(pick=PICK, card=CARDS, retry=st.booleans())
    def change_card(self, pick: int, card: str, retry: bool) -> None:
        if row := self.one("customers", pick):
            self.sandbox.post(f"/sandbox/customers/{row['id']}/card", {"card": card, "retry": retry})

    def update(self, row: Json, wish: Json) -> bool:
        return self.try_to(self.api.subscriptions.update, row["id"], wish)
