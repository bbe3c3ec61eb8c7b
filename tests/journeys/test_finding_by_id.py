"""Whatever id or number support holds of what somebody paid, the searches find whose it is and say what it is."""

from html import unescape
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.formats import date_format
from django.utils.timezone import localtime

from billing.desk.tracing import read_ref
from billing.intake.draining import drain
from billing.models import Attention, InboxEvent, Order, Reference, Subscription
from billing.sweeping.reconcile import catch_up
from hub.models import User
from tests import cast
from tests.counting import counted
from tests.importing import begin, press_import
from tests.journeys.test_subscription_money import newest_charge, refund
from tests.journeys.test_support_admin import found
from tests.members import Member, signed_in
from tests.shops import Shop

ADA, BEN = "ada@example.org", "ben@example.org"


@pytest.fixture
def sam(db: None) -> Client:
    return signed_in(cast.UserFactory(email="sam@example.org", name="Sam Ode", role=User.Role.SUPPORT))


def people(browser: Client, pasted: str) -> list[str]:
    """The addresses of whom the console's list shows."""
    return [person.email for person in browser.get("/console/people/", {"q": pasted}).context["found"].people]


def words(browser: Client, path: str, **asked: str) -> str:
    return unescape(" ".join(browser.get(path, asked).content.decode().split()))


def ids_of_newest_payment(shop: Shop) -> dict[str, str]:
    """By what a renewal is called: at Stripe, on the invoice, in the events about it."""
    charge = shop.sandbox.api.charges.retrieve(newest_charge(shop))
    rows = shop.sandbox.api.invoice_payments.list(
        {
            "payment": {"type": "payment_intent", "payment_intent": str(charge.payment_intent)},
            "expand": ["data.invoice"],
        }
    )
    invoice = rows.data[0].to_dict()["invoice"]
    told = shop.sandbox.api.events.list({"types": ["payment_intent.succeeded", "invoice.paid"], "limit": 2}).data
    return {
        "charge": str(charge.id),
        "payment": str(charge.payment_intent),
        "invoice": invoice["id"],
        "number": invoice["number"],
        **{event.type: event.id for event in told},
    }


@pytest.fixture
def renewed(shop: Shop) -> Shop:
    """Ada and Ben subscribe; Ada's is the newest payment, a renewal."""
    Member(shop, BEN).subscribe(shop.yearly.price_id)
    Member(shop).subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.advance("32d")
    return shop


def test_every_id_of_a_renewal_finds_its_person_and_nobody_else(renewed: Shop, sam: Client) -> None:
    ids = ids_of_newest_payment(renewed)
    assert set(ids) == {"charge", "payment", "invoice", "number", "payment_intent.succeeded", "invoice.paid"}
    assert {name: people(sam, word) for name, word in ids.items()} == {name: [ADA] for name in ids}
    assert people(sam, ids["number"].lower()) == people(sam, f"Invoice {ids['number']}") == [ADA]
    assert people(sam, f"ben {ids['number']}") == []
    for model in ("hub/user", "hub/grant", "billing/subscription", "billing/subject", "billing/stripecustomer"):
        assert {name: found(sam, model, word) for name, word in ids.items()} == dict.fromkeys(ids, 1), model
    told = ("invoice", "number", "invoice.paid")
    assert all(found(sam, "billing/inboxevent", ids[name]) for name in told), "the events in which it stands"


def test_refunds_disputes_and_credit_notes_find_whose_payment_it_was(renewed: Shop, sam: Client) -> None:
    charge = newest_charge(renewed)
    invoice = ids_of_newest_payment(renewed)["invoice"]
    given_back = refund(renewed, amount=500)
    note = renewed.sandbox.api.credit_notes.create({"invoice": invoice, "amount": 100, "credit_amount": 100})
    dispute = renewed.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
    renewed.deliver()
    for word in (given_back, note.id, note.number, dispute["id"]):
        assert people(sam, word) == [ADA], word


def test_what_succeeds_asks_for_no_look_and_leaves_no_event(renewed: Shop) -> None:
    event = ids_of_newest_payment(renewed)["payment_intent.succeeded"]
    assert Reference.objects.filter(ref=event).exists() and not InboxEvent.objects.filter(event_id=event).exists()
    api, customer = renewed.sandbox.api, Subscription.objects.get(user__email=ADA).customer_id
    paid = {"customer": customer, "payment_method": "pm_card_visa", "confirm": True}
    api.payment_intents.create({"amount": 900, "currency": "eur", **paid})  # type: ignore[typeddict-item]
    told = [held for held in renewed.sandbox.take_pending() if '"payment_intent.succeeded"' in held["body"]]
    assert len(told) == 1
    with CaptureQueriesContext(database) as asked:
        assert renewed.post_webhook(told[0]) == 200
    assert len([one for one in asked.captured_queries if one["sql"].startswith("INSERT")]) == 1
    with counted(renewed.sandbox, at_most=0):
        drain()


