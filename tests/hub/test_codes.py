"""Strangers ask for codes to Ada's address from everywhere: she gets in at once, and her mailbox stays readable."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client

from hub import codes
from hub.models import CodeMail, User
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_signing_in import LOGIN, code_sent

pytestmark = pytest.mark.usefixtures("mails_in_memory")

CONFIRM = "/accounts/login/code/confirm/"


def at(address: str) -> Client:
    """A browser of its own, somewhere in the net."""
    return Client(REMOTE_ADDR=address)


def ask(client: Client, address: str = "ada@example.org") -> int:
    return client.post(LOGIN, {"login": address}).status_code


def is_inside(client: Client, *, code: str) -> bool:
    client.post(CONFIRM, {"code": code})
    return "_auth_user_id" in client.session


def test_one_stranger_leaves_ada_her_mails(studio: Studio, ada: User) -> None:
    for _ in range(19):
        assert ask(at("203.0.113.9")) == 302
    assert len(mail.outbox) == 3
    mine = at("198.51.100.1")
    assert ask(mine) == 302
    assert len(mail.outbox) == 4
    assert is_inside(mine, code=code_sent())


def test_strangers_from_everywhere_neither_flood_ada_nor_keep_her_out(studio: Studio, ada: User) -> None:
    for number in range(40):
        assert ask(at(f"203.0.113.{number}")) == 302
    assert len(mail.outbox) == codes.MAILS
    mine = at("198.51.100.1")
    assert ask(mine) == 302
    assert len(mail.outbox) == codes.MAILS
    assert is_inside(mine, code=code_sent())


def test_who_is_mailed_nothing_more_holds_a_code_that_lives(studio: Studio, ada: User) -> None:
    """Up to the last moment in which the old mails count, the youngest and the oldest of them work."""
    for number in range(codes.MAILS):
        ask(at(f"203.0.113.{number}"))
    oldest = code_sent()
    CodeMail.objects.update(sent_at=CodeMail.objects.latest("sent_at").sent_at - codes.COUNTED + timedelta(seconds=9))
    mine = at("198.51.100.1")
    ask(mine)
    assert len(mail.outbox) == codes.MAILS
    assert is_inside(mine, code=oldest)


def test_a_new_mail_goes_out_when_the_old_ones_count_no_more(studio: Studio, ada: User) -> None:
    for number in range(codes.MAILS):
        ask(at(f"203.0.113.{number}"))
    CodeMail.objects.update(sent_at=CodeMail.objects.latest("sent_at").sent_at - codes.COUNTED)
    ask(at("198.51.100.1"))
    assert len(mail.outbox) == codes.MAILS + 1


def test_a_code_works_once_and_ends_the_others(studio: Studio, ada: User) -> None:
    stranger, mine = at("203.0.113.9"), at("198.51.100.1")
    ask(stranger)
    theirs = code_sent()
    ask(mine)
    code = code_sent()
    assert is_inside(mine, code=code.lower().replace("-", " "))
    assert not is_inside(stranger, code=code)
    assert not is_inside(stranger, code=theirs)


def test_who_uses_each_code_gets_as_many_as_they_ask_for(studio: Studio, ada: User) -> None:
    for number in range(codes.MAILS + 2):
        mine = at("198.51.100.1")
        ask(mine)
        assert len(mail.outbox) == number + 1
        assert is_inside(mine, code=code_sent())


def test_an_old_code_is_a_wrong_code(studio: Studio, ada: User) -> None:
    mine = at("198.51.100.1")
    ask(mine)
    CodeMail.objects.update(sent_at=CodeMail.objects.get().sent_at - codes.LIFE)
    assert not is_inside(mine, code=code_sent())


def test_a_code_opens_no_other_address(studio: Studio, ada: User, dan: User) -> None:
    ask(at("198.51.100.1"))
    code = code_sent()
    thief = at("203.0.113.9")
    ask(thief, dan.email)
    assert not is_inside(thief, code=code)


def test_who_guesses_is_stopped_and_ada_is_not(studio: Studio, ada: User) -> None:
    for _ in range(4):
        guesser = at("203.0.113.9")
        ask(guesser)
        for _ in range(3):
            guesser.post(CONFIRM, {"code": "BCDF-GHJK"})
    right = code_sent()
    guesser = at("203.0.113.9")
    ask(guesser)
    assert not is_inside(guesser, code=right)
    mine = at("198.51.100.1")
    ask(mine)
    assert is_inside(mine, code=right)


def test_neighbours_in_one_ipv6_network_are_one_visitor(studio: Studio, ada: User) -> None:
    for number in range(1, 6):
        ask(at(f"2001:db8:1:2::{number}"))
    assert len(mail.outbox) == 3
    ask(at("2001:db8:1:3::1"))
    assert len(mail.outbox) == 4


@pytest.mark.parametrize("path", ["login/", "signup/"])
def test_mails_to_strangers_and_to_members_are_as_many(studio: Studio, ada: User, path: str) -> None:
    field = "login" if path == "login/" else "email"
    for number in range(10):
        at(f"203.0.113.{number}").post(f"/accounts/{path}", {field: "nobody@example.com" if number % 2 else ada.email})
    counts = [len([letter for letter in mail.outbox if letter.to == [to]]) for to in (ada.email, "nobody@example.com")]
    assert counts[0] == counts[1]


def test_an_address_looks_the_same_known_or_not_when_it_is_mailed_no_more(studio: Studio, ada: User) -> None:
    answers = []
    for address in (ada.email, "nobody@example.com"):
        for number in range(codes.MAILS):
            ask(at(f"203.0.113.{number}"), address)
        client = at("198.51.100.1")
        status = ask(client, address)
        page = client.get(CONFIRM).content.decode().replace(address, "X")
        answers.append((status, len(page)))
    assert answers[0] == answers[1]


def test_a_new_code_can_be_asked_for_on_the_page(studio: Studio, ada: User, client: Client) -> None:
    ask(client)
    assert "Send a new code" in client.get(CONFIRM).content.decode()
    client.post(CONFIRM, {"action": "resend"})
    assert len(mail.outbox) == 2
    assert is_inside(client, code=code_sent())


def test_nothing_readable_is_kept_of_who_asked(studio: Studio, ada: User) -> None:
    ask(at("198.51.100.1"))
    kept = CodeMail.objects.values_list("address", "code").get()
    assert ada.email not in kept
    assert code_sent() not in kept


def test_what_works_no_more_is_thrown_away(studio: Studio, ada: User, dan: User) -> None:
    ask(at("198.51.100.1"))
    CodeMail.objects.update(sent_at=CodeMail.objects.get().sent_at - codes.LIFE)
    ask(at("198.51.100.1"), dan.email)
    assert CodeMail.objects.count() == 1


# What strangers do beside asking for codes


def join(client: Client, address: str = "ada@example.org") -> int:
    return client.post("/accounts/signup/", {"email": address}).status_code


def test_sign_ups_in_adas_name_take_no_sign_in_code_from_her(studio: Studio, ada: User) -> None:
    for number in range(12):
        assert join(at(f"203.0.113.{number}")) == 302
    assert [letter.subject for letter in mail.outbox] == ["You have an account at Hillside Pottery already"]
    mine = at("198.51.100.1")
    ask(mine)
    assert is_inside(mine, code=code_sent())


def test_asking_where_there_is_no_account_yet_takes_no_mail_from_who_joins(studio: Studio) -> None:
    for number in range(12):
        ask(at(f"203.0.113.{number}"), "nina@example.org")
    mine = at("198.51.100.1")
    join(mine, "nina@example.org")
    mine.post("/accounts/confirm-email/", {"code": code_sent()})
    assert "_auth_user_id" in mine.session


def test_who_joins_a_moment_after_somebody_else_typed_the_address_comes_in(studio: Studio) -> None:
    assert join(at("203.0.113.9"), "nina@example.org") == 302
    code = code_sent()
    mine = at("198.51.100.1")
    assert join(mine, "nina@example.org") == 302
    assert len(mail.outbox) == 1
    page = mine.post("/accounts/confirm-email/", {"code": code}).content.decode()
    assert '<a href="/accounts/login/?email=nina%40example.org">' in page
    ask(mine, "nina@example.org")
    assert is_inside(mine, code=code)


def test_a_page_that_is_older_than_the_account_says_so_and_keeps_the_code(studio: Studio) -> None:
    old = at("198.51.100.1")
    ask(old, "nina@example.org")
    nina = cast.UserFactory(email="nina@example.org")
    new = at("198.51.100.1")
    ask(new, nina.email)
    code = code_sent()
    page = old.post(CONFIRM, {"code": code})
    assert page.status_code == 200
    assert "older than your account" in page.content.decode()
    assert "_auth_user_id" not in old.session
    assert is_inside(new, code=code)


def test_a_wrong_code_says_nothing_of_accounts(studio: Studio, ada: User) -> None:
    """Page for page the same, whether there is an account or not."""
    answers = []
    for address in (ada.email, "nobody@example.com"):
        client = at("198.51.100.1")
        ask(client, address)
        page = client.post(CONFIRM, {"code": "BCDF-GHJK"}).content.decode().replace(address, "X")
        answers.append(re.sub(r'value="\w{64}"', "", page))
    assert answers[0] == answers[1]


def test_a_mail_that_could_not_be_sent_takes_no_place(
    studio: Studio, ada: User, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr("django.core.mail.EmailMessage.send", broken)
    with pytest.raises(OSError):
        ask(client)
    assert not CodeMail.objects.exists()


def broken(*_args: object, **_kwargs: object) -> int:
    raise OSError("the mail server is away")


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_thirty_at_once_are_mailed_as_few_as_thirty_one_by_one(transactional_db: None) -> None:
    ada = cast.ada()

    def asked(number: int) -> int:
        try:
            return ask(at(f"203.0.113.{number}"), ada.email)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as threads:
        assert set(threads.map(asked, range(30))) == {302}
    assert len(mail.outbox) <= codes.MAILS + 1
    assert CodeMail.objects.count() == len(mail.outbox)
