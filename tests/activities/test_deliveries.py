"""A mail is handed over once, whatever the mail server says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from pytest_django import Settings

from activities import deliveries, notices
from activities.models import Activity, Delivery
from activities.notices import Notice, queue_one
from hub.models import Product, User
from tests.activities.smtpsink import Sink

State = Delivery.State


@pytest.fixture
def sink(settings: Settings) -> Iterator[Sink]:
    sink = Sink()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    settings.EMAIL_TIMEOUT = 2
    yield sink
    sink.close()


@pytest.fixture
def waiting(ada: User, studio: Product, now: datetime) -> Delivery:
    delivery = queue_one(notices.access(key="access:1", user_id=ada.pk, product_id=studio.pk), now=now)
    assert delivery
    Delivery.objects.update(next_try=now)
    return delivery


def state_of(delivery: Delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def test_what_waits_is_sent_and_said_to_be_sent(sink: Sink, waiting: Delivery, now: datetime) -> None:
    assert deliveries.deliver_due(now=now) == 1
    assert [message["To"] for message in sink.messages] == ["ada@example.org"]
    assert state_of(waiting) == State.SENT
    assert waiting.sent_at == pytest.approx(now, abs=timedelta(seconds=5))
    assert (waiting.attempts, waiting.lease_until, waiting.error) == (1, None, "")


def test_what_was_sent_is_in_the_feed(sink: Sink, waiting: Delivery, now: datetime) -> None:
    deliveries.deliver_due(now=now)
    activity = Activity.objects.get(verb=Activity.Verb.EMAIL_SENT)
    assert (activity.user, activity.product, activity.details) == (
        waiting.user,
        waiting.product,
        {"notice": "access"},
    )


def test_what_was_sent_is_not_sent_again(sink: Sink, waiting: Delivery, now: datetime) -> None:
    deliveries.deliver_due(now=now)
    assert deliveries.deliver_due(now=now + timedelta(days=9)) == 0
    assert len(sink.raw) == 1


def test_what_is_not_due_yet_waits(sink: Sink, waiting: Delivery, now: datetime) -> None:
    assert deliveries.deliver_due(now=now - timedelta(seconds=1)) == 0
    assert state_of(waiting) == State.WAITING


def test_many_mails_share_one_connection(sink: Sink, ada: User, studio: Product, now: datetime) -> None:
    notices.queue([notices.access(key=f"access:{n}", user_id=ada.pk, product_id=studio.pk) for n in range(5)], now=now)
    Delivery.objects.update(next_try=now)
    assert deliveries.deliver_due(now=now, limit=4) == 4
    assert (len(sink.raw), sink.connections) == (4, 1)
    assert len({message["Message-ID"] for message in sink.messages}) == 4


@pytest.mark.parametrize(
    ("step", "answer", "state"),
    [
        ("greeting", "421 busy", State.WAITING),
        ("greeting", "", State.WAITING),
        ("mail", "451 later", State.WAITING),
        ("mail", "550 not you", State.WAITING),
        ("rcpt", "451 greylisted", State.WAITING),
        ("rcpt", "550 no such person", State.FAILED),
        ("data", "452 full", State.WAITING),
        ("data", "554 not this", State.FAILED),
        ("body", "451 later", State.WAITING),
        ("body", "554 spam", State.FAILED),
        ("data", "", State.UNSURE),
        ("body", "", State.UNSURE),
    ],
)
def test_each_answer_of_the_mail_server_has_its_fate(
    sink: Sink, waiting: Delivery, now: datetime, step: str, answer: str, state: str
) -> None:
    sink.script = lambda at: answer if at == step else None
    deliveries.deliver_due(now=now)
    assert state_of(waiting) == state
    assert answer[4:] in waiting.error
    assert waiting.error
    if state == State.WAITING:
        assert now + timedelta(seconds=45) < waiting.next_try < now + timedelta(seconds=75)


def test_an_unsure_mail_is_never_sent_by_a_machine(sink: Sink, waiting: Delivery, now: datetime) -> None:
    sink.script = lambda step: "" if step == "body" else None
    deliveries.deliver_due(now=now)
    sink.script = lambda _step: None
    for days in range(10):
        deliveries.deliver_due(now=now + timedelta(days=days))
    assert state_of(waiting) == State.UNSURE
    assert len(sink.raw) == 1


def test_a_refused_mail_is_tried_eight_times_ever_more_seldom(sink: Sink, waiting: Delivery, now: datetime) -> None:
    sink.script = lambda step: "451 later" if step == "rcpt" else None
    waits = []
    while state_of(waiting) == State.WAITING:
        before = max(waiting.next_try, now)
        deliveries.deliver_due(now=before)
        waiting.refresh_from_db()
        waits.append(waiting.next_try - before)
    assert (waiting.state, waiting.attempts) == (State.FAILED, 8)
    assert waits[:7] == sorted(waits[:7])
    assert timedelta(hours=15) < sum(waits[:7], timedelta()) < timedelta(hours=30)


def test_a_dead_mail_server_costs_one_mail_an_attempt_and_not_each(
    settings: Settings, ada: User, studio: Product, now: datetime, sink: Sink
) -> None:
    notices.queue([notices.access(key=f"access:{n}", user_id=ada.pk, product_id=studio.pk) for n in range(3)], now=now)
    Delivery.objects.update(next_try=now)
    sink.close()
    assert deliveries.deliver_due(now=now) == 1
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 0, 1]
    assert not Delivery.objects.exclude(state=State.WAITING).exists()


def test_a_mail_that_cannot_be_rendered_says_why_and_holds_up_no_other(
    sink: Sink, waiting: Delivery, ada: User, now: datetime
) -> None:
    Delivery.objects.create(key="x", notice="no_such", user=ada, next_try=now, created_at=now)
    Delivery.objects.filter(pk=waiting.pk).update(next_try=now + timedelta(milliseconds=1))
    deliveries.deliver_due(now=now + timedelta(seconds=1))
    assert "TemplateDoesNotExist" in Delivery.objects.get(key="x").error
    assert state_of(waiting) == State.SENT


def test_a_closed_account_gets_no_mail(sink: Sink, waiting: Delivery, ada: User, now: datetime) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    deliveries.deliver_due(now=now)
    assert state_of(waiting) == State.FAILED
    assert not sink.raw


def test_a_person_can_send_an_unsure_mail_again(sink: Sink, waiting: Delivery, owner: User, now: datetime) -> None:
    Delivery.objects.update(state=State.UNSURE)
    assert deliveries.send_again(waiting.pk, reason="asked", actor_id=owner.pk, now=now)
    deliveries.deliver_due(now=now)
    assert state_of(waiting) == State.SENT
    assert Activity.objects.get(verb=Activity.Verb.STAFF_ACTION).actor == owner


def test_a_person_can_say_that_an_unsure_mail_arrived(waiting: Delivery, owner: User, now: datetime) -> None:
    Delivery.objects.update(state=State.UNSURE)
    assert deliveries.mark_arrived(waiting.pk, reason="asked", actor_id=owner.pk, now=now)
    assert state_of(waiting) == State.SENT


def test_what_was_sent_cannot_be_sent_again_by_a_person(
    sink: Sink, waiting: Delivery, owner: User, now: datetime
) -> None:
    deliveries.deliver_due(now=now)
    assert not deliveries.send_again(waiting.pk, reason="asked", actor_id=owner.pk, now=now)
    assert not deliveries.mark_arrived(waiting.pk, reason="asked", actor_id=owner.pk, now=now)


def test_without_a_server_a_mail_becomes_one_whole_file(
    settings: Settings, tmp_path: Path, waiting: Delivery, now: datetime
) -> None:
    settings.EMAIL_BACKEND = "activities.mailfolder.EmailBackend"
    settings.MAIL_DIR = tmp_path / "mail"
    deliveries.deliver_due(now=now)
    (file,) = list(settings.MAIL_DIR.iterdir())
    assert file.suffix == ".eml"
    assert b"ada@example.org" in file.read_bytes()
    assert state_of(waiting) == State.SENT


def test_the_same_message_written_twice_is_one_file(settings: Settings, tmp_path: Path) -> None:
    settings.MAIL_DIR = tmp_path
    headers = {"Message-ID": "<one@site>", "Date": "Sat, 21 Nov 2026 12:00:00 -0000"}
    for _ in range(2):
        message = mail.EmailMessage("Hello", "You", "a@example.org", ["b@example.org"], headers=headers)
        message.connection = mail.get_connection("activities.mailfolder.EmailBackend")
        message.send()
    assert [path.name[:16] for path in tmp_path.iterdir()] == ["20261121T120000-"]


def test_the_database_refuses_a_sent_mail_without_its_time(waiting: Delivery) -> None:
    for wrong in ({"state": State.SENT}, {"state": State.HANDING_OVER}, {"sent_at": waiting.created_at}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Delivery.objects.update(**wrong)


def test_a_notice_is_a_row_only_after_the_commit(ada: User, studio: Product, now: datetime) -> None:
    notice: Notice = notices.access(key="a", user_id=ada.pk, product_id=studio.pk)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        queue_one(notice, now=now)
        _ = 1 / 0
    assert not Delivery.objects.exists()