def test_what_no_webhook_told_is_found_after_the_catch_up(shop: Shop, sam: Client) -> None:
    Member(shop).subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.advance("32d")
    shop.sandbox.take_pending()  # lost
    charge = newest_charge(shop)
    assert people(sam, charge) == []
    catch_up()
    assert people(sam, charge) == [ADA]


@pytest.mark.parametrize(
    ("pasted", "ref"),
    [
        (" pi_3Abc\u00a0", "pi_3Abc"),
        ('"pi_3Abc"', "pi_3Abc"),
        ("(ch_3Abc).", "ch_3Abc"),
        ("https://dashboard.stripe.com/test/payments/pi_3Abc", "pi_3Abc"),
        ("https://dashboard.stripe.com/acct_1Abc/test/customers/cus_1/subscriptions/sub_2?tab=x", "sub_2"),
        ("https://checkout.stripe.com/c/pay/cs_test_a1B2#fidkdWxOYHwnPyd1blppbHNgWjA0", "cs_test_a1B2"),
        ("https://school.example/?payment_intent_client_secret=pi_3Abc_secret_xyz", "pi_3Abc"),
        ("eyii50vt-0002", "EYII50VT-0002"),
        ("Invoice number: EYII50VT-0002", "EYII50VT-0002"),
        ("Receipt #2345-6789", "2345-6789"),
        ("payment # pi_3Abc", "pi_3Abc"),
        ("Ada EYII50VT-0002", ""),
        ("Invoice", ""),
        ("Ada Lind", ""),
        ("ada2@example.org", ""),
        ("https://example.org/", ""),
        ("", ""),
    ],
)
def test_an_id_is_read_from_whatever_was_pasted(pasted: str, ref: str) -> None:
    assert read_ref(pasted) == ref


def test_the_list_and_the_persons_page_say_what_it_was(renewed: Shop, sam: Client) -> None:
    ids = ids_of_newest_payment(renewed)
    ada, ben = Member(renewed).user, User.objects.get(email=BEN)
    made = renewed.sandbox.api.charges.retrieve(ids["charge"]).created
    day = date_format(localtime(Reference.objects.get(ref=ids["charge"]).at), "j F Y")
    assert int(Reference.objects.get(ref=ids["charge"]).at.timestamp()) - made < 5  # type: ignore[union-attr]
    pasted = f" https://dashboard.stripe.com/test/payments/{ids['payment']} "
    page = words(sam, "/console/people/", q=pasted)
    assert f"by <code>{ids['payment']}</code>: payment of {day}" in page
    assert f'href="/console/people/{ada.pk}/?by={ids["payment"]}"' in page
    page = words(sam, f"/console/people/{ada.pk}/", by=ids["payment"])
    assert f'>{ids["payment"]}</code><span class="visually-hidden"> at Stripe</span></a>: payment of {day}.' in page
    assert f"</code>: invoice of {day}." in words(sam, f"/console/people/{ada.pk}/", by=ids["number"])
    assert "Found by" not in words(sam, f"/console/people/{ben.pk}/", by=ids["payment"])
    assert "Found by" not in words(sam, f"/console/people/{ada.pk}/", by="<b>pi_</b>")


def test_what_nobody_owns_yet_leads_to_the_question(shop: Shop, sam: Client) -> None:
    shop.buy(shop.once, email="v\u0131ctim@example.com")
    shop.deliver()
    order, question = Order.objects.get(), Attention.objects.get(kind=Attention.Kind.UNMATCHED)
    given_back = refund(shop, amount=500)
    for word in (order.payment_intent, order.charge_id, given_back):
        page = words(sam, "/console/people/", q=word)
        assert f'<a href="/console/decide/{question.pk}/payer/">Whose is it?</a>' in page, word
        assert sam.get(f"/console/decide/{question.pk}/payer/").status_code == 200


def test_a_payment_of_somebody_who_buys_elsewhere_is_told_with_its_customer(shop: Shop, sam: Client) -> None:
    api = shop.sandbox.api
    customer = api.customers.create({"email": "carl@example.org", "payment_method": "pm_card_visa"})
    paid = api.payment_intents.create(
        {"amount": 900, "currency": "eur", "customer": customer.id, "payment_method": "pm_card_visa", "confirm": True}
    )
    shop.deliver()
    page = words(sam, "/console/people/", q=str(paid.id))
    assert f"Stripe knows this id: payment of {date_format(localtime(shop.now()), 'j F Y')}, by {customer.id}" in page


