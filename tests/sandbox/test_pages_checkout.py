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
    return visitor.send(page, urlsplit(page.url).path, **{**card, **typed})


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
    sent = pay(visitor, visitor.open(open_session(sandbox, price).url), card=DECLINED)
    assert sent.status == 303
    answer = visitor.follow(sent)
    assert "Your card was declined." in answer.text
    assert 'aria-describedby="card-error"' in answer.html
    assert answer.own_form.fields["email"] == "ada@example.org"
    assert answer.own_form.fields["card"] == ""
    assert pay(visitor, answer).status == 303


def test_loading_a_declined_page_again_attempts_nothing(sandbox: Sandbox, visitor: Visitor, course: str) -> None:
    session = open_session(sandbox, course, mode="payment")
    declined = visitor.follow(pay(visitor, visitor.open(session.url), card=DECLINED))
    attempts = len(sandbox.api.charges.list().data)
    assert "Your card was declined." in visitor.open(declined.url).text
    assert len(sandbox.api.charges.list().data) == attempts == 1
    assert DECLINED.replace(" ", "") not in declined.html.replace(" ", "").partition("<details")[0]


def test_a_known_customer_pays_with_a_saved_card(sandbox: Sandbox, visitor: Visitor, ada: str, price: str) -> None:
    method = sandbox.api.customers.retrieve(ada).invoice_settings.default_payment_method
    session = open_session(sandbox, price, customer=ada)
    page = visitor.open(session.url)
    assert "Visa •••• 4242" in page.text
    assert page.own_form.fields["method"] == f"saved:{method}"
    assert visitor.send(page, urlsplit(page.url).path).status == 303
    bought = sandbox.api.checkout.sessions.retrieve(session.id).subscription
    assert sandbox.api.subscriptions.retrieve(bought).default_payment_method == method


def test_nobody_pays_with_a_card_that_somebody_else_has_saved(
    sandbox: Sandbox, visitor: Visitor, ada: str, price: str
) -> None:
    method = sandbox.api.customers.retrieve(ada).invoice_settings.default_payment_method
    page = visitor.open(open_session(sandbox, price).url)
    assert "4242" not in page.text.partition("Test cards")[0]
    answer = pay(visitor, page, method=f"saved:{method}", card="")
    assert "Enter the card number." in visitor.follow(answer).text
    assert not sandbox.api.subscriptions.list().data


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
    question = visitor.follow(pay(visitor, visitor.open(session.url), card=ASKS))
    assert "Confirm it is you" in question.text
    failed = visitor.follow(visitor.send(question, "verify", answer="fail"))
    assert "could not confirm" in failed.text
    again = visitor.follow(pay(visitor, failed, card=ASKS))
    assert "could not confirm" not in visitor.open(session.url).text
    approved = visitor.send(again, "verify", answer="approve")
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


@pytest.mark.parametrize(
    ("iban", "status"), [("DE89 3704 0044 0532 0130 00", "succeeded"), ("de62370400440532013001", "failed")]
)
def test_an_iban_says_what_becomes_of_the_debit(
    sandbox: Sandbox, visitor: Visitor, course: str, iban: str, status: str
) -> None:
    session = open_session(sandbox, course, mode="payment", payment_method_types=["sepa_debit"])
    page = visitor.open(session.url)
    assert "Card number" not in page.text
    wrong = visitor.follow(pay(visitor, page, method="sepa_debit", iban="DE00 1234"))
    assert "The IBAN you entered is invalid." in wrong.text
    assert pay(visitor, wrong, method="sepa_debit", iban=iban).status == 303
    sandbox.advance("1m")
    assert [row.status for row in sandbox.api.charges.list().data] == [status]


def test_a_buyer_says_how_much(sandbox: Sandbox, visitor: Visitor) -> None:
    gift = sandbox.api.products.create(params={"name": "Gift"})
    free = {"enabled": True, "minimum": 500, "maximum": 10_000}
    own = sandbox.api.prices.create(params={"product": gift.id, "currency": "eur", "custom_unit_amount": free})
    session = open_session(sandbox, own.id, mode="payment")
    page = visitor.open(session.url)
    for amount, refusal in (("4.99", "at least €5.00"), ("2 euros", "such as 12.50"), ("200", "no more than €100")):
        refused = visitor.follow(visitor.send(page, "amount", amount=amount))
        assert refusal in refused.text
        assert refused.form("amount").fields["amount"] == amount
    chosen = visitor.follow(visitor.send(page, "amount", amount="12,50"))
    assert "Pay €12.50" in chosen.text
    assert pay(visitor, chosen).status == 303
    assert sandbox.api.checkout.sessions.retrieve(session.id).amount_total == 1250


def test_a_promotion_code_changes_the_total_and_can_be_taken_off(
    sandbox: Sandbox, visitor: Visitor, course: str
) -> None:
    coupon = sandbox.api.coupons.create(params={"percent_off": 100, "duration": "once"})
    sandbox.api.promotion_codes.create(params={"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "KILN"})
    page = visitor.open(open_session(sandbox, course, mode="payment", allow_promotion_codes=True).url)
    wrong = visitor.follow(visitor.send(page, "promotion", promotion_code="NOPE"))
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
    assert page.own_form.fields["email"] == "eve@example.org"
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
    answer = visitor.follow(pay(visitor, page, email="ada", card="4242 4242 4242 4241", expiry="01 / 20", cvc="1"))
    assert not sandbox.api.payment_intents.list().data
    for name in ("email", "card", "expiry", "cvc"):
        assert f'id="{name}-error"' in answer.html


def test_forms_may_leave_for_the_shop_and_for_nowhere_else(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    policy = visitor.open(open_session(sandbox, price).url).headers["Content-Security-Policy"]
    assert policy.endswith("form-action 'self' http://127.0.0.1:9")
    assert "unsafe" not in policy


def test_a_form_from_elsewhere_is_refused(sandbox: Sandbox, visitor: Visitor, price: str) -> None:
    session = open_session(sandbox, price)
    assert Visitor(sandbox.url).open(f"/c/pay/{session.id}", data={"email": "x@example.org"}).status == 403
