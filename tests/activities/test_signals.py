"""The door is in the feed."""

import re

from django.contrib.auth import user_logged_in
from django.core import mail
from django.test import Client
from pytest_django import Settings

from activities.models import Activity
from hub.models import User

Verb = Activity.Verb


def sign_in_by_code(client: Client, email: str) -> None:
    client.post("/accounts/login/code/", {"email": email}, REMOTE_ADDR="203.0.113.9")
    code = re.search(r"^\s*([A-Z0-9]+-[A-Z0-9]+)\s*$", mail.outbox[-1].body, re.MULTILINE)
    assert code, mail.outbox[-1].body
    client.post("/accounts/login/code/confirm/", {"code": code[1]}, REMOTE_ADDR="203.0.113.9")


def test_signing_in_by_code_is_recorded_with_the_address(client: Client, ada: User) -> None:
    sign_in_by_code(client, "ada@example.org")
    activity = Activity.objects.get(verb=Verb.SIGNED_IN)
    assert (activity.user, activity.details) == (ada, {"ip": "203.0.113.9"})


def test_every_sign_in_is_its_own(client: Client, ada: User) -> None:
    client.force_login(ada)
    client.force_login(ada)
    assert Activity.objects.filter(verb=Verb.SIGNED_IN, user=ada).count() == 2


def test_the_sessions_secret_is_not_kept(client: Client, ada: User) -> None:
    client.force_login(ada)
    activity = Activity.objects.get(verb=Verb.SIGNED_IN)
    secret = client.session.session_key
    assert secret
    assert secret not in f"{activity.key} {activity.cause} {activity.details}"


def test_a_sign_in_without_a_request_has_no_address(ada: User) -> None:
    user_logged_in.send(sender=User, request=None, user=ada)
    assert Activity.objects.get(verb=Verb.SIGNED_IN).details == {}


def test_signing_up_adds_a_member_once(client: Client, db: None, settings: Settings) -> None:
    client.post("/accounts/signup/", {"email": "new@example.org"})
    activity = Activity.objects.get(verb=Verb.MEMBER_ADDED)
    assert activity.user
    assert activity.user.email == "new@example.org"
    assert activity.key == f"member_added:{activity.user.pk}"
