"""One row, two readers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from activities.models import Activity
from activities.sentences import LOOKS, PHRASES, Sentence, Voice, tell
from hub.models import Product, User

Verb = Activity.Verb
AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def ben() -> User:
    return User(pk=2, email="ben@example.org", name="Ben Kato")


@pytest.fixture
def olga() -> User:
    return User(pk=9, email="olga@example.org", name="Olga Owner", role=User.Role.OWNER)


@pytest.fixture
def studio() -> Product:
    return Product(pk=5, name="Studio Membership", slug="studio-membership")


def said(verb: str, *, voice: Voice = Voice.STAFF, details: dict[str, Any] | None = None, **about: Any) -> Sentence:
    return tell(Activity(pk=1, verb=verb, at=AT, recorded_at=AT, details=details or {}, **about), voice=voice)


def test_a_failed_payment_is_told_to_the_staff_with_its_amount_and_cause(ben: User, studio: Product) -> None:
    details = {"amount": 2400, "currency": "eur", "failure": "Your card was declined.", "attempt": 2}
    sentence = said(Verb.PAYMENT_FAILED, user=ben, product=studio, details=details)
    assert str(sentence) == (
        "Ben Kato’s payment failed for Studio Membership, €24.00, Your card was declined, attempt 2"
    )
    assert sentence.tone == "bad"


def test_a_failed_payment_is_told_to_the_member_as_theirs(ben: User, studio: Product) -> None:
    sentence = said(Verb.PAYMENT_FAILED, voice=Voice.MEMBER, user=ben, product=studio)
    assert sentence.text == "Your payment failed for Studio Membership"


@pytest.mark.parametrize("voice", list(Voice))
@pytest.mark.parametrize("verb", Verb.values)
def test_every_verb_has_words_in_both_voices_whatever_is_known(
    verb: str, voice: Voice, ben: User, olga: User, studio: Product
) -> None:
    full = {"page": "Scales", "notice": "access", "reason": "moved a page"}
    for about in ({}, {"user": ben}, {"product": studio}, {"user": ben, "product": studio, "actor": olga}):
        for details in ({}, full):
            text = said(verb, voice=voice, details=details, **about).text
            assert text
            assert not set("{}[]") & set(text)
            assert "  " not in text


def test_every_verb_has_a_look() -> None:
    assert set(LOOKS) == set(PHRASES) == set(Verb.values)


def test_people_and_products_are_linked_for_the_staff(ben: User, studio: Product) -> None:
    parts = said(Verb.PRODUCT_PURCHASED, user=ben, product=studio).parts
    assert [(part.text, part.url) for part in parts if part.url] == [
        ("Ben Kato", "/console/people/2/"),
        ("Studio Membership", "/products/studio-membership/"),
    ]


def test_a_member_is_never_sent_to_the_console(ben: User, olga: User, studio: Product) -> None:
    for verb in Verb.values:
        sentence = said(verb, voice=Voice.MEMBER, user=ben, actor=olga, product=studio)
        assert not any("/console/" in part.url for part in sentence.parts)
        assert "Olga" not in str(sentence)


def test_who_did_it_for_somebody_else_is_said_to_the_staff(ben: User, olga: User, studio: Product) -> None:
    about = {"user": ben, "actor": olga, "product": studio}
    assert str(said(Verb.ACCESS_GRANTED, **about)).endswith("by Olga Owner")
    assert str(said(Verb.ACCESS_GRANTED, voice=Voice.MEMBER, **about)).endswith("by the team")


def test_who_did_it_themselves_is_not_named_twice(ben: User, studio: Product) -> None:
    assert "by" not in str(said(Verb.PAGE_COMPLETED, user=ben, actor=ben, details={"page": "Scales"}))


def test_an_act_of_the_staff_is_told_with_its_name(olga: User, studio: Product) -> None:
    details = {"reason": "linked with Stripe product Studio"}
    sentence = said(Verb.STAFF_ACTION, actor=olga, product=studio, details=details)
    assert str(sentence) == "Olga Owner: Linked with Stripe product Studio, Studio Membership"


def test_a_reason_code_is_told_in_the_words_of_the_portal(ben: User, studio: Product) -> None:
    sentence = said(Verb.ACCESS_REMOVED, user=ben, product=studio, details={"reason": "refunded"})
    assert sentence.details == ("The payment was refunded",)


def test_an_unknown_dispute_status_is_still_readable(ben: User) -> None:
    assert said(Verb.DISPUTED, user=ben, details={"reason": "brand_new_status"}).details == ("Brand new status",)


def test_an_ending_names_its_day_in_the_readers_zone(ben: User, studio: Product) -> None:
    details = {"ends_at": "2027-05-03T23:30:00+00:00"}
    with timezone.override("Asia/Tokyo"):
        sentence = said(Verb.SUBSCRIPTION_CANCELLED, user=ben, product=studio, details=details)
    assert sentence.details == ("ends 4 May 2027",)


def test_an_erased_person_is_somebody(studio: Product) -> None:
    assert said(Verb.PRODUCT_PURCHASED, product=studio).text == "Somebody bought Studio Membership"


def test_a_name_in_s_takes_no_second_s(studio: Product) -> None:
    user = User(pk=3, name="Iris Adams", email="iris@example.org")
    assert said(Verb.PAYMENT_FAILED, user=user).text == "Iris Adams’ payment failed"
