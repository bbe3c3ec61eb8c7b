"""What the owner says of the whole site holds at once, on every page and in every e-mail."""

import re
from datetime import timedelta
from email.utils import parseaddr
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from activities import clock, deliveries, notices
from activities.letter_texts import LETTERS
from activities.models import Activity, Delivery, LetterText
from hub.engagement import note_absences
from hub.models import Product, Site, User
from tests import cast
from tests.members import signed_in

pytestmark = pytest.mark.usefixtures("mails_in_memory")

SETTINGS = "/console/settings/"
ACCESS = f"{SETTINGS}letters/access/"
OURS: dict[str, Any] = {
    "name": "Kiln and Co",
    "tagline": "Clay, slowly.",
    "accent": "#f4d03f",
    "support_email": "help@kiln.example",
    "sender_name": "Ida of Kiln and Co",
    "inactive_after_days": "10",
}


@pytest.fixture
def desk(owner: User) -> Client:
    return signed_in(owner)


def words(browser: Client, path: str) -> str:
    return unescape(" ".join(browser.get(path).content.decode().split()))


def save(desk: Client, **changes: str) -> Any:
    page = desk.get(SETTINGS).content.decode()
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen
    return desk.post(SETTINGS, OURS | changes | {"seen": seen[1]})


def picture(kind: str = "PNG", size: tuple[int, int] = (200, 80)) -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", size, "navy").save(file, kind)
    return SimpleUploadedFile(f"logo.{kind.lower()}", file.getvalue())


def deliver_to(person: User, product: Product, **context: Any) -> Any:
    """The next letter on access, as it goes out."""
    key = f"test:{Delivery.objects.count()}"
    given = notices.Notice(kind="access", key=key, user_id=person.pk, product_id=product.pk, context=context)
    notices.queue_one(given, now=clock.now())
    deliveries.deliver_due(now=clock.now() + timedelta(seconds=1))
    return mail.outbox[-1]


@pytest.mark.django_db(transaction=True)
def test_name_colour_and_addresses_hold_at_once_on_pages_and_in_mails(desk: Client, ada: User, owner: User) -> None:
    product = cast.ProductFactory(name="Raku Weekend", show_locked=True)
    before = desk.get("/").content.decode()
    assert save(desk)["Location"] == SETTINGS
    page = desk.get("/").content.decode()
    assert "Kiln and Co" in page and "Clay, slowly." in page and "mailto:help@kiln.example" in page
    sheets = [re.findall(r'href="(/theme\.css[^"]*)"', found)[0] for found in (before, page)]
    assert sheets[0] != sheets[1], "a browser that keeps the old one asks for another"
    assert "--accent: #f4d03f" in desk.get(sheets[1]).content.decode()
    letter = deliver_to(ada, product)
    assert parseaddr(letter.from_email)[0] == "Ida of Kiln and Co"
    assert letter.reply_to == ["help@kiln.example"]
    Client().post("/accounts/login/", {"login": ada.email})
    assert parseaddr(mail.outbox[-1].from_email)[0] == "Ida of Kiln and Co"
    told = Activity.objects.get(verb="staff_action")
    assert told.actor == owner and "colour" in told.details["reason"] and "support address" in told.details["reason"]


