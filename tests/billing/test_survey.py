"""The full pass and `verify` read the whole account: a few statements a page, and nothing written where all is well."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.intake.draining import drain
from billing.models import AccessPolicy, Order, Subject, Subscription
from billing.sweeping.reconcile import full_pass
from hub.models import Grant
from tests.counting import counted
from tests.shops import Shop

ADA, BEN = "ada@example.org", "ben@example.org"


def verify(**options: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify", stdout=out, **options)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def found_by_a_pass() -> list[str]:
    """Who, in the order of their addresses."""
    run = full_pass(confirmed=True)
    assert run is not None
    return sorted(found["email"] for found in run.found)


def members(shop: Shop, *numbers: int) -> None:
    for number in numbers:
        shop.buy(shop.monthly, email=f"member{number}@example.org")
        shop.buy(shop.once, email=f"guest{number}@example.org", customer_creation="if_required")
    shop.deliver()


def test_where_nothing_changed_a_page_costs_the_same_statements_however_many_are_on_it(shop: Shop) -> None:
    counts = []
    for numbers in ([1, 2], [3, 4, 5, 6, 7]):
        members(shop, *numbers)
        with CaptureQueriesContext(connection) as captured:
            assert found_by_a_pass() == []
        statements = [query["sql"] for query in captured if "billing_pace" not in query["sql"]]
        counts.append(len(statements))
        written = {sql.split('"')[1] for sql in statements if sql.startswith(("INSERT", "UPDATE"))}
        assert written == {"billing_pass", "billing_connection"}
    assert counts[0] == counts[1]
    assert not Subject.objects.filter(requests__gt=0).exists()


def test_what_was_changed_without_a_word_is_brought_up_to_date_though_no_grant_differs(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    item = Subscription.objects.get().data["items"]["data"][0]["id"]
    shop.sandbox.api.subscription_items.update(item, {"quantity": 3, "proration_behavior": "none"})
    shop.sandbox.take_pending()
    assert found_by_a_pass() == []
    drain()
    assert Subscription.objects.get().data["items"]["data"][0]["quantity"] == 3
    assert found_by_a_pass() == []
    assert not Subject.objects.filter(requests__gt=0).exists()


def test_known_refunds_and_disputes_are_not_asked_about_again(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.buy(shop.once, email=BEN)
    shop.deliver()
    newest = shop.sandbox.api.charges.list().data
    for charge in newest:
        shop.sandbox.api.refunds.create({"charge": charge.id, "amount": 100})
    shop.sandbox.post(f"/sandbox/charges/{newest[0].id}/dispute", {"status": "needs_response"})
    shop.deliver()
    with counted(shop.sandbox, at_most=6):
        assert found_by_a_pass() == []


@pytest.mark.parametrize("offer", ["monthly", "once"])
def test_an_unknown_refund_is_found_where_it_means_something(shop: Shop, offer: str) -> None:
    shop.buy(getattr(shop, offer), email=ADA)
    shop.deliver()
    shop.sandbox.api.refunds.create({"charge": shop.sandbox.api.charges.list().data[0].id})
    shop.sandbox.take_pending()
    assert found_by_a_pass() == ([ADA] if offer == "once" else [])
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    assert found_by_a_pass() == [ADA]
    drain()
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()
    assert found_by_a_pass() == []


def test_an_unknown_purchase_that_is_disputed_already_opens_nothing(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA)
    charge = shop.sandbox.api.charges.list().data[0].id
    shop.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(shop.sandbox.api.disputes.list().data[0].id, status="lost")
    shop.sandbox.take_pending()
    assert verify() == (0, "0 open grants, 0 differences\n")


def test_what_ended_before_we_knew_of_it_is_passed_over(shop: Shop) -> None:
    session = shop.buy(shop.monthly, email=ADA)
    shop.sandbox.api.subscriptions.cancel(session["subscription"])
    shop.sandbox.take_pending()
    with CaptureQueriesContext(connection) as captured:
        assert found_by_a_pass() == []
    assert not any("SAVEPOINT" in query["sql"] for query in captured), "nobody was rehearsed"
    assert not Subject.objects.filter(requests__gt=0).exists()


def test_one_that_cannot_be_compared_holds_nobody_up(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.buy(shop.monthly, email=BEN)
    shop.buy(shop.once, email="cleo@example.org")
    shop.deliver()
    odd = {"items": {"data": [{"price": None}]}}
    Subscription.objects.filter(user__email=ADA).update(data=odd)
    Order.objects.update(lines=[{}])
    shop.sandbox.api.subscriptions.cancel(Subscription.objects.get(user__email=BEN).stripe_id)
    shop.sandbox.take_pending()
    assert BEN in found_by_a_pass()
    drain()
    assert shop.has(ADA, shop.club) and not shop.has(BEN, shop.club) and shop.has("cleo@example.org", shop.course)
    assert found_by_a_pass() == []


def test_one_person_or_one_customer_can_be_verified_alone(shop: Shop) -> None:
    for email in (ADA, BEN):
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    bens = Subscription.objects.get(user__email=BEN)
    shop.sandbox.api.subscriptions.cancel(bens.stripe_id)
    shop.sandbox.take_pending()
    assert verify(email=ADA.upper()) == (0, "1 looked at, 0 differences\n")
    with counted(shop.sandbox, at_most=5):
        status, words = verify(customer=bens.customer_id)
    assert status == 1
    assert f"{BEN} studio ({bens.stripe_id}): is active until" in words
    assert "should be ended (canceled)" in words
    assert verify(email=BEN)[0] == 1
    assert shop.has(BEN, shop.club), "verify writes nothing"
    with pytest.raises(CommandError, match="Nobody here has the address"):
        verify(email="nobody@example.org")
    with pytest.raises(CommandError, match="could not be asked"):
        verify(customer="cus_unknown")


def test_a_persons_ledger_is_verified_with_them(shop: Shop) -> None:
    for email in (ADA, BEN):
        shop.buy(shop.once, email=email)
    shop.deliver()
    Grant.objects.filter(user__email=BEN).update(until=shop.now())
    assert verify(email=ADA)[0] == 0
    status, words = verify(email=BEN)
    assert status == 1
    assert words.startswith("ledger: grant ")