def test_an_imported_subscriber_is_found_by_the_newest_payment(shop: Shop, sam: Client, owner: User) -> None:
    Member(shop).subscribe(shop.monthly.price_id)
    shop.sandbox.take_pending()  # of before the link
    ids = ids_of_newest_payment(shop)
    desk = signed_in(owner)
    press_import(desk, begin(desk))
    assert {name: people(sam, ids[name]) for name in ("payment", "invoice", "number")} == {
        name: [ADA] for name in ("payment", "invoice", "number")
    }


def ask(browser: Client, ref: str) -> str:
    answer = browser.post("/console/decide/whose/", {"ref": ref}, follow=True)
    assert answer.redirect_chain == [(f"/console/people/?q={ref}", 303)]
    return unescape(" ".join(answer.content.decode().split()))


def test_what_stripe_never_told_is_asked_for_by_a_button(renewed: Shop, sam: Client) -> None:
    """A charge from before the link, an event, a dispute that names no customer."""
    ids = ids_of_newest_payment(renewed)
    charge, ada = ids["charge"], Member(renewed)
    dispute = renewed.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})["id"]
    customer = Subscription.objects.get(user__email=ADA).customer_id
    for ref in (charge, dispute, ids["payment_intent.succeeded"]):
        Reference.objects.all().delete()
        page = words(sam, "/console/people/", q=ref)
        assert "Ask Stripe whose it is" in page and f'name="ref" value="{ref}"' in page
        page = ask(sam, ref)
        assert (
            f"Stripe was asked: {ref} is of {customer}." in page and f"/console/people/{ada.user.pk}/?by={ref}" in page
        )
        assert people(sam, ref) == [ADA]


def test_who_is_not_known_here_yet_is_looked_at_when_asked_about(shop: Shop, sam: Client) -> None:
    Member(shop).subscribe(shop.monthly.price_id)
    shop.sandbox.take_pending()  # lost
    charge = newest_charge(shop)
    assert people(sam, charge) == []
    ask(sam, charge)
    assert people(sam, charge) == [ADA] and shop.has(ADA, shop.club)


def test_what_stripe_does_not_know_is_said_and_only_ids_are_asked_about(shop: Shop, sam: Client) -> None:
    assert "Stripe does not know ch_nobody in this account and mode." in ask(sam, "ch_nobody")
    assert sam.post("/console/decide/whose/", {"ref": "EYII50VT-0002"}).status_code == 404
    assert "Ask Stripe" not in words(sam, "/console/people/", q="EYII50VT-0002")
    shop.sandbox.answer_with(500)
    assert "Stripe does not answer right now." in ask(sam, "ch_nobody")


def test_members_and_strangers_ask_about_no_id(shop: Shop, ada: User) -> None:
    for browser in (Client(), signed_in(ada)):
        with counted(shop.sandbox, at_most=0):
            assert browser.post("/console/decide/whose/", {"ref": "ch_nobody"}).status_code in {302, 403, 404}


def test_what_was_known_before_is_found_after_the_upgrade(renewed: Shop, sam: Client) -> None:
    ids = ids_of_newest_payment(renewed)
    customer = Subscription.objects.get(user__email=ADA).customer_id
    Reference.objects.all().delete()
    assert people(sam, ids["number"]) == []
    import_module("billing.migrations.0033_references").write_references_of_what_is_known(apps, None)
    assert [people(sam, ids[name]) for name in ("number", "invoice.paid")] == [[ADA], [ADA]]
    assert set(Reference.objects.filter(ref=ids["number"]).values_list("subject", flat=True)) == {customer}
    assert not Reference.objects.filter(subject__contains=":").exists()


def test_the_inbox_and_the_subjects_are_searched_by_name_and_address(renewed: Shop, sam: Client) -> None:
    User.objects.filter(email=ADA).update(name="Ada Lind")
    customer = Subscription.objects.get(user__email=ADA).customer_id
    events = InboxEvent.objects.filter(subject=customer).count()
    for word in (ADA, "Ada Lind", "lind", customer):
        assert found(sam, "billing/inboxevent", word) == events > 0, word
        assert found(sam, "billing/subject", word) == 1, word
    assert found(sam, "billing/subject", "nobody@example.org") == found(sam, "billing/inboxevent", "Nobody") == 0


def test_a_search_by_an_id_costs_the_same_however_many_there_are(renewed: Shop, sam: Client) -> None:
    word = ids_of_newest_payment(renewed)["charge"]
    sam.get("/console/people/")
    counts = []
    for number in range(2):
        Reference.objects.bulk_create(
            Reference(ref=f"ch_{number}_{n}", subject=f"cus_{number}_{n}", at=renewed.now()) for n in range(50)
        )
        for path in ("/console/people/", "/admin/billing/subject/", "/admin/billing/inboxevent/"):
            with CaptureQueriesContext(database) as asked:
                assert sam.get(path, {"q": word}).status_code == 200
            counts.append(len(asked))
    assert counts[:3] == counts[3:]
    assert max(counts) <= 30, counts
