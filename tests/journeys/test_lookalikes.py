"""Addresses that a database takes for one another, and references in the wrong hands."""

import pytest
from django.core import mail
from django.test import Client

from billing.models import Attention, InboxEvent, Order, StripeCustomer, Subscription
from billing.refreshing.identity import reference_for
from billing.shop import portal
from billing.shop.checkout import billing_customer
from hub.addresses import usable_address
from hub.models import User
from tests import cast
from tests.members import signed_in
from tests.shops import Shop

LOOKALIKES = [
    ("victim@gma\u0131l.example.com", "victim@gmail.example.com"),
    ("victim@po\u017ft.example.com", "victim@post.example.com"),
    ("v\u0131ctim@example.com", "victim@example.com"),
]


@pytest.mark.parametrize(("lookalike", "address"), LOOKALIKES)
def test_who_has_an_address_that_looks_like_the_payers_is_given_no_cards(
    shop: Shop, lookalike: str, address: str
) -> None:
    thief = cast.UserFactory(email=lookalike)
    cast.UserFactory(email=address)
    bought = shop.buy(shop.monthly, email=address, client_reference_id=reference_for(thief))
    shop.deliver()
    assert StripeCustomer.objects.get().bound_by == StripeCustomer.Binding.REFERENCE
    assert billing_customer(thief) == ""
    with pytest.raises(portal.NotTheirs):
        portal.open_portal(thief, customer=bought["customer"])
    assert signed_in(thief).post("/portal/").status_code == 200
    assert address not in signed_in(thief).get("/account/").content.decode()


def test_who_is_given_a_purchase_manages_it_when_stripe_writes_their_address_in_capitals(shop: Shop, ada: User) -> None:
    bought = shop.buy(shop.monthly, email="work@example.org", client_reference_id=reference_for(ada))
    shop.deliver()
    shop.sandbox.api.customers.update(bought["customer"], {"email": "ADA@Example.org"})
    shop.deliver()
    assert [found.stripe_id for found in portal.customers_of(ada)] == [bought["customer"]]


@pytest.mark.parametrize("lookalike", [lookalike for lookalike, _ in LOOKALIKES])
@pytest.mark.django_db
def test_nobody_joins_with_an_address_that_can_be_mistaken(settings: object, lookalike: str) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]
    answer = Client().post("/accounts/signup/", {"email": lookalike})
    assert answer.status_code == 200
    assert "can be mistaken" in answer.content.decode()
    assert not mail.outbox and not User.objects.exists()


@pytest.mark.parametrize("lookalike", [lookalike for lookalike, _ in LOOKALIKES])
def test_an_owner_adds_nobody_with_such_an_address(owner: User, lookalike: str) -> None:
    form = {"email": lookalike, "name": "X", "role": "support", "timezone": "UTC", "is_active": "on"}
    assert "can be mistaken" in signed_in(owner).post("/admin/hub/user/add/", form).content.decode()
    assert list(User.objects.all()) == [owner]


def test_who_pays_with_such_an_address_is_put_before_a_person(shop: Shop) -> None:
    shop.buy(shop.once, email=LOOKALIKES[0][0])
    shop.deliver()
    assert not User.objects.exists()
    assert Order.objects.get().user is None


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Ada@Example.org ", "ada@example.org"),
        ("ada@M\u00dcnchen.example", "ada@m\u00fcnchen.example"),
        ("ada@\ud800.example", ""),
        ("ada@example", ""),
        ("a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".com", ""),
        (None, ""),
    ],
)
def test_an_address_has_one_form(typed: str | None, stored: str) -> None:
    assert usable_address(typed) == stored


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.SUPPORT])
def test_no_page_of_the_admin_shows_a_reference(shop: Shop, ada: User, role: User.Role) -> None:
    for offer in (shop.once, shop.monthly):
        shop.buy(offer, email="work@example.org", client_reference_id=reference_for(ada))
    shop.deliver()
    row = Subscription.objects.get()
    row.data["metadata"] = {"foyer_reference": reference_for(ada), "kept": "mark"}
    row.save()
    staff = signed_in(cast.UserFactory(role=role))
    paths = [f"/admin/billing/order/{Order.objects.get().pk}/change/", f"/admin/billing/subscription/{row.pk}/change/"]
    paths += [f"/admin/billing/inboxevent/{event.pk}/change/" for event in InboxEvent.objects.all()]
    pages = "".join(staff.get(path).content.decode() for path in paths)
    assert reference_for(ada) not in pages
    assert "mark" in pages
    assert ("pending_webhooks" in pages) is (role == User.Role.OWNER)


# Who pays on a link that carries somebody else's reference


@pytest.mark.parametrize("offer", ["once", "monthly"])
def test_who_pays_for_another_account_is_told_so_and_the_owner_too(shop: Shop, dan: User, offer: str) -> None:
    paid = shop.buy(getattr(shop, offer), email="victim@example.org", client_reference_id=reference_for(dan))
    shop.deliver()
    question = Attention.objects.get()
    assert (question.kind, question.user) == (Attention.Kind.FOR_ANOTHER, dan)
    assert question.details == {"paid_by": "victim@example.org", "opened_for": dan.email}
    page = Client().get("/checkout/return", {"session_id": paid["id"]}).content.decode()
    assert "Paid, for another account" in page
    assert dan.email not in page and "An e-mail is on its way" not in page
    decide = signed_in(cast.owner()).get("/console/decide/").content.decode()
    assert "victim@example.org" in decide and dan.email in decide


@pytest.mark.parametrize("offer", ["once", "monthly"])
def test_who_pays_for_their_own_account_reads_nothing_of_another(shop: Shop, dan: User, offer: str) -> None:
    paid = shop.buy(getattr(shop, offer), email="DAN@example.org", client_reference_id=reference_for(dan))
    shop.deliver()
    assert not Attention.objects.exists()
    for client in (Client(), signed_in(dan)):
        page = client.get("/checkout/return", {"session_id": paid["id"]}).content.decode()
        assert "another account" not in page