def test_a_library_that_is_not_public_asks_to_sign_in(desk: Client) -> None:
    save(desk, public_library="on")
    assert Client().get("/").status_code == 200
    save(desk)
    assert Client().get("/")["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": ""}, "required"),
        ({"name": "Kiln\nBcc: all@example.org"}, "One line"),
        ({"sender_name": "Ida\r\nBcc: all@example.org"}, "One line"),
        ({"accent": "red;}"}, "A colour such as"),
        ({"support_email": "nobody"}, "This is no e-mail address."),
        ({"inactive_after_days": "0"}, "greater than or equal to 1"),
        ({"inactive_after_days": "366"}, "less than or equal to 365"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(desk: Client, change: dict[str, str], said: str) -> None:
    answer = save(desk, **change)
    assert answer.status_code == 422 and said in answer.content.decode()
    assert Site.load().name == "Foyer"


def test_two_who_change_the_site_at_once_do_not_overwrite_each_other(desk: Client) -> None:
    page = desk.get(SETTINGS).content.decode()
    Site.objects.update(name="The other's")
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen
    answer = desk.post(SETTINGS, OURS | {"seen": seen[1]})
    assert answer.status_code == 409 and "Somebody else saved this meanwhile" in answer.content.decode()
    assert Site.load().name == "The other's"


def test_a_logo_is_drawn_anew_and_shown_everywhere(desk: Client, ada: User) -> None:
    assert desk.post(f"{SETTINGS}logo/", {"picture": picture()})["Location"] == SETTINGS
    shown = re.search(r'<img class="logo" src="(/pictures/[^"]+\.png)"', words(Client(), "/"))
    assert shown
    answer = Client().get(shown[1])
    assert answer["Content-Type"] == "image/png" and answer.content.startswith(b"\x89PNG")
    assert shown[1] in words(desk, SETTINGS)
    assert shown[1] in words(desk, f"{ACCESS}preview/")
    desk.post(f"{SETTINGS}logo/", {"remove": "1"})
    assert Site.load().logo is None and "/icon.svg" in words(Client(), "/")


@pytest.mark.parametrize(
    "file",
    [
        SimpleUploadedFile("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        SimpleUploadedFile("logo.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        picture(size=(8, 8)),
    ],
)
def test_what_is_no_picture_is_refused(desk: Client, file: SimpleUploadedFile) -> None:
    answer = desk.post(f"{SETTINGS}logo/", {"picture": file})
    assert answer.status_code == 422 and Site.load().logo is None


def test_who_stays_away_becomes_inactive_and_is_welcomed_back(desk: Client, ada: User, ben_: User) -> None:
    now = clock.now()
    save(desk)
    User.objects.filter(pk=ada.pk).update(last_seen=now - timedelta(days=11))
    User.objects.filter(pk=ben_.pk).update(last_seen=now - timedelta(days=9))
    assert (note_absences(now=now), note_absences(now=now)) == (1, 0)
    told = Activity.objects.get(verb="became_inactive")
    assert (told.user, told.at) == (ada, now - timedelta(days=1))
    listed = words(desk, "/console/people/?seen=not30")
    assert ada.email in listed and ben_.email not in listed
    for person in (ada, ben_):
        signed_in(User.objects.get(pk=person.pk)).get("/")
    assert Activity.objects.get(verb="active_again").user == ada
    assert note_absences(now=now + timedelta(days=12)) == 2


@pytest.fixture
def ben_(db: None) -> User:
    return cast.ben()


@pytest.mark.parametrize("kind", LETTERS)
def test_what_foyer_says_is_a_beginning_that_can_be_saved(desk: Client, kind: str) -> None:
    """Each letter's own beginning holds nothing that it would refuse, and leaves no name in braces behind."""
    path = f"{SETTINGS}letters/{kind}/"
    letter = LETTERS[kind]
    assert desk.post(path, {"subject": letter.subject, "body": letter.body})["Location"] == path
    for part in ("html", "text"):
        shown = words(desk, f"{path}preview/?part={part}")
        assert not re.search(r"\{[a-z_]+\}", shown), shown
        assert "None" not in shown
    assert ("/accounts/login/" in words(desk, f"{path}preview/?part=text")) is bool(letter.button)


@pytest.mark.django_db(transaction=True)
def test_the_owners_words_go_out_in_both_parts_and_the_subject(desk: Client, ada: User, owner: User) -> None:
    product = cast.ProductFactory(name="Salt & <b>Smoke</b>")
    given = {
        "subject": "{product}: come\nin",
        "body": "Good to have you.\r\nWith us, {email}.\r\n\r\n{button}\r\n\r\n{trial}\r\n\r\nYours, <i>Ida</i> {{x}}",
    }
    assert desk.post(ACCESS, given).status_code == 422, "{x} is none"
    given["body"] = given["body"].replace(" {{x}}", "")
    assert desk.post(ACCESS, given)["Location"] == ACCESS
    letter = deliver_to(ada, product)
    assert letter.subject == "Salt & <b>Smoke</b>: come in"
    begins = "Hello Ada,\n\nGood to have you.\nWith us, ada@example.org.\n\nOpen Salt & <b>Smoke</b>:\nhttp"
    assert letter.body.startswith(begins)
    assert "Yours, <i>Ida</i>\n" in letter.body and "\n\n\n" not in letter.body
    html = letter.alternatives[0][0]
    assert "Good to have you.<br>With us, ada@example.org.</p>" in html
    assert "&lt;i&gt;Ida&lt;/i&gt;" in html and "<i>" not in html and "Salt &amp; &lt;b&gt;" in html
    assert html.count("Open Salt &amp; &lt;b&gt;Smoke&lt;/b&gt;</a>") == 1
    told = Activity.objects.filter(verb="staff_action").latest("pk")
    assert (told.actor, told.details["reason"]) == (owner, "reworded the letter “Access”")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"body": "Hello {first_name} {button}"}, "There is no {first_name} here. There are: {button}, {products}"),
        ({"body": "{% load x %}{button} {}"}, "There is no {% load x %} here"),
        ({"subject": "{amount}"}, "There is no {amount} here. There are: {products}, {trial}"),
        ({"subject": "{button}"}, "There is no {button} here."),
        ({"body": "Come in: {{button}}"}, "Braces stand around a name, one on each side"),
        ({"subject": "{product} is open }"}, "Braces stand around a name, one on each side"),
        ({"body": "Come in."}, "Leave {button} in it"),
        ({"body": "{button} {button}"}, "There is one button in a letter"),
        ({"body": "{button}\n\nOr here:\n\n{button}"}, "There is one button in a letter"),
        ({"body": ""}, "required"),
        ({"subject": "x" * 151}, "at most 150"),
    ],
)
def test_a_name_that_the_letter_does_not_know_is_refused_by_its_name(
    desk: Client, change: dict[str, str], said: str
) -> None:
    given = {"subject": "{product}", "body": "{button}"} | change
    for path in (ACCESS, f"{ACCESS}preview/"):
        answer = desk.post(path, given)
        assert answer.status_code == 422 and said in unescape(answer.content.decode())
    kept = unescape(desk.post(ACCESS, given).content.decode())
    assert f'value="{given["subject"]}"' in kept and f"{given['body']}</textarea>" in kept
    assert not LetterText.objects.exists()


