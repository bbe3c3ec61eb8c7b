"""The mail reader: what the product wrote as files, seen by people and by tests."""

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.sandbox.visitor import Visitor
from tests.sandboxes import Sandbox


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail")


@pytest.fixture(scope="module")
def reader(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """A sandbox that was told where the mail is."""
    process = Sandbox(tmp_path_factory.mktemp("sandbox"), mail=folder)
    yield Visitor(process.url)
    process.stop()


@pytest.fixture(autouse=True)
def letter(folder: Path) -> str:
    """One message with both parts; returns its id."""
    message = EmailMessage()
    message["Subject"] = "Your code: 123456"
    message["From"] = "studio@example.org"
    message["To"] = "Ada <ada@example.org>"
    message["Date"] = "Sat, 21 Nov 2026 09:00:00 +0000"
    message.set_content("Hello Ada,\nopen http://127.0.0.1:9/in/?code=123456.\n")
    message.add_alternative(
        '<p><a href="http://127.0.0.1:9/in/?a=1&amp;b=2">In</a></p><script>alert(1)</script>', subtype="html"
    )
    (folder / "letter.eml").write_bytes(message.as_bytes())
    return "letter"


def test_the_list_names_subject_and_recipient(reader: Visitor) -> None:
    page = reader.open("/sandbox/mail/")
    assert "Your code: 123456" in page.text
    assert "ada@example.org" in page.text


def test_programs_read_the_same_as_data(reader: Visitor) -> None:
    page = reader.open("/sandbox/mail/?format=json")
    assert page.headers["Content-Type"] == "application/json"
    assert '"id": "letter"' in page.html
    assert '"http://127.0.0.1:9/in/?code=123456"' in page.html
    assert "http://127.0.0.1:9/in/?a=1&b=2" in page.html
    assert reader.open("/sandbox/mail/?format=json&to=nobody@example.org").html == "[]"


def test_a_message_shows_text_with_live_links(reader: Visitor, letter: str) -> None:
    page = reader.open(f"/sandbox/mail/{letter}")
    assert "Hello Ada," in page.text
    assert 'href="http://127.0.0.1:9/in/?code=123456"' in page.html


def test_the_html_part_can_run_nothing(reader: Visitor, letter: str) -> None:
    policy = reader.open(f"/sandbox/mail/{letter}/html").headers["Content-Security-Policy"]
    assert policy.startswith("sandbox ")
    assert "script" not in policy.replace("allow-scripts", "script")
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("mail_id", ["unknown", "%2e%2e", "%2e%2e%2fletter"])
def test_nothing_but_a_message_of_the_folder_is_shown(reader: Visitor, mail_id: str) -> None:
    assert reader.open(f"/sandbox/mail/{mail_id}").status == 404
