"""Hosted Checkout and payment links, as a buyer without JavaScript meets them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.visitor import Page, Visitor
from tests.sandboxes import Sandbox

SHOP = "http://127.0.0.1:9/return?session_id={CHECKOUT_SESSION_ID}"
GOOD, DECLINED, ASKS = "4242 4242 4242 4242", "4000 0000 0000 0002", "4000 0025 0000 3155"


@pytest.fixture
def price(sandbox: Sandbox) -> str:
    """A monthly price of the club."""
    recurring = {"currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
    product = sandbox.api.products.create(params={"name": "Potters' Club", "default_price_data": recurring})
    return str(product.default_price)


@pytest.fixture
def course(sandbox: Sandbox) -> str:
    """A one-time price of the course."""
    once = {"currency": "eur", "unit_amount": 18000}
    product = sandbox.api.products.create(params={"name": "Raku Weekend", "default_price_data": once})
    return str(product.default_price)


@pytest.fixture
def visitor(sandbox: Sandbox) -> Visitor:
    return Visitor(sandbox.url)


def open_session(sandbox: Sandbox, price: str, *, mode: str = "subscription", **more: Any) -> Any:
    params = {"mode": mode, "line_items": [{"price": price, "quantity": 1}], "success_url": SHOP, **more}
    return sandbox.api.checkout.sessions.create(params=params)


def open_link(sandbox: Sandbox, price: str, **more: Any) -> Any:
    after = {"type": "redirect", "redirect": {"url": SHOP}}
    params = {"line_items": [{"price": price, "quantity": 1}], "after_completion": after, **more}
    return sandbox.api.payment_links.create(params=params)


def pay(visitor: Visitor, page: Page, **typed: str) -> Page:
    card = {"email": "ada@example.org", "name": "Ada", "card": GOOD, "expiry": "12 / 34", "cvc": "123"}
    return visitor.send(page, "/c/pay/", **{**card, **typed})


def test_a_link_opens_a_page_that_names_the_product_and_its_price(
    sandbox: Sandbox, visitor: Visitor, price: str
) -> None:
    page = visitor.follow(visitor.open(open_link(sandbox, price).url))
    assert page.status == 200
    assert "Potters' Club" in page.text
    assert "€24.00 per month" in page.text
    assert "Sandbox: no real money" in page.text


def test_paying_leads_back_to_the_shop_with_the_session(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    session = open_session(sandbox, price)
    answer = pay(visitor, visitor.open(session.url))
    assert answer.status == 303
    assert answer.location == SHOP.replace("{CHECKOUT_SESSION_ID}", session.id)
    done = sandbox.api.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status, done.customer_details.email) == ("complete", "paid", "ada@example.org")


def test_a_decline_is_said_beside_the_card_and_keeps_what_was_typed(
    sandbox: Sandbox, visitor: Visitor, price: str
) -> None:
    answer = pay(visitor, visitor.open(open_session(sandbox, price).url), card=DECLINED)
    assert answer.status == 402
    assert "Your card was declined." in answer.text
    assert 'aria-describedby="card-error"' in answer.html
    assert answer.form("/c/pay/").fields["email"] == "ada@example.org"
    assert answer.form("/c/pay/").fields["card"] == ""
    assert pay(visitor, answer).status == 303


def test_sending_the_form_twice_buys_once(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    page = visitor.open(open_session(sandbox, price).url)
    first, second = pay(visitor, page), pay(visitor, page)
    assert (first.status, second.status) == (303, 303)
    assert first.location == second.location
    assert len(sandbox.api.subscriptions.list(params={"status": "all"}).data) == 1


@pytest.mark.parametrize("mode", ["subscription", "payment"])
def test_the_bank_may_ask_and_be_answered(
    sandbox: Sandbox, visitor: Visitor, price: str, course: str, mode: str
) -> None:
    session = open_session(sandbox, price if mode == "subscription" else course, mode=mode)
    question = pay(visitor, visitor.open(session.url), card=ASKS)
    assert "Confirm it is you" in question.text
    failed = visitor.send(question, "verify", answer="fail")
    assert failed.status == 402
    assert "could not confirm" in failed.text
    approved = visitor.send(pay(visitor, failed, card=ASKS), "verify", answer="approve")
    assert approved.status == 303
    assert sandbox.api.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_trial_says_what_is_free_and_what_comes_then(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    page = visitor.open(open_session(sandbox, price, subscription_data={"trial_period_days": 14}).url)
    assert "14 days free" in page.text
    assert "Then €24.00 per month" in page.text
    assert "Total due today €0.00" in page.text
    assert "Start trial" in page.text


def test_a_bank_debit_is_processing_until_it_settles(sandbox: Sandbox, visitor: Visitor, course: str) -> None:
    session = open_session(sandbox, course, mode="payment", payment_method_types=["card", "sepa_debit"])
    answer = pay(visitor, visitor.open(session.url), method="sepa_debit", card="", expiry="", cvc="")
    assert answer.status == 303
    assert sandbox.api.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    assert "processing" in visitor.open(f"/c/pay/{session.id}").text


def test_a_promotion_code_changes_the_total_and_can_be_taken_off(
    sandbox: Sandbox, visitor: Visitor, course: str
) -> None:
    coupon = sandbox.api.coupons.create(params={"percent_off": 100, "duration": "once"})
    sandbox.api.promotion_codes.create(params={"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "KILN"})
    page = visitor.open(open_session(sandbox, course, mode="payment", allow_promotion_codes=True).url)
    wrong = visitor.send(page, "promotion", promotion_code="NOPE")
    assert "This code is not valid." in wrong.text
    free = visitor.follow(visitor.send(page, "promotion", promotion_code="kiln"))
    assert "Total due €0.00" in free.text
    assert "Card number" not in free.text
    full = visitor.follow(visitor.send(free, "promotion", do="remove"))
    assert "Total due €180.00" in full.text


def test_link_parameters_are_kept_dropped_or_locked(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    url = open_link(sandbox, price).url
    page = visitor.follow(
        visitor.open(f"{url}?client_reference_id=7_a-b&locked_prefilled_email=eve@example.org&utm_source=letter")
    )
    assert page.form("/c/pay/").fields["email"] == "eve@example.org"
    answer = pay(visitor, page, email="other@example.org")
    query = parse_qs(urlsplit(answer.location).query)
    assert query["utm_source"] == ["letter"]
    done = sandbox.api.checkout.sessions.retrieve(query["session_id"][0])
    assert (done.client_reference_id, done.customer_details.email) == ("7_a-b", "eve@example.org")
    dropped = visitor.open(f"{url}?client_reference_id=not%20valid!").location.rsplit("/", 1)[-1]
    assert sandbox.api.checkout.sessions.retrieve(dropped).client_reference_id is None


def test_what_is_over_says_so(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    link, session = open_link(sandbox, price), open_session(sandbox, price)
    sandbox.api.payment_links.update(link.id, params={"active": False})
    sandbox.api.checkout.sessions.expire(session.id)
    assert "no longer active" in visitor.open(link.url).text
    assert "has expired" in visitor.open(f"/c/pay/{session.id}").text
    assert visitor.open("/c/pay/cs_test_unknown").status == 404


def test_the_form_checks_before_the_bank_is_asked(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    page = visitor.open(open_session(sandbox, price).url)
    answer = pay(visitor, page, email="ada", card="4242 4242 4242 4241", expiry="01 / 20", cvc="1")
    assert answer.status == 422
    for name in ("email", "card", "expiry", "cvc"):
        assert f'id="{name}-error"' in answer.html


def test_forms_may_leave_for_the_shop_and_for_nowhere_else(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    policy = visitor.open(open_session(sandbox, price).url).headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://127.0.0.1:9")
    assert "unsafe" not in policy


def test_a_form_from_elsewhere_is_refused(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    session = open_session(sandbox, price)
    assert Visitor(sandbox.url).open(f"/c/pay/{session.id}", data={"email": "x@example.org"}).status == 403
