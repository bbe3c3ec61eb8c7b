"""Whatever is asked of the sandbox, in whatever order: the books balance, and the events tell it all."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.contract.check import violations_in
from tests.sandbox.books import (
    check_balance,
    check_books,
    check_cycles,
    check_given_back,
    check_periods,
    check_standing,
)
from tests.sandbox.lives import Lives
from tests.sandbox.member_dealings import MemberDealings
from tests.sandbox.owner_dealings import OwnerDealings
from tests.sandbox.promises import check_attempts, check_discounts, check_redemptions, subscription_of
from tests.sandbox.shares import check_shares
from tests.sandbox.stage import DEALINGS
from tests.sandboxes import Json, Sandbox

LIVES = 30
LEAST = 300  # dealings that are to be done in these lives, four kinds of five among them
OFTEN = 6  # refused so often, a dealing has to be done as well
BEGINS = 1_800_961_200  # 2027-01-26 09:00 UTC: the ends of months are near


class Examined(MemberDealings, OwnerDealings):
    """Dealings, and what must hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.newest = ""
        self.lives = Lives()
        self.credited: set[str] = set()
        self.discounts: dict[str, Json] = {}

    @invariant()
    def look(self) -> None:
        rows = self.rows = self.view.look()
        now = self.view.now()
        news = self.view.news(after=self.newest)
        if news:
            self.newest = news[-1]["id"]
        for event in news:
            self.lives.hear(event)
        self.lives.check(rows)
        check_books(rows)
        check_periods(rows["invoices"], yearly=self.yearly, begun=self.begun)
        check_cycles(rows["subscriptions"])
        billed: dict[str, str] = {}
        for invoice in rows["invoices"]:
            if owner := subscription_of(invoice):
                billed.setdefault(owner, invoice["id"])
        check_standing(rows, now=now, billed=billed)
        check_attempts(rows, now=now)
        told = self.lives.told.values()
        coupons = {row["id"]: row for row in told if row["object"] == "coupon"}
        discounts = [row for row in told if row["object"] == "discount"]
        check_discounts(rows, discounts, coupons=coupons)
        self.learn_discounts(rows["invoices"], discounts)
        check_redemptions(rows, list(self.discounts.values()))
        check_shares(rows, coupons={row["id"]: coupons[row["source"]["coupon"]] for row in self.discounts.values()})
        self.check_balances(rows["invoices"])

    def learn_discounts(self, invoices: list[Json], told: list[Json]) -> None:
        """Of those for one bill alone no event tells: the bill does."""
        self.discounts |= {row["id"]: row for row in told}
        for invoice in invoices:
            if any(part["discount"] not in self.discounts for part in invoice["total_discount_amounts"]):
                name = "total_discount_amounts.discount"
                shown = self.view.get(f"/v1/invoices/{invoice['id']}", **{"expand[]": name})
                self.discounts |= {part["discount"]["id"]: part["discount"] for part in shown["total_discount_amounts"]}

    def check_balances(self, invoices: list[Json]) -> None:
        """Of customers who ever had a credit or a debt."""
        for customer in self.rows["customers"]:
            own = [invoice for invoice in invoices if invoice["customer"] == customer["id"]]
            notes = [note for note in self.rows["credit_notes"] if note["customer"] == customer["id"]]
            if customer["balance"] or notes or any(row["starting_balance"] or row["ending_balance"] for row in own):
                self.credited.add(customer["id"])
            if customer["id"] in self.credited:
                transactions = self.view.every(f"customers/{customer['id']}/balance_transactions")
                check_balance(customer, transactions, own)
                check_given_back(notes, transactions)


@pytest.fixture(scope="module")
def frozen_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One whose time moves only when it is told to: a life is the same whenever it is lived."""
    sandbox = Sandbox(tmp_path_factory.mktemp("machine"), freeze=BEGINS)
    yield sandbox
    sandbox.stop()
    assert violations_in(sandbox.exchanges) == []


@pytest.mark.timeout(7_200 if "DEALINGS" in os.environ else 600)
def test_any_dealings_leave_the_books_in_order(frozen_sandbox: Sandbox) -> None:
    """The same few lives each time; DEALINGS=400 asks for so many others."""
    wished = os.environ.get("DEALINGS")
    bound = type("Bound", (Examined,), {"sandbox": frozen_sandbox, "tally": Counter()})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=int(wished or LIVES),
            derandomize=wished is None,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    check_done({name: bound.asked(name) for name in sorted(DEALINGS)})


def check_done(counted: dict[str, tuple[int, int]]) -> None:
    """(done, refused) of every dealing: lives in which everything is refused prove nothing."""
    print(*(f"{name}: {done} done, {refused} refused" for name, (done, refused) in counted.items()), sep="\n")
    assert {name: asked for name, asked in counted.items() if not asked[0] and asked[1] >= OFTEN} == {}
    assert sum(done for done, _ in counted.values()) >= LEAST
    assert [name for name, (done, _) in counted.items() if done][len(counted) * 4 // 5 :]
