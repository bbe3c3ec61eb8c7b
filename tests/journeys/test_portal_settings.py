"""The owner says what Stripe's customer portal shows and allows."""

from typing import Any

from django.test import Client

from billing.models import Connection, InboxEvent
from hub.models import User
from tests import cast
from tests.shops import Shop

PORTAL = "/console/stripe/portal/"
AT_STRIPE = {
    "privacy_policy_url": "https://example.org/at-stripe/privacy",
    "terms_of_service_url": "https://example.org/at-stripe/terms",
}
WISHED = {"privacy_url": "https://example.org/privacy", "terms_url": "https://example.org/terms"}


def at_stripe(shop: Shop) -> tuple[Any, ...]:
    found = shop.sandbox.api.billing_portal.configurations.retrieve(shop.connection.portal_configuration_id)
    profile = found.business_profile
    return profile.privacy_policy_url, profile.terms_of_service_url, found.features.subscription_cancel.enabled


def test_an_address_is_taken_as_people_write_it(shop: Shop, desk: Client) -> None:
    assert 'type="url"' not in desk.get(PORTAL).content.decode(), "a browser would refuse it"
    assert desk.post(PORTAL, {"terms_url": "example.org/terms"}).status_code == 303
    assert Connection.objects.get().terms_url == "https://example.org/terms"


def test_what_is_saved_is_what_the_portal_shows(shop: Shop, desk: Client) -> None:
    assert desk.post(PORTAL, WISHED)["Location"] == "/console/stripe/"
    assert at_stripe(shop) == (WISHED["privacy_url"], WISHED["terms_url"], False)
    assert WISHED["terms_url"] in desk.get(PORTAL).content.decode()

    desk.post(PORTAL, {"members_may_cancel": "on"})
    privacy, terms, may_cancel = at_stripe(shop)
    assert (privacy or "", terms or "", may_cancel) == ("", "", True)


def test_nothing_is_kept_that_stripe_has_not_taken(shop: Shop, desk: Client) -> None:
    shop.sandbox.answer_with(500, path="/v1/billing_portal")
    answer = desk.post(PORTAL, WISHED)
    shop.sandbox.behave()
    assert answer.status_code == 422 and "Stripe does not answer" in answer.content.decode()
    assert (Connection.objects.get().privacy_url, Connection.objects.get().members_may_cancel) == ("", True)


def test_what_was_changed_in_stripe_is_so_here_too(shop: Shop, desk: Client) -> None:
    ours = shop.connection.portal_configuration_id
    change(shop, ours, business_profile=AT_STRIPE, features={"subscription_cancel": {"enabled": False}})
    found = Connection.objects.get()
    assert (found.privacy_url, found.terms_url, found.members_may_cancel) == (*AT_STRIPE.values(), False)
    assert AT_STRIPE["terms_of_service_url"] in desk.get(PORTAL).content.decode()
    change(shop, ours, business_profile={"privacy_policy_url": "", "terms_of_service_url": ""})
    assert Connection.objects.get().privacy_url == ""


def test_another_configuration_of_the_account_changes_nothing_here(shop: Shop) -> None:
    features: Any = {"subscription_cancel": {"enabled": False}, "invoice_history": {"enabled": True}}
    other = shop.sandbox.api.billing_portal.configurations.create({"features": features}).id
    change(shop, other, business_profile=AT_STRIPE)
    assert (Connection.objects.get().privacy_url, Connection.objects.get().members_may_cancel) == ("", True)


def test_a_configuration_that_was_switched_off_is_switched_on_again(shop: Shop) -> None:
    """Without it nobody reaches the portal."""
    change(shop, shop.connection.portal_configuration_id, active=False)
    found = shop.sandbox.api.billing_portal.configurations.retrieve(shop.connection.portal_configuration_id)
    assert found.active


def change(shop: Shop, configuration: str, **changes: Any) -> None:
    """In Stripe, by somebody else; and its news comes."""
    shop.sandbox.api.billing_portal.configurations.update(configuration, changes)  # type: ignore[arg-type]
    assert "billing_portal.configuration.updated" in shop.deliver()
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()


def test_what_is_no_address_is_said_beside_it(shop: Shop, desk: Client) -> None:
    assert desk.post(PORTAL, {"privacy_url": "not an address"}).status_code == 422


def test_only_the_owner_sets_up_the_portal(shop: Shop, client: Client, dan: User) -> None:
    assert client.post(PORTAL, WISHED)["Location"].startswith("/accounts/login/")
    for person in (dan, *(cast.UserFactory(role=role) for role in (User.Role.SUPPORT, User.Role.ADMIN))):
        client.force_login(person)
        assert client.get(PORTAL).status_code == client.post(PORTAL, WISHED).status_code == 403
