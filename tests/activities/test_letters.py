"""What a mail says, to whom, and under which name."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.core.mail import EmailMultiAlternatives

from activities import letters, notices
from activities.models import Delivery
from activities.notices import Notice, queue_one
from hub.models import Product, Site, User

Rendered = Callable[[Notice], EmailMultiAlternatives]


@pytest.fixture
def rendered(now: datetime) -> Rendered:
    def render(notice: Notice) -> EmailMultiAlternatives:
        queued = queue_one(notice, now=now)
        assert queued
        return letters.render(Delivery.objects.select_related("user", "product").get(pk=queued.pk))

    return render


def html_of(message: EmailMultiAlternatives) -> str:
    content = message.alternatives[0].content
    assert isinstance(content, str)
    return content


def test_the_access_mail_opens_the_product_by_a_code_sent_to_this_address(
    rendered: Rendered, ada: User, studio: Product
) -> None:
    message = rendered(notices.access(key="a", user_id=ada.pk, product_id=studio.pk))
    link = "http://127.0.0.1:8000/accounts/login/?next=%2Fproducts%2Fstudio-membership%2F&email=ada%40example.org"
    assert message.subject == "Studio Membership is open for you"
    assert message.to == ["ada@example.org"]
    assert link in message.body
    assert link.replace("&", "&amp;") in html_of(message)


def test_the_payment_mail_says_what_failed_and_until_when_access_stays(
    rendered: Rendered, ben: User, studio: Product, now: datetime
) -> None:
    message = rendered(
        notices.payment_failed(
            key="f",
            user_id=ben.pk,
            product_id=studio.pk,
            keep_until=now + timedelta(days=14),
            amount=2400,
            currency="eur",
            failure="Your card was declined.",
        )
    )
    for text in (message.body, html_of(message)):
        assert "€24.00" in text
        assert "Your card was declined." in text
        assert "5 December 2026" in text
        assert "next=%2Faccount%2F" in text


def test_a_payment_mail_without_an_end_promises_no_date(rendered: Rendered, ben: User, studio: Product) -> None:
    message = rendered(notices.payment_failed(key="f", user_id=ben.pk, product_id=studio.pk, keep_until=None))
    assert "at the latest" not in message.body
    assert "To keep your access, pay it from your account" in message.body


def test_dates_are_those_of_the_reader(rendered: Rendered, ben: User, studio: Product, now: datetime) -> None:
    User.objects.filter(pk=ben.pk).update(timezone="Pacific/Auckland")
    message = rendered(notices.payment_failed(key="f", user_id=ben.pk, product_id=studio.pk, keep_until=now))
    assert "22 November 2026" in message.body
    assert "Dates are those of Pacific/Auckland." in message.body


def test_an_unknown_time_zone_does_not_stop_a_mail(
    rendered: Rendered, ben: User, studio: Product, now: datetime
) -> None:
    User.objects.filter(pk=ben.pk).update(timezone="Mars/Olympus")
    message = rendered(notices.payment_failed(key="f", user_id=ben.pk, product_id=studio.pk, keep_until=now))
    assert "21 November 2026" in message.body


def test_the_end_is_told_with_its_reason_and_the_way_back(rendered: Rendered, ada: User, studio: Product) -> None:
    message = rendered(
        notices.access_ended(
            key="e", user_id=ada.pk, product_id=studio.pk, reason="Your subscription ran out on 3 May."
        )
    )
    assert "Your subscription ran out on 3 May." in message.body
    assert "next=%2Fproducts%2Fstudio-membership%2F" in message.body


def test_a_mail_goes_to_the_address_of_the_moment(rendered: Rendered, ada: User, studio: Product) -> None:
    User.objects.filter(pk=ada.pk).update(email="ada@new.example")
    assert rendered(notices.access(key="a", user_id=ada.pk, product_id=studio.pk)).to == ["ada@new.example"]


def test_the_owner_is_the_sender_and_the_owners_colour_is_on_it(rendered: Rendered, ada: User, studio: Product) -> None:
    Site(name="Ateliér, Nord", accent="#ffcc00", support_email="help@atelier.example").save()
    message = rendered(notices.access(key="a", user_id=ada.pk, product_id=studio.pk))
    headers = message.message()
    assert message.from_email.endswith("<foyer@localhost>")
    assert headers["Reply-To"] == "help@atelier.example"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert "#ffcc00" in html_of(message)
    assert "color: #000000" in html_of(message)


def test_names_are_plain_in_the_text_escaped_in_the_html_and_no_header_can_be_slipped_in(
    rendered: Rendered, ada: User
) -> None:
    product = Product.objects.create(name="R&D <b>\nBcc: eve@example.org", slug="rd")
    message = rendered(notices.access(key="a", user_id=ada.pk, product_id=product.pk))
    assert message.message()["Bcc"] is None
    assert message.subject == "R&D <b> Bcc: eve@example.org is open for you"
    assert "R&D <b>" in message.body
    assert "R&amp;D &lt;b&gt;" in html_of(message)


def test_the_message_id_belongs_to_the_key(rendered: Rendered, ada: User, studio: Product) -> None:
    message = rendered(notices.access(key="a", user_id=ada.pk, product_id=studio.pk))
    assert message.message()["Message-ID"] == letters.message_id("a")
    assert letters.message_id("a") != letters.message_id("b")
    assert letters.message_id("a").endswith("@127.0.0.1>")


def test_an_unknown_notice_is_refused_when_it_is_queued(ada: User, now: datetime) -> None:
    with pytest.raises(ValueError, match="No such notice"):
        queue_one(Notice(kind="acess", key="a", user_id=ada.pk), now=now)


def test_the_same_key_is_queued_once(ada: User, studio: Product, now: datetime) -> None:
    notice = notices.access(key="a", user_id=ada.pk, product_id=studio.pk)
    assert queue_one(notice, now=now) is not None
    assert queue_one(notice, now=now) is None


def test_a_clock_that_was_moved_forward_delays_no_mail(ada: User, studio: Product, now: datetime) -> None:
    queued = queue_one(notices.access(key="a", user_id=ada.pk, product_id=studio.pk), now=now + timedelta(days=300))
    assert queued
    assert queued.next_try < queued.created_at


@pytest.mark.parametrize("accent", ["#000000", "#ffffff", "#1f7a4d", "#ffcc00", "#767676", "#777777"])
def test_button_text_is_readable_on_every_accent(accent: str) -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted([luminance(accent), luminance(letters.text_on(accent))])
    assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Zo\u00eb Marsh", "Hello Zo\u00eb,"),
        ("\u00c9lo\u00efse-Anne", "Hello \u00c9lo\u00efse-Anne,"),
        ("https://evil.example/refund now", "Hello,"),
        ("evil.example", "Hello,"),
        ("call:555", "Hello,"),
        ("WWWevil", "Hello,"),
        ("x" * 60, "Hello,"),
    ],
)
def test_a_name_that_could_pass_for_a_link_greets_nobody(
    rendered: Rendered, ada: User, studio: Product, name: str, greeting: str
) -> None:
    User.objects.filter(pk=ada.pk).update(name=name)
    message = rendered(notices.access(key="a", user_id=ada.pk, product_id=studio.pk))
    assert message.body.startswith(f"{greeting}\n")
    assert f">{greeting}<" in html_of(message)
