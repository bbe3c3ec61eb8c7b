"""Whatever is asked of the sandbox, in whatever order: the books balance, and the events tell it all."""

import os
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
from tests.sandbox.owner_dealings import OwnerDealings, subscription_of
from tests.sandboxes import Json, Sandbox

BEGINS = 1_800_961_200  # 2027-01-26 09:00 UTC: the ends of months are near


class Examined(MemberDealings, OwnerDealings):
    """Dealings, and what must hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.newest = ""
        self.lives = Lives()
        self.credited: set[str] = set()
        self.then = 0

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
        self.check_balances(rows["invoices"])

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
    bound = type("Bound", (Examined,), {"sandbox": frozen_sandbox})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=int(wished or 30),
            derandomize=wished is None,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
