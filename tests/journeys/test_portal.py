"""The way to Stripe's portal: one's own customers alone, each time anew."""

import re
import urllib.request
from typing import Any

import pytest
from django.test import Client

from billing.intake import leases
from billing.models import Connection, StripeCustomer, Subject
from hub.models import User
from tests.members import signed_in
from tests.records import Verb, told
from tests.shops import Json, Shop

ADA = "ada@example.org"
CHECKING = "Checking with Stripe…"


@pytest.fixture
def club(shop: Shop, ada: User) -> Json:
    """Ada subscribes to the club. The session she paid in."""
    bought = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.forget_calls()
    return bought


def test_case_70_the_portal_opens_by_our_own_configuration_without_any_addresses(
    shop: Shop, ada: User, club: Json
) -> None:
    assert (shop.connection.privacy_url, shop.connection.terms_url) == ("", "")
    answer = _press(ada)
    assert answer.status_code == 303
    assert answer["Location"].startswith(shop.sandbox.url)
    configuration = shop.sandbox.api.billing_portal.configurations.retrieve(shop.connection.portal_configuration_id)
    assert configuration.is_default is False
    assert configuration.business_profile.privacy_policy_url is None


def test_case_70_a_configuration_that_was_never_made_is_made_when_first_needed(
    shop: Shop, ada: User, club: Json
) -> None:
    Connection.objects.update(portal_configuration_id="")
    assert _press(ada).status_code == 303
    again = Connection.objects.get()
    assert again.portal_configuration_id == shop.connection.portal_configuration_id, "found again, not made twice"


def test_case_71_nobody_opens_somebody_elses_portal(shop: Shop, dan: User, ben: User, club: Json) -> None:
    shop.buy(shop.once, email=ben.email)
    shop.deliver()
    shop.sandbox.forget_calls()
    assert _press(ben, customer=club["customer"]).status_code == 403
    assert shop.sandbox.calls() == []
    answer = _press(dan, customer=club["customer"])
    assert "Nothing is billed to you" in answer.content.decode()
    assert shop.sandbox.calls() == []


def test_case_71_nobody_cancels_somebody_elses_subscription(shop: Shop, ben: User, club: Json) -> None:
    mine = shop.buy(shop.monthly, email=ben.email)
    shop.deliver()
    shop.sandbox.forget_calls()
    answer = _press(ben, customer=mine["customer"], flow="cancel", subscription=club["subscription"])
    assert (answer.status_code, shop.sandbox.calls()) == (403, [])


def test_case_71_a_stranger_is_asked_to_sign_in(shop: Shop, club: Json) -> None:
    answer = Client().post("/portal/", {"customer": club["customer"]})
    assert answer.status_code == 302
    assert shop.sandbox.calls() == []


def test_the_portal_is_opened_by_a_button_and_not_by_a_link(shop: Shop, ada: User, club: Json) -> None:
    answer = signed_in(ada).get("/portal/")
    assert (answer.status_code, answer["Location"]) == (303, "/account/")
    assert shop.sandbox.calls() == []


def test_who_signs_in_on_the_way_to_the_portal_arrives_where_its_button_is(shop: Shop, ada: User, club: Json) -> None:
    client = Client()
    wanted = client.post("/portal/")["Location"]
    assert wanted == "/accounts/login/?next=/portal/"
    client.force_login(ada)
    assert "Studio Membership" in client.get("/portal/", follow=True).content.decode()


def test_a_page_elsewhere_cannot_press_the_button(shop: Shop, ada: User, club: Json) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    assert client.post("/portal/").status_code == 403
    assert shop.sandbox.calls() == []


def test_case_48_who_has_several_stripe_customers_chooses(shop: Shop, ada: User, club: Json) -> None:
    course = shop.buy(shop.once, email=ADA)
    shop.deliver()
    shop.sandbox.forget_calls()
    page = _press(ada).content.decode()
    offered = set(re.findall(r'name="customer" value="(cus_\w+)"', page))
    assert offered == {club["customer"], course["customer"]}
    assert shop.club.name in page and shop.course.name in page and "kept apart at Stripe" in page
    assert "several addresses" not in page, "both are hers under one"
    assert shop.sandbox.calls() == []
    StripeCustomer.objects.filter(stripe_id=course["customer"]).update(email="ada@work.example")
    assert "several addresses" in _press(ada).content.decode()
    assert _press(ada, customer=course["customer"]).status_code == 303


def test_the_button_of_one_subscription_asks_no_question(shop: Shop, ada: User, dan: User, club: Json) -> None:
    """By the subscription alone, as pages that know no customer have it; a stranger's is nobody's."""
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    answer = _press(ada, flow="update_card", subscription=club["subscription"])
    assert answer.status_code == 303
    assert "Nothing is billed to you" in _press(dan, subscription=club["subscription"]).content.decode()