def test_a_letter_is_looked_at_before_it_is_saved_in_a_frame_that_may_do_nothing(desk: Client, owner: User) -> None:
    cast.ProductFactory(name="Raku Weekend")
    editor = desk.get(ACCESS)
    assert f'src="{ACCESS}preview/"' in editor.content.decode()
    assert "frame-src https://www.youtube-nocookie.com" in editor["Content-Security-Policy"]
    assert re.search(r"frame-src [^;]*'self'", editor["Content-Security-Policy"])
    answer = desk.post(f"{ACCESS}preview/", {"subject": "Open: {product}", "body": "At last.\n\n{button}"})
    assert "Open: Raku Weekend" in answer.content.decode() and "At last." in answer.content.decode()
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "sandbox" in answer["Content-Security-Policy"] and "script-src" not in answer["Content-Security-Policy"]
    assert not LetterText.objects.exists()
    assert "You have access to Raku Weekend" in words(desk, f"{ACCESS}preview/?part=text")


@pytest.mark.parametrize("kind", LETTERS)
def test_what_the_editor_begins_with_is_what_is_sent(desk: Client, owner: User, kind: str) -> None:
    cast.ProductFactory(name="Raku Weekend")
    path = f"{SETTINGS}letters/{kind}/"
    sent = words(desk, f"{path}preview/?part=text")
    begun = desk.get(path).context["form"].initial
    assert "{product}" in begun["subject"] + begun["body"] or kind == "invitation"
    desk.post(path, {"subject": begun["subject"], "body": begun["body"]})
    assert words(desk, f"{path}preview/?part=text") == sent
    assert "{" not in sent


@pytest.mark.django_db(transaction=True)
def test_a_test_goes_to_whoever_asks_and_says_that_it_is_one(desk: Client, owner: User) -> None:
    cast.ProductFactory(name="Raku Weekend")
    for kind in LETTERS:
        desk.post(f"{SETTINGS}letters/{kind}/test/")
    assert "Wait a minute" in words(desk, ACCESS)
    deliveries.deliver_due(now=clock.now() + timedelta(seconds=1))
    assert 5 <= len(mail.outbox) < len(LETTERS) + 1
    assert {letter.to[0] for letter in mail.outbox} == {owner.email}
    assert all(letter.subject.startswith("Test: ") for letter in mail.outbox)


def test_back_to_what_foyer_says(desk: Client) -> None:
    desk.post(ACCESS, {"subject": "Come in", "body": "{button}"})
    assert "Your words" in words(desk, SETTINGS)
    desk.post(f"{ACCESS}reset/")
    assert "Your words" not in words(desk, SETTINGS)
    assert "Come in with" not in words(desk, f"{ACCESS}preview/") and not LetterText.objects.exists()


def test_a_letter_that_is_none_is_not_found(desk: Client) -> None:
    assert desk.get(f"{SETTINGS}letters/own_role/").status_code == 404


@pytest.mark.parametrize("role", [User.Role.SUPPORT, User.Role.MEMBER, None])
def test_support_members_and_strangers_change_nothing(db: None, role: User.Role | None) -> None:
    browser, refused = (signed_in(cast.UserFactory(role=role)), 403) if role else (Client(), 302)
    assert browser.get(SETTINGS).status_code == browser.get(ACCESS).status_code == refused
    for path in (SETTINGS, f"{SETTINGS}logo/", ACCESS, f"{ACCESS}test/", f"{ACCESS}reset/", f"{ACCESS}preview/"):
        assert browser.post(path, OURS | {"subject": "x", "body": "{button}"}).status_code == refused
    assert Site.load().name == "Foyer" and not LetterText.objects.exists() and not Delivery.objects.exists()
