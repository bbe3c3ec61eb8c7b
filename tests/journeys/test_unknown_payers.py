"""A payment that nobody is sure of: staff see the evidence, say whose it is, and may take that back."""

import pytest
from django.test import Client
from django.utils.html import escape

from activities.models import Activity
from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import Attention, Order, StripeCustomer, Subscription
from hub import grants
from hub.models import Grant, Ledger, User
from tests import cast
from tests.members import signed_in
from tests.records import Verb, mailed, told
from tests.shops import Json, Shop

ADA, BEN = "ada@example.org", "ben@example.org"


@pytest.fixture
def support(db: None) -> User:
    return cast.UserFactory(email="support@example.org", name="Sam Oduya", role=User.Role.SUPPORT)


@pytest.fixture
def guest(shop: Shop) -> Attention:
    """Somebody paid for the course, and Stripe has no address of theirs."""
    made = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    paid = shop.sandbox.pay_session(made.id, email="x@example.org")["session"]
    intent = shop.sandbox.api.payment_intents.retrieve(paid["payment_intent"])
    shop.sandbox.set_fields(paid["id"], customer_details={"email": None, "name": "A. Payer"})
    shop.sandbox.set_fields(str(intent.latest_charge), billing_details={"email": None}, receipt_email=None)
    shop.deliver()
    return Attention.objects.get(kind=Attention.Kind.UNMATCHED)


@pytest.fixture
def nameless(shop: Shop) -> Attention:
    """A customer without an address subscribes, and buys the course as well."""
    api = shop.sandbox.api
    customer = api.customers.create({"name": "Nobody"})
    shop.sandbox.post(f"/sandbox/customers/{customer.id}/card", {"card": "4242424242424242", "retry": False})
    api.subscriptions.create({"customer": customer.id, "items": [{"price": shop.monthly.price_id}]})
    invoice = api.invoices.create({"customer": customer.id})
    line: Json = {"customer": customer.id, "invoice": invoice.id, "pricing": {"price": shop.once.price_id}}
    api.invoice_items.create(line)  # type: ignore[arg-type]
    api.invoices.finalize_invoice(str(invoice.id))
    api.invoices.pay(str(invoice.id))
    shop.deliver()
    return Attention.objects.filter(kind=Attention.Kind.UNMATCHED).order_by("pk")[0]


def page_of(question: Attention) -> str:
    return f"/console/decide/{question.pk}/payer/"


def test_the_page_shows_the_evidence_and_suggests_nobody(shop: Shop, guest: Attention, ada: User, owner: User) -> None:
    staff = signed_in(owner)
    assert page_of(guest) in staff.get("/console/decide/").content.decode()
    waiting = staff.get("/console/decide/").content.decode()
    for label, known in (("Bought", "The Wheel"), ("For", "€180.00"), ("Name at Stripe", "A. Payer")):
        assert f'<dt>{label}</dt><dd class="break">{known}</dd>' in waiting
    page = staff.get(page_of(guest)).content.decode()
    order = Order.objects.get()
    for known in ("The Wheel", "€180.00", "A. Payer", "no address", order.payment_intent):
        assert known in page
    assert ADA not in page
    found = staff.get(page_of(guest), {"q": "ada@"}).content.decode()
    assert ADA in found and f'name="person" value="{ada.pk}"' in found


def test_of_two_purchases_of_one_payer_each_says_what_it_was(shop: Shop, nameless: Attention, owner: User) -> None:
    page = signed_in(owner).get("/console/decide/").content.decode()
    for known in ("The Wheel", "€180.00", shop.club.name):
        assert known in page
    assert page.count("<dt>Name at Stripe</dt>") == page.count('<dd class="break">Nobody</dd>') == 2


def test_a_click_gives_it_to_a_person_and_the_ledger_says_who_decided(
    shop: Shop, guest: Attention, ada: User, owner: User
) -> None:
    assert signed_in(owner).post(page_of(guest), {"person": ada.pk, "reason": "They wrote"}).status_code == 303
    assert shop.has(ADA, shop.course)
    line = Ledger.objects.get()
    assert (line.actor, line.cause, line.reason) == (owner, f"person:{owner.pk}", "bought")
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == told(Verb.ACCESS_GRANTED, email=ADA) == 1
    assert mailed("access", email=ADA) == 1
    deed = Activity.objects.get(verb=Verb.STAFF_ACTION, user=ada)
    assert (deed.actor, deed.details["reason"]) == (owner, "decided whose a payment is")
    assert deed.details["note"] == "They wrote"
    drain()
    guest.refresh_from_db()
    assert guest.resolved_at is not None
    assert Ledger.objects.count() == 1, "Stripe's next look finds it as it should be"


