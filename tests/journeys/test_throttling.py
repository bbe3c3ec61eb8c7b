"""What a stranger may make us ask Stripe."""

from django.test import Client

from billing.views import RETURNS_PER_MINUTE
from tests.shops import Shop


def test_a_flood_of_returns_does_not_reach_stripe(shop: Shop, client: Client) -> None:
    answers = [client.get("/checkout/return?session_id=no").status_code for _ in range(2 * RETURNS_PER_MINUTE + 2)]
    assert answers[:RETURNS_PER_MINUTE] == [404] * RETURNS_PER_MINUTE
    assert 429 in answers  # twice a minute's worth: wherever the minute ends
    elsewhere = client.get("/checkout/return?session_id=no", REMOTE_ADDR="203.0.113.9")
    assert elsewhere.status_code == 404
