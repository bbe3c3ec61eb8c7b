"""What a stranger may make us ask Stripe."""

import pytest
from django.test import Client

from billing.views import (
    PORTAL_LOOKS_PER_MINUTE,
    RETURNS_OF_ONE_PER_MINUTE,
    RETURNS_PER_MINUTE,
    STARTS_PER_MINUTE,
)
from hub.models import User
from tests.shops import Shop


def test_a_flood_of_returns_does_not_reach_stripe(shop: Shop, client: Client) -> None:
    answers = [client.get("/checkout/return?session_id=no").status_code for _ in range(2 * RETURNS_PER_MINUTE + 2)]
    assert answers[:RETURNS_PER_MINUTE] == [404] * RETURNS_PER_MINUTE
    assert 429 in answers  # twice a minute's worth: wherever the minute ends
    elsewhere = client.get("/checkout/return?session_id=no", REMOTE_ADDR="203.0.113.9")
    assert elsewhere.status_code == 404


def test_a_storm_of_reloads_after_the_portal_does_not_reach_stripe(shop: Shop, client: Client) -> None:
    shop.buy(shop.monthly, email="ada@example.org")
    shop.deliver()
    client.force_login(User.objects.get(email="ada@example.org"))
    shop.sandbox.forget_calls()
    storm = 2 * PORTAL_LOOKS_PER_MINUTE + 10
    assert {client.get("/account/?from=portal").status_code for _ in range(storm)} == {200}
    assert (
        PORTAL_LOOKS_PER_MINUTE <= len(shop.sandbox.calls()) <= 2 * PORTAL_LOOKS_PER_MINUTE
    )  # wherever the minute ends


@pytest.mark.parametrize("what", ["checkout", "portal", "account/keep", "account/resume"])
def test_one_person_starts_so_many_visits_to_stripe_a_minute(shop: Shop, ada: User, client: Client, what: str) -> None:
    client.force_login(ada)
    path = f"/checkout/{shop.course.slug}/" if what == "checkout" else f"/{what}/"
    answers = [client.post(path, {"offer": shop.once.pk}).status_code for _ in range(2 * STARTS_PER_MINUTE + 1)]
    assert 429 not in answers[:STARTS_PER_MINUTE]
    assert 429 in answers
    assert len(shop.sandbox.calls()) <= 2 * STARTS_PER_MINUTE


def test_one_purchase_is_asked_about_so_often_from_wherever(shop: Shop) -> None:
    paid = shop.buy(shop.once, email="ada@example.org")
    shop.deliver()
    ask = 2 * RETURNS_OF_ONE_PER_MINUTE + 1
    answers = [
        Client(REMOTE_ADDR=f"203.0.113.{number}").get("/checkout/return", {"session_id": paid["id"]}).status_code
        for number in range(ask)
    ]
    assert answers[0] == 200 and 429 in answers