def test_support_may_decide_too(shop: Shop, guest: Attention, ada: User, support: User) -> None:
    staff = signed_in(support)
    assert "Say whose" in staff.get("/console/decide/").content.decode()
    assert staff.post(page_of(guest), {"person": ada.pk, "reason": "They wrote"}).status_code == 303
    assert shop.has(ADA, shop.course)
    assert Ledger.objects.get().actor == support


def test_members_and_strangers_neither_see_it_nor_decide(
    shop: Shop, guest: Attention, dan: User, client: Client
) -> None:
    for address in (page_of(guest), f"{page_of(guest)}back/"):
        assert client.post(address, {"person": dan.pk, "reason": "They wrote"}).status_code == 302
        assert signed_in(dan).post(address, {"person": dan.pk, "reason": "They wrote"}).status_code == 403
    assert client.get(page_of(guest)).status_code == 302
    assert signed_in(dan).get(page_of(guest)).status_code == 403
    assert not Grant.objects.exists()


def test_a_new_address_becomes_a_new_member(shop: Shop, guest: Attention, owner: User) -> None:
    staff = signed_in(owner)
    page = staff.get(page_of(guest), {"q": "New@Example.org"}).content.decode()
    assert 'name="address" value="new@example.org"' in page
    staff.post(page_of(guest), {"address": "new@example.org", "name": "A. Payer", "reason": "They wrote"})
    member = User.objects.get(email="new@example.org")
    assert (member.name, member.has_usable_password()) == ("A. Payer", False)
    assert shop.has(member.email, shop.course)


def test_support_makes_nobody_new(shop: Shop, guest: Attention, support: User) -> None:
    staff = signed_in(support)
    assert 'name="address"' not in staff.get(page_of(guest), {"q": "sams@other.example"}).content.decode()
    sent = {"address": "sams@other.example", "reason": "They wrote"}
    assert staff.post(page_of(guest), sent).status_code == 403
    assert not User.objects.filter(email="sams@other.example").exists() and not Grant.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"person": "999"}, {"address": "nonsense"}, {"person": "", "address": ""}])
def test_what_names_nobody_changes_nothing(shop: Shop, guest: Attention, owner: User, sent: dict[str, str]) -> None:
    assert signed_in(owner).post(page_of(guest), {"reason": "They wrote"} | sent).status_code == 422
    assert not Grant.objects.exists()


def test_without_a_reason_nothing_is_decided(shop: Shop, guest: Attention, ada: User, owner: User) -> None:
    answer = signed_in(owner).post(page_of(guest), {"person": ada.pk})
    assert answer.status_code == 422 and "Say how you know" in answer.content.decode()
    assert not Grant.objects.exists()


def test_of_two_tabs_the_first_decides(
    shop: Shop, guest: Attention, ada: User, ben: User, owner: User, support: User
) -> None:
    first, second = signed_in(owner), signed_in(support)
    first.get(page_of(guest), {"q": "ada"})
    second.get(page_of(guest), {"q": "ben"})
    first.post(page_of(guest), {"person": ada.pk, "reason": "They wrote"})
    answer = second.post(page_of(guest), {"person": ben.pk, "reason": "They wrote"}, follow=True).content.decode()
    assert "Somebody was faster" in answer and str(ada) in answer
    assert shop.has(ADA, shop.course) and not shop.has(BEN, shop.course)
    first.post(page_of(guest), {"address": "late@example.org", "reason": "They wrote"})
    assert not User.objects.filter(email="late@example.org").exists(), "nobody is made in vain"


def test_a_customer_is_one_person_with_all_that_it_bought(
    shop: Shop, nameless: Attention, ada: User, owner: User
) -> None:
    assert Attention.objects.filter(kind=Attention.Kind.UNMATCHED, resolved_at=None).count() == 2
    signed_in(owner).post(page_of(nameless), {"person": ada.pk, "reason": "They wrote"})
    assert shop.has(ADA, shop.club) and shop.has(ADA, shop.course)
    customer = StripeCustomer.objects.get()
    assert (customer.user, customer.bound_by) == (ada, StripeCustomer.Binding.PERSON)
    assert not Attention.objects.filter(resolved_at=None).exists()
    shop.advance("31d")
    assert shop.has(ADA, shop.club), "renewals are theirs from now on"