def test_the_card_button_leads_straight_to_the_card(shop: Shop, ada: User, club: Json) -> None:
    answer = _press(ada, flow="update_card", customer=club["customer"])
    assert answer.status_code == 303
    assert _arrived(answer["Location"]).endswith("/card")


def test_the_cancel_button_leads_straight_to_cancelling_that_subscription(shop: Shop, ada: User, club: Json) -> None:
    answer = _press(ada, flow="cancel", customer=club["customer"], subscription=club["subscription"])
    assert _arrived(answer["Location"]).rpartition("/")[0].endswith(club["subscription"])
    shop.sandbox.in_portal(answer["Location"], "cancel", subscription=club["subscription"])
    shop.deliver()
    assert told(Verb.SUBSCRIPTION_CANCELLED, email=ADA) == 1
    assert shop.has(ADA, shop.club)


@pytest.mark.parametrize("pressed", [{"flow": "cancel"}, {"flow": "nonsense"}])
def test_a_button_of_no_known_flow_leads_to_the_portals_first_page(
    shop: Shop, ada: User, club: Json, pressed: dict[str, str]
) -> None:
    assert _arrived(_press(ada, **pressed)["Location"]).rpartition("/")[2].startswith("bps_")


@pytest.mark.parametrize("pressed", [{"flow": "cancel", "subscription": "sub_x"}, {"customer": "cus_x"}])
def test_a_forged_button_is_refused_without_asking_stripe(
    shop: Shop, ada: User, club: Json, pressed: dict[str, str]
) -> None:
    shop.sandbox.forget_calls()
    assert _press(ada, **pressed).status_code == 403
    assert shop.sandbox.calls() == []


def test_the_page_one_returns_to_tells_of_the_cancellation_without_any_webhook(
    shop: Shop, ada: User, club: Json
) -> None:
    _cancel_in_portal(shop, ada, club)
    page = _account(ada)
    assert "ends on" in page and "Keep it" in page
    assert CHECKING not in page
    assert told(Verb.SUBSCRIPTION_CANCELLED, email=ADA) == 1
    shop.deliver()
    assert told(Verb.SUBSCRIPTION_CANCELLED, email=ADA) == 1, "the webhook that came later tells nothing new"


def test_while_stripe_does_not_answer_the_page_says_that_it_is_still_checking(
    shop: Shop, ada: User, club: Json
) -> None:
    _cancel_in_portal(shop, ada, club)
    shop.sandbox.answer_with(500)
    page = _account(ada)
    assert CHECKING in page and "data-look-again" in page and "renews on" in page
    assert Subject.objects.get(key=club["customer"]).retry_at is not None
    shop.sandbox.behave()
    assert "ends on" in _account(ada)


def test_while_somebody_else_looks_the_page_says_that_it_is_still_checking(shop: Shop, ada: User, club: Json) -> None:
    leases.take(club["customer"])
    assert CHECKING in _account(ada)


def test_of_many_customers_the_newest_three_are_looked_at_while_one_waits(shop: Shop, ada: User, club: Json) -> None:
    for _ in range(3):
        shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    assert CHECKING not in _account(ada)
    assert list(Subject.objects.filter(requests__gt=0).values_list("key", flat=True)) == [club["customer"]]


def test_the_account_page_asks_stripe_nothing_otherwise(shop: Shop, ada: User, club: Json) -> None:
    _account(ada, "/account/")
    assert shop.sandbox.calls() == []


@pytest.mark.parametrize("answer", [401, 500, "cut"])
def test_a_portal_that_stripe_does_not_open_says_so_kindly(
    shop: Shop, ada: User, club: Json, answer: int | str
) -> None:
    shop.sandbox.answer_with(answer)
    assert _press(ada).status_code == 503


def test_a_customer_deleted_at_stripe_a_moment_ago_says_so_kindly(shop: Shop, ada: User, club: Json) -> None:
    shop.sandbox.api.customers.delete(club["customer"])
    assert _press(ada).status_code == 503
    shop.deliver()
    assert "Nothing is billed to you" in _press(ada).content.decode()
    assert StripeCustomer.objects.get().deleted_at is not None


def _cancel_in_portal(shop: Shop, user: User, club: Json) -> None:
    """Cancels there; the webhooks of it are held."""
    answer = _press(user, flow="cancel", customer=club["customer"], subscription=club["subscription"])
    shop.sandbox.in_portal(answer["Location"], "cancel", subscription=club["subscription"])


def _account(user: User, path: str = "/account/?from=portal") -> str:
    return signed_in(user).get(path).content.decode()


def _press(user: User, **button: str) -> Any:
    return signed_in(user).post("/portal/", button)


def _arrived(url: str) -> str:
    """Where a browser ends up that follows the address."""
    with urllib.request.urlopen(url, timeout=10) as page:
        return str(page.url)
