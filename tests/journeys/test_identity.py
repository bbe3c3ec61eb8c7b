"""Whose purchase it is: known customers, signed references, addresses; and what an address can never do."""

import pytest

from billing.account import account_of
from billing.models import Attention, StripeCustomer
from billing.refreshing.identity import reference_for
from billing.shop import portal
from billing.shop.checkout import billing_customer
from hub.models import Grant, User
from tests.records import Verb, told
from tests.shops import Shop

ADA = "ada@example.org"


def test_case_48_three_stripe_customers_with_one_address_are_one_person(shop: Shop) -> None:
    for offer in (shop.once, shop.monthly, shop.once):
        shop.buy(offer, email=ADA)
    shop.deliver()
    person = User.objects.get()
    assert StripeCustomer.objects.filter(user=person).count() == 3
    assert told(Verb.MEMBER_ADDED, email=ADA) == 1
    assert shop.has(ADA, shop.course) and shop.has(ADA, shop.club)


@pytest.mark.parametrize("typed", ["Ada@Example.org", " ada@example.org ", "ADA@EXAMPLE.ORG"])
def test_case_49_an_address_is_the_same_however_it_is_written(shop: Shop, ada: User, typed: str) -> None:
    shop.buy(shop.once, email=typed)
    shop.deliver()
    assert list(User.objects.all()) == [ada]
    assert shop.has(ADA, shop.course)


def test_case_49_two_writings_of_a_new_address_make_one_person(shop: Shop) -> None:
    shop.buy(shop.once, email="Foo@Example.com")
    shop.buy(shop.monthly, email="foo@example.com")
    shop.deliver()
    assert [user.email for user in User.objects.all()] == ["foo@example.com"]


def test_case_50_an_address_changed_at_stripe_to_another_members_moves_nothing(shop: Shop, ben: User) -> None:
    bought = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.api.customers.update(bought["customer"], {"email": ben.email})
    assert shop.deliver() == ["customer.updated"]
    assert shop.has(ADA, shop.club)
    assert not shop.has(ben.email, shop.club)
    conflict = Attention.objects.get()
    assert (conflict.kind, conflict.details["belongs_to"]) == (Attention.Kind.CONFLICT, ben.pk)

    shop.advance("32d")
    assert shop.has(ADA, shop.club) and not shop.has(ben.email, shop.club)


def test_an_address_changed_at_stripe_to_a_new_one_moves_nothing_either(shop: Shop) -> None:
    bought = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.api.customers.update(bought["customer"], {"email": "new@example.org"})
    shop.deliver()
    assert shop.has(ADA, shop.club)
    assert User.objects.count() == 1
    assert Attention.objects.get().kind == Attention.Kind.MISTYPED


@pytest.mark.parametrize("offer", ["once", "monthly"])
def test_case_51_a_reference_that_was_tampered_with_is_ignored(shop: Shop, dan: User, ben: User, offer: str) -> None:
    signature = reference_for(ben).partition("-")[2]
    shop.buy(getattr(shop, offer), email=ADA, client_reference_id=f"u{dan.pk}-{signature}")
    shop.deliver()
    assert not Grant.objects.filter(user__in=[dan, ben]).exists()
    assert Grant.objects.get().user.email == ADA


def test_a_reference_of_somebody_who_left_gives_to_the_address(shop: Shop, dan: User) -> None:
    reference = reference_for(dan)
    User.objects.filter(pk=dan.pk).update(is_active=False)
    shop.buy(shop.once, email=ADA, client_reference_id=reference)
    shop.deliver()
    assert Grant.objects.get().user.email == ADA


@pytest.mark.parametrize("reference", ["42", "u1", "u-", "-", "u1-", "u" + "9" * 150 + "-0", "someones_own_id"])
def test_references_of_other_programs_harm_nobody(shop: Shop, dan: User, reference: str) -> None:
    shop.buy(shop.once, email=ADA, client_reference_id=reference)
    shop.deliver()
    assert Grant.objects.get().user.email == ADA


@pytest.mark.parametrize("offer", ["once", "monthly"])
def test_case_52_a_signed_reference_binds_to_the_member_whatever_address_they_typed(
    shop: Shop, ada: User, offer: str
) -> None:
    shop.buy(getattr(shop, offer), email="work@example.org", client_reference_id=reference_for(ada))
    shop.deliver()
    assert Grant.objects.get().user == ada
    assert list(User.objects.all()) == [ada]
    assert StripeCustomer.objects.get().bound_by == StripeCustomer.Binding.REFERENCE


@pytest.mark.parametrize("offer", ["once", "monthly"])
def test_who_is_given_a_purchase_is_not_given_the_payers_cards(shop: Shop, ada: User, offer: str) -> None:
    bought = shop.buy(getattr(shop, offer), email="payer@example.org", client_reference_id=reference_for(ada))
    shop.deliver()
    assert Grant.objects.get().user == ada
    assert portal.customers_of(ada) == []
    assert billing_customer(ada) == ""
    with pytest.raises(portal.NotTheirs):
        portal.open_portal(ada, customer=bought["customer"])
    account = account_of(ada, customers=portal.customers_of(ada), connection=shop.connection, now=shop.now())
    assert not any(row.customer_id or row.can_cancel for row in account.subscriptions)


@pytest.mark.parametrize("offer", ["once", "monthly"])
def test_who_pays_with_their_own_address_manages_it(shop: Shop, ada: User, offer: str) -> None:
    bought = shop.buy(getattr(shop, offer), email=ADA, client_reference_id=reference_for(ada))
    shop.deliver()
    assert StripeCustomer.objects.get().bound_by == StripeCustomer.Binding.EMAIL
    assert portal.open_portal(ada, customer=bought["customer"], flow="cancel")


def test_case_52_what_the_same_customer_buys_later_goes_to_the_same_member(shop: Shop, ada: User) -> None:
    bought = shop.buy(shop.once, email="work@example.org", client_reference_id=reference_for(ada))
    shop.deliver()
    api = shop.sandbox.api
    api.payment_methods.attach("pm_card_visa", {"customer": bought["customer"]})
    api.subscriptions.create(
        {
            "customer": bought["customer"],
            "items": [{"price": shop.monthly.price_id}],
            "default_payment_method": api.payment_methods.list({"customer": bought["customer"]}).data[0].id,
        }
    )
    shop.deliver()
    assert shop.has(ADA, shop.club)
    assert list(User.objects.all()) == [ada]


def test_who_claims_an_address_without_proof_gains_nothing_by_its_purchases(shop: Shop, eve: User) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    assert not shop.has(eve.email, shop.course)
    assert shop.has(ADA, shop.course)


def test_a_person_made_by_a_purchase_can_sign_in_by_code_alone(shop: Shop) -> None:
    shop.buy(shop.once, email="new@example.org")
    shop.deliver()
    person = User.objects.get()
    assert not person.has_usable_password()
    assert person.last_login is None
