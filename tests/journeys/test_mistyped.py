"""An address mistyped at the checkout and put right at Stripe: nothing moves by itself, and staff can move it."""

import pytest
from django.test import Client
from django.utils import timezone

from activities.models import Activity
from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import Attention, StripeCustomer, Subscription
from hub import grants
from hub.models import Grant, Ledger, User
from hub.recovery import move_to_address
from tests import cast
from tests.members import signed_in
from tests.records import Verb, mailed, told
from tests.shops import Shop

TYPO, RIGHT, BEN = "ada@exmaple.org", "ada@example.org", "ben@example.org"
WHY = "She wrote from there with the invoice"


def correct(shop: Shop, *, to: str) -> None:
    customer = Subscription.objects.get().customer_id
    shop.sandbox.api.customers.update(customer, {"email": to})
    shop.deliver()


@pytest.fixture
def mistyped(shop: Shop) -> Attention:
    shop.buy(shop.monthly, email=TYPO)
    shop.deliver()
    correct(shop, to=RIGHT)
    return Attention.objects.get(kind=Attention.Kind.MISTYPED)


def page_of(question: Attention) -> str:
    return f"/console/decide/{question.pk}/payer/"


def test_it_is_asked_with_both_addresses_and_nothing_moves(shop: Shop, mistyped: Attention, owner: User) -> None:
    assert shop.has(TYPO, shop.club) and not User.objects.filter(email=RIGHT).exists()
    staff = signed_in(owner)
    questions = staff.get("/console/decide/").content.decode()
    for known in (TYPO, RIGHT, page_of(mistyped)):
        assert known in questions
    look_again(mistyped.subject)
    drain()
    assert Attention.objects.count() == 1
    page = staff.get(page_of(mistyped)).content.decode()
    assert TYPO in page and RIGHT in page and "never here" in page


def test_the_answer_moves_access_and_history_and_the_ledger_names_who_decided(
    shop: Shop, mistyped: Attention, owner: User
) -> None:
    before = Ledger.objects.count()
    staff = signed_in(owner)
    assert f'name="address" value="{RIGHT}"' in staff.get(page_of(mistyped), {"q": RIGHT}).content.decode()
    assert staff.post(page_of(mistyped), {"address": RIGHT, "reason": WHY}).status_code == 303
    assert shop.has(RIGHT, shop.club) and not shop.has(TYPO, shop.club)
    right, typo = User.objects.get(email=RIGHT), User.objects.get(email=TYPO)
    lines = list(Ledger.objects.order_by("pk")[before:])
    assert [(line.grant.user, line.to_state, line.actor) for line in lines] == [
        (typo, "ended", owner),
        (right, "active", owner),
    ]
    assert told(Verb.SUBSCRIPTION_STARTED, email=RIGHT) == 1 and told(Verb.SUBSCRIPTION_STARTED, email=TYPO) == 0
    assert mailed("access", email=RIGHT) == 1 and mailed("access_ended", email=TYPO) == 0
    deeds = Activity.objects.filter(verb=Verb.STAFF_ACTION, actor=owner)
    assert {(deed.user, deed.details["note"]) for deed in deeds} == {(right, WHY), (typo, WHY)}
    words = {deed.user: deed.details["reason"] for deed in deeds}
    assert words[typo] == f"moved what was bought to person {right.pk}", "an address would outlive its erasure"
    assert words[right] == f"moved what was bought here from person {typo.pk}"
    customer = StripeCustomer.objects.get()
    assert (customer.user, customer.bound_by) == (right, StripeCustomer.Binding.PERSON)
    assert not Attention.objects.filter(resolved_at=None).exists()

    written = (Ledger.objects.count(), Activity.objects.count(), Attention.objects.count())
    look_again(mistyped.subject)
    drain()
    staff.post(page_of(mistyped), {"address": RIGHT, "reason": WHY})
    assert (Ledger.objects.count(), Activity.objects.count(), Attention.objects.count()) == written
    shop.advance("31d")
    assert shop.has(RIGHT, shop.club) and not shop.has(TYPO, shop.club), "renewals are theirs from now on"


