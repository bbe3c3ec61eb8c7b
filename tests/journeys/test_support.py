"""Support answers from the person's page: what was paid, how it stands at Stripe, and the access e-mail once more."""

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.formats import date_format

from activities.models import Activity, Delivery
from activities.sentences import Voice, tell
from billing.models import Attention, Order, StripeCustomer, Subscription
from hub import grants
from hub.models import Grant, User
from tests import cast
from tests.members import Member, signed_in
from tests.shops import Shop


@pytest.fixture
def sam(db: None) -> Client:
    """Support's browser."""
    return signed_in(cast.UserFactory(email="sam@example.org", name="Sam Ode", role=User.Role.SUPPORT))


def page_of(browser: Client, member: Member) -> str:
    return " ".join(browser.get(f"/console/people/{member.user.pk}/").content.decode().split())


def payments_of(browser: Client, member: Member) -> str:
    """The card of payments alone."""
    return page_of(browser, member).partition('aria-labelledby="payments"')[2].partition("</section>")[0]


def test_the_page_tells_what_was_paid_and_what_became_of_it(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    session = shop.buy(shop.once)
    shop.deliver()
    intent = session["payment_intent"]
    shop.sandbox.api.refunds.create({"payment_intent": intent, "amount": 5000})
    subscription = ada.subscribe(shop.monthly.price_id)
    shop.deliver()
    page = page_of(sam, ada)
    assert "€180.00" in page
    assert "€50.00 refunded." in page
    assert "Newest invoice: €24.00, paid." in page
    for ref in (subscription["id"], subscription["customer"], intent):
        assert f"<code>{ref}</code>" in page
    assert f'href="{shop.sandbox.url}/sandbox/subscriptions/{subscription["id"]}"' in page


def test_a_customer_whom_nothing_but_a_checkout_told_of_stands_there_with_the_address_typed_at_it(
    shop: Shop, sam: Client
) -> None:
    bought = shop.buy(shop.once)
    shop.deliver()
    assert StripeCustomer.objects.get(stripe_id=bought["customer"]).email == ""
    payers = page_of(sam, Member(shop)).partition('aria-labelledby="payers"')[2].partition("</section>")[0]
    assert '<span class="break">ada@example.org</span>' in payers and bought["customer"] in payers
    assert "not known" not in payers


def test_a_subscription_that_is_cancelled_for_later_is_said_to_be_ending(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    subscription = ada.subscribe(shop.monthly.price_id)
    shop.deliver()
    assert "Active</span>" in payments_of(sam, ada)
    ada.change(subscription, cancel_at_period_end=True)
    said = payments_of(sam, ada)
    assert "Ending</span>" in said and "Active" not in said and "Open" not in said


def test_a_card_that_only_the_subscription_names_is_a_card(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    bought = shop.buy(shop.monthly)
    shop.deliver()
    customer = shop.sandbox.api.customers.retrieve(bought["customer"])
    assert not (customer.invoice_settings and customer.invoice_settings.default_payment_method)
    page = page_of(sam, ada)
    assert "Card on the subscription" in page and "No default card" not in page
    ada.subscribe(shop.monthly.price_id, card="", trial_period_days=7)
    shop.deliver()
    assert "No default card" in page_of(sam, ada)


def test_an_id_at_stripe_finds_the_person(shop: Shop, sam: Client) -> None:
    ada, ben = Member(shop), Member(shop, "ben@example.org")
    subscription = ada.subscribe(shop.monthly.price_id)
    ben.subscribe(shop.monthly.price_id)
    shop.buy(shop.once)
    shop.deliver()
    payment = Order.objects.get().payment_intent
    for word in (subscription["id"], subscription["customer"], subscription["latest_invoice"], payment):
        page = sam.get("/console/people/", {"q": word}).content.decode()
        assert "ada@example.org" in page
        assert "ben@example.org" not in page
    assert "Nobody matches" in sam.get("/console/people/", {"q": "cus_nobody"}).content.decode()


def unmatched(shop: Shop) -> str:
    """An order of somebody whose address no account can have; returns that address."""
    shop.buy(shop.once, email="v\u0131ctim@example.com")
    shop.deliver()
    assert Order.objects.get().user is None
    return Order.objects.get().email


def why(word: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("why", word)
    return str(refused.value)


def test_a_paid_order_that_nobody_owns_is_told_of_its_address_and_its_ids(shop: Shop, sam: Client) -> None:
    address, order = unmatched(shop), Order.objects.get()
    day = date_format(order.created, "j F Y")
    words = f"order {order.key} paid €180.00 on {day} for The Wheel, not given to anybody: see To decide."
    told = f"Stripe knows this address: {words}"
    assert why(address) == f"Nobody here has the address {address}. {told}"
    page = sam.get("/console/people/", {"q": f" {address} "}).content.decode()
    assert told in page and "but Stripe knows it</h2>" in page and "Try fewer letters" not in page
    for ref in (order.key, order.session_id, order.customer_id, order.charge_id):
        if ref:
            assert f"Stripe knows this id: {words}" in sam.get("/console/people/", {"q": ref}).content.decode()


def test_a_payer_whom_nobody_owns_is_told_of_by_name(shop: Shop, sam: Client) -> None:
    unmatched(shop)
    StripeCustomer.objects.update(name="Nomail Person")
    Order.objects.update(name="Nomail Person")
    question = Attention.objects.get(kind=Attention.Kind.UNMATCHED)
    for words in ("Nomail Person", "person nomail"):
        page = sam.get("/console/people/", {"q": words}).content.decode()
        assert "Stripe knows this name: order " in page
        assert f'<a href="/console/decide/{question.pk}/payer/">Whose is it?</a>' in page
        assert "wait under" not in page
    page = sam.get("/console/people/", {"q": "Nomail Somebody"}).content.decode()
    assert "Stripe knows" not in page
    assert 'Payments that nobody is sure of wait under <a href="/console/decide/">To decide</a>.' in page


def test_by_name_nothing_is_told_of_what_somebody_owns(shop: Shop, sam: Client) -> None:
    shop.buy(shop.once, email="ann@example.org")
    shop.deliver()
    StripeCustomer.objects.update(name="Quite Another")
    Order.objects.update(name="Quite Another")
    assert Order.objects.get().user is not None
    assert "Stripe knows" not in sam.get("/console/people/", {"q": "Quite Another"}).content.decode()


def test_who_has_exactly_the_address_is_found_alone(sam: Client) -> None:
    ann, joann = (cast.UserFactory(email=f"{name}@example.org") for name in ("ann", "joann"))
    for word in ("ann@example.org", " Ann@Example.ORG "):
        assert list(sam.get("/console/people/", {"q": word}).context["found"].people) == [ann]
    found = sam.get("/console/people/", {"q": "ann@"}).context["found"]
    assert set(found.people) == {ann, joann}


def test_an_address_that_others_only_contain_is_told_of_beside_them(shop: Shop, sam: Client) -> None:
    cast.UserFactory(email="joann@example.org")
    answer = sam.get("/console/people/", {"q": "ann@example.org"})
    page = " ".join(answer.content.decode().split())
    assert [person.email for person in answer.context["found"].people] == ["joann@example.org"]
    assert 'Nobody here has the address <span class="break">ann@example.org</span>.' in page
    assert "Stripe knows" not in page
    shop.buy(shop.once, email="ann@example.org")
    shop.deliver()
    User.objects.filter(email="ann@example.org").update(email="ann@example.com")
    page = sam.get("/console/people/", {"q": "ann@example.org"}).content.decode()
    assert "joann@example.org" in page
    assert "Stripe knows this address: order " in page and "given to ann@example.com." in page
    assert f'<a href="/console/people/{User.objects.get(email="ann@example.com").pk}/">See them</a>' in page
    for piece in ("example.org", "joann@example.org"):
        assert "Nobody here has" not in sam.get("/console/people/", {"q": piece}).content.decode()


def test_an_address_that_looks_like_the_payers_is_not_told_of_their_payment(shop: Shop, sam: Client) -> None:
    unmatched(shop)
    assert "Stripe knows" not in why("victim@example.com")
    assert "Stripe knows" not in sam.get("/console/people/", {"q": "victim@example.com"}).content.decode()


@pytest.mark.parametrize("status", ["needs_response", "lost"])
def test_a_dispute_of_an_order_that_nobody_owns_is_told_with_it(shop: Shop, sam: Client, status: str) -> None:
    address, order = unmatched(shop), Order.objects.get()
    dispute = shop.sandbox.post(f"/sandbox/charges/{order.charge_id}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(dispute["id"], status=status)
    shop.deliver()
    said = {"needs_response": "open"}.get(status, status)
    told = f"not given to anybody: see To decide. Disputed at the bank: {said}."
    assert told in why(address)
    for word in (address, order.key):
        assert told in sam.get("/console/people/", {"q": word}).content.decode()


def test_what_became_of_a_strangers_subscription_is_told_with_it(shop: Shop, sam: Client) -> None:
    begun = shop.buy(shop.monthly, email="v\u0131ctim@example.com")
    shop.deliver()
    row = Subscription.objects.get(stripe_id=begun["subscription"])
    charge = shop.sandbox.api.charges.list({"customer": row.customer_id}).data[0].id
    shop.sandbox.api.refunds.create({"charge": charge})
    shop.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
    shop.deliver()
    told = sam.get("/console/people/", {"q": row.stripe_id}).content.decode()
    assert "An invoice was refunded. Disputed at the bank: open." in told


def test_a_first_payment_that_did_not_go_through_is_told(shop: Shop, sam: Client) -> None:
    begun = Member(shop).subscribe(shop.monthly.price_id, card="pm_card_chargeCustomerFail")
    shop.deliver()
    told = f"Stripe knows this address: subscription {begun['id']} of "
    for state in ("has not gone through", "did not go through"):
        for said in (why("Ada@Example.org"), sam.get("/console/people/", {"q": "ada@example.org"}).content.decode()):
            assert told in said
            assert f"for Studio Membership, €24.00 a month, whose first payment {state}." in said
        shop.advance("24h")


def test_a_customer_who_goes_by_another_address_here_is_told(shop: Shop, sam: Client) -> None:
    bought = shop.buy(shop.monthly)
    shop.deliver()
    shop.sandbox.api.customers.update(bought["customer"], {"email": "new@example.org"})
    shop.sandbox.api.customers.create({"email": "looker@example.org"})
    shop.deliver()
    assert "which is active, given to ada@example.org." in why("new@example.org")
    assert "Stripe knows" not in why("nobody@elsewhere.test")
    assert "given to" not in sam.get("/console/people/", {"q": "ada@example.org"}).content.decode()


def test_looking_again_mends_what_no_event_told(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    subscription = ada.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.sandbox.take_pending()
    assert ada.has(shop.club)
    path = f"/console/people/{ada.user.pk}/look/"
    answer = sam.post(path)
    assert answer.status_code == 303
    assert not ada.has(shop.club)
    assert "Stripe was asked: this is how it stands now." in page_of(sam, ada)
    line = Activity.objects.get(verb="staff_action", user=ada.user)
    assert str(tell(line, voice=Voice.STAFF)) == (
        f"{line.actor}: Looked at Stripe again, {ada.user}, Stripe was asked: this is how it stands now."
    )
    assert line.actor and line.actor.email == "sam@example.org"


def press_until_refused(browser: Client, path: str, *, shop: Shop) -> None:
    """A button that works a few times a minute; a minute may end in between. The last press asks Stripe nothing."""
    for _ in range(9):
        shop.sandbox.forget_calls()
        mails = Delivery.objects.count()
        if "Wait a minute" in browser.post(path, follow=True).content.decode():
            assert Delivery.objects.count() == mails
            assert shop.sandbox.calls() == []
            return
    pytest.fail("it was never refused")


def test_stripe_is_not_asked_over_and_over(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    ada.subscribe(shop.monthly.price_id)
    shop.deliver()
    press_until_refused(sam, f"/console/people/{ada.user.pk}/look/", shop=shop)


def test_the_access_mail_goes_out_again_but_not_over_and_over(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    shop.buy(shop.once)
    shop.deliver()
    path = f"/console/people/{ada.user.pk}/access-again/{shop.course.pk}/"
    assert path in page_of(sam, ada)
    sam.post(path)
    assert "is on its way to ada@example.org" in page_of(sam, ada)
    assert ada.mails() == ["access", "access"]
    told = Activity.objects.filter(verb="staff_action", user=ada.user).get()
    assert told.details["reason"] == "Sent the access e-mail again"
    press_until_refused(sam, path, shop=shop)


def test_nobody_is_told_of_access_they_have_not(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    shop.buy(shop.once)
    shop.deliver()
    sam.post(f"/console/people/{ada.user.pk}/access-again/{shop.club.pk}/")
    User.objects.filter(pk=ada.user.pk).update(is_active=False)
    sam.post(f"/console/people/{ada.user.pk}/access-again/{shop.course.pk}/")
    assert Delivery.objects.count() == 1


def test_what_was_paid_is_taken_back_after_a_question(shop: Shop, sam: Client) -> None:
    ada = Member(shop)
    shop.buy(shop.once)
    shop.deliver()
    subscription = ada.subscribe(shop.monthly.price_id)
    shop.deliver()
    for product, paid, warning, ref in (
        (shop.course, "€180.00", "No money goes back: refund it at Stripe", Order.objects.get().key),
        (shop.club, "€24.00", "the subscription goes on and is charged", subscription["id"]),
    ):
        path = f"/console/grants/{Grant.objects.get(product=product).pk}/revoke/"
        assert f'href="{path}"' in page_of(sam, ada)
        assert f'action="{path}"' not in page_of(sam, ada)
        question = sam.get(path)
        page = question.content.decode()
        assert question.status_code == 200
        assert all(words in page for words in (paid, warning, ref))
        assert sam.post(path, {"reason": " "}).status_code == 422
        assert ada.has(product)
        assert sam.post(path, {"reason": "shared it"}).status_code == 303
        assert not ada.has(product)
        assert "closed already" in sam.get(path, follow=True).content.decode()
    assert shop.sandbox.api.subscriptions.retrieve(subscription["id"]).status == "active"


def test_a_gift_is_taken_back_where_it_stands(shop: Shop, sam: Client, owner: User) -> None:
    dan = Member(shop, "dan@example.org")
    user = User.objects.create_user(dan.email)
    given = grants.give(user, shop.course, actor=owner, reason="raffle", ends_at=None, now=shop.now())
    path = f"/console/grants/{given.pk}/revoke/"
    assert f'action="{path}"' in page_of(sam, dan)
    assert "No money" not in sam.get(path).content.decode()
    sam.post(path, {"reason": "a mistake"})
    assert not dan.has(shop.course)


def test_members_and_strangers_are_not_asked_to_take_anything_back(shop: Shop) -> None:
    ada = Member(shop)
    shop.buy(shop.once)
    shop.deliver()
    path = f"/console/grants/{Grant.objects.get().pk}/revoke/"
    assert ada.browser().get(path).status_code == 403
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("act", ["look/", "access-again/{}/"])
def test_members_and_strangers_ask_for_nobody(shop: Shop, act: str) -> None:
    ada = Member(shop)
    shop.buy(shop.once)
    shop.deliver()
    path = f"/console/people/{ada.user.pk}/{act.format(shop.course.pk)}"
    assert ada.browser().post(path).status_code == 403
    assert Client().post(path).status_code == 302
    assert ada.mails() == ["access"]


def test_support_sees_no_door_that_is_closed_to_it(shop: Shop, sam: Client) -> None:
    for path in ("/console/", "/console/products/"):
        page = sam.get(path).content.decode()
        assert "/console/stripe/" not in page
        assert "settings of The Wheel" not in page


def test_whom_stripe_does_not_know_is_said(shop: Shop, sam: Client) -> None:
    dan = Member(shop, "dan@example.org")
    User.objects.create_user(dan.email)
    assert not StripeCustomer.objects.exists()
    sam.post(f"/console/people/{dan.user.pk}/look/")
    assert "Stripe knows nothing of this person" in page_of(sam, dan)
