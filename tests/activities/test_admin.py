"""E-mails that nobody is sure of are decided by those who may."""

from datetime import datetime

import pytest
from django.test import Client

from activities import notices
from activities.models import Activity, Delivery
from hub.models import Product, User
from tests.cast import UserFactory

LIST = "/admin/activities/delivery/"
State = Delivery.State
WHY = "She wrote that nothing came"


@pytest.fixture
def unsure(ada: User, studio: Product, now: datetime) -> Delivery:
    delivery = notices.queue_one(notices.access(key="a", user_id=ada.pk, product_id=studio.pk), now=now)
    assert delivery
    Delivery.objects.update(state=State.UNSURE, attempts=3)
    return delivery


def decide(client: Client, action: str, delivery: Delivery, **given: str) -> str:
    sent = {"action": action, "_selected_action": [delivery.pk], "reason": WHY, **given}
    response = client.post(LIST, sent, follow=True)
    delivery.refresh_from_db()
    return response.content.decode()


def test_an_owner_sends_an_unsure_mail_again(client: Client, owner: User, unsure: Delivery) -> None:
    client.force_login(owner)
    assert "E-mails that will be sent again: 1." in decide(client, "send_again", unsure)
    assert (unsure.state, unsure.attempts) == (State.WAITING, 0)
    told = Activity.objects.get(verb="staff_action")
    assert (told.actor, told.user, told.details["note"]) == (owner, unsure.user, WHY)


@pytest.mark.parametrize("action", ["send_again", "mark_arrived"])
def test_it_asks_why_before_anything_is_done(client: Client, owner: User, unsure: Delivery, action: str) -> None:
    client.force_login(owner)
    asked = client.post(LIST, {"action": action, "_selected_action": [unsure.pk]}).content.decode()
    assert "Reason, kept in the feed" in asked and str(unsure) in asked
    assert "Say why" in decide(client, action, unsure, reason="  ")
    assert unsure.state == State.UNSURE and not Activity.objects.filter(verb="staff_action").exists()


def test_an_owner_says_that_it_arrived(client: Client, owner: User, unsure: Delivery) -> None:
    client.force_login(owner)
    decide(client, "mark_arrived", unsure)
    assert unsure.state == State.SENT
    assert Activity.objects.get(verb="staff_action").details["note"] == WHY


def test_a_mail_that_was_sent_stays_sent(client: Client, owner: User, unsure: Delivery, now: datetime) -> None:
    Delivery.objects.update(state=State.SENT, sent_at=now)
    client.force_login(owner)
    assert "Left as they were: 1." in decide(client, "send_again", unsure)
    assert unsure.state == State.SENT


def test_support_looks_and_decides_nothing(client: Client, unsure: Delivery) -> None:
    client.force_login(UserFactory(role=User.Role.SUPPORT))
    assert client.get(LIST).status_code == 200
    decide(client, "send_again", unsure)
    assert unsure.state == State.UNSURE


def test_members_are_kept_out(client: Client, dan: User, unsure: Delivery) -> None:
    client.force_login(dan)
    answer = client.get(LIST)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={LIST}")


@pytest.mark.parametrize("name", ["activity", "delivery"])
def test_the_records_are_changed_by_no_form(client: Client, owner: User, unsure: Delivery, name: str) -> None:
    client.force_login(owner)
    assert client.get(f"/admin/activities/{name}/").status_code == 200
    assert client.get(f"/admin/activities/{name}/add/").status_code == 403