def test_who_has_signed_in_is_asked_about_by_nobody(shop: Shop) -> None:
    shop.buy(shop.monthly, email=TYPO)
    shop.deliver()
    User.objects.filter(email=TYPO).update(last_seen=timezone.now())
    correct(shop, to=RIGHT)
    assert StripeCustomer.objects.get().email == RIGHT
    assert not Attention.objects.exists()


def test_who_signs_in_before_the_answer_keeps_it(shop: Shop, mistyped: Attention, owner: User) -> None:
    User.objects.filter(email=TYPO).update(last_seen=timezone.now())
    staff = signed_in(owner)
    assert "It stays where it is" in staff.get(page_of(mistyped)).content.decode()
    assert page_of(mistyped) not in staff.get("/console/decide/").content.decode()
    staff.post(page_of(mistyped), {"address": RIGHT, "reason": WHY})
    assert shop.has(TYPO, shop.club) and not User.objects.filter(email=RIGHT).exists()


def test_an_account_that_an_owner_gave_the_right_address_raises_no_question(shop: Shop, owner: User) -> None:
    shop.buy(shop.monthly, email=TYPO)
    shop.deliver()
    person = User.objects.get(email=TYPO)
    move_to_address(person, address=RIGHT, actor=owner, reason=WHY, now=shop.now())
    look_again(Subscription.objects.get().customer_id)
    drain()
    assert not Attention.objects.exists()


def test_an_address_corrected_to_another_members_is_moved_to_them_by_the_same_page(
    shop: Shop, ben: User, owner: User
) -> None:
    shop.buy(shop.monthly, email=TYPO)
    shop.deliver()
    correct(shop, to=BEN)
    question = Attention.objects.get(kind=Attention.Kind.CONFLICT)
    assert not shop.has(BEN, shop.club)
    signed_in(owner).post(page_of(question), {"person": ben.pk, "reason": WHY})
    assert shop.has(BEN, shop.club) and not shop.has(TYPO, shop.club)


def test_a_wrong_choice_is_moved_on(shop: Shop, mistyped: Attention, ben: User, owner: User) -> None:
    staff = signed_in(owner)
    staff.post(page_of(mistyped), {"person": ben.pk, "reason": "a guess"})
    assert "Was it the wrong one?" in staff.get(page_of(mistyped)).content.decode()
    staff.post(page_of(mistyped), {"address": RIGHT, "reason": WHY})
    assert [shop.has(email, shop.club) for email in (TYPO, BEN, RIGHT)] == [False, False, True]
    assert Grant.objects.filter(state__in=Grant.OPEN).count() == 1


def test_what_was_taken_back_by_hand_does_not_come_back_by_a_move(shop: Shop, mistyped: Attention, owner: User) -> None:
    grants.revoke(Grant.objects.get(), actor=owner, reason="abuse", now=shop.now())
    signed_in(owner).post(page_of(mistyped), {"address": RIGHT, "reason": WHY})
    assert not shop.has(RIGHT, shop.club) and Grant.objects.get().state == Grant.State.REVOKED


def test_without_a_reason_or_a_right_nothing_moves(
    shop: Shop, mistyped: Attention, dan: User, owner: User, client: Client
) -> None:
    sent = {"person": dan.pk, "reason": WHY}
    assert signed_in(owner).post(page_of(mistyped), {"person": dan.pk}).status_code == 422
    assert client.post(page_of(mistyped), sent).status_code == 302
    assert signed_in(dan).post(page_of(mistyped), sent).status_code == 403
    helper = cast.UserFactory(email="support@example.org", role=User.Role.SUPPORT)
    assert signed_in(helper).post(page_of(mistyped), {"person": helper.pk, "reason": WHY}).status_code == 403
    assert shop.has(TYPO, shop.club) and StripeCustomer.objects.get().user == User.objects.get(email=TYPO)