def test_what_support_was_told_opens_the_product_and_not_the_payers_cards(
    shop: Shop, nameless: Attention, ada: User, owner: User, support: User
) -> None:
    customer = StripeCustomer.objects.get()
    helper, member = signed_in(support), signed_in(ada)
    assert "cards and invoices stay closed" in helper.get(page_of(nameless)).content.decode()
    helper.post(page_of(nameless), {"person": ada.pk, "reason": "She called"})
    assert shop.has(ADA, shop.club)
    assert member.post("/portal/", {"customer": customer.stripe_id}).status_code != 303
    helper.post(f"{page_of(nameless)}back/")
    assert not shop.has(ADA, shop.club)
    signed_in(owner).post(page_of(nameless), {"person": ada.pk, "reason": "Her bank's letter"})
    assert "/p/session/" in member.post("/portal/", {"customer": customer.stripe_id})["Location"]


def test_a_wrong_choice_is_taken_back_and_given_to_the_right_person(
    shop: Shop, nameless: Attention, ada: User, ben: User, owner: User
) -> None:
    staff = signed_in(owner)
    staff.post(page_of(nameless), {"person": ada.pk, "reason": "They wrote"})
    assert "Take it back" in staff.get(page_of(nameless)).content.decode()
    assert staff.post(f"{page_of(nameless)}back/").status_code == 303
    assert not shop.has(ADA, shop.club) and not shop.has(ADA, shop.course)
    assert set(Grant.objects.values_list("close_reason", flat=True)) == {"not_theirs"}
    assert Ledger.objects.order_by("-pk")[0].actor == owner
    assert Attention.objects.filter(kind=Attention.Kind.UNMATCHED, resolved_at=None).count() == 2
    assert Subscription.objects.get().user is StripeCustomer.objects.get().user is None
    look_again(nameless.subject)
    drain()
    assert not shop.has(ADA, shop.club), "no machine gives it again"

    staff.post(page_of(nameless), {"person": ben.pk, "reason": "They wrote"})
    assert shop.has(BEN, shop.club) and shop.has(BEN, shop.course)
    assert told(Verb.PRODUCT_PURCHASED, email=BEN) == 2
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == 0


def test_the_same_person_after_all(shop: Shop, guest: Attention, ada: User, owner: User) -> None:
    staff = signed_in(owner)
    staff.post(page_of(guest), {"person": ada.pk, "reason": "They wrote"})
    staff.post(f"{page_of(guest)}back/")
    staff.post(page_of(guest), {"person": ada.pk, "reason": "They wrote"})
    assert shop.has(ADA, shop.course)
    assert list(Ledger.objects.order_by("pk").values_list("to_state", flat=True)) == ["active", "ended", "active"]


@pytest.mark.parametrize("since", ["revoked", "bought", "ended"])
def test_after_something_else_happened_it_is_not_taken_back(
    shop: Shop, nameless: Attention, ada: User, owner: User, since: str
) -> None:
    staff = signed_in(owner)
    staff.post(page_of(nameless), {"person": ada.pk, "reason": "They wrote"})
    subscription = Subscription.objects.get()
    if since == "revoked":
        grants.revoke(Grant.objects.filter(product=shop.club).get(), actor=owner, reason="abuse", now=shop.now())
    elif since == "bought":
        shop.sandbox.api.subscriptions.create(
            {"customer": subscription.customer_id, "items": [{"price": shop.yearly.price_id}]}
        )
    else:
        shop.sandbox.api.subscriptions.cancel(subscription.stripe_id)
    shop.deliver()
    before = list(Grant.objects.order_by("pk").values_list("state", flat=True))
    page = staff.post(f"{page_of(nameless)}back/", follow=True).content.decode()
    assert escape("Something has happened since, so nothing was changed.") in page
    assert "Take it back" not in page
    assert list(Grant.objects.order_by("pk").values_list("state", flat=True)) == before
    assert Subscription.objects.get(pk=subscription.pk).user == ada


def test_a_look_that_changes_no_access_does_not_stand_in_the_way(
    shop: Shop, nameless: Attention, ada: User, owner: User
) -> None:
    staff = signed_in(owner)
    staff.post(page_of(nameless), {"person": ada.pk, "reason": "They wrote"})
    shop.advance("31d")  # it renews
    assert staff.post(f"{page_of(nameless)}back/").status_code == 303
    assert not shop.has(ADA, shop.club)
