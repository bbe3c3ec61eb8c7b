"""Times are told in the zone of whoever reads them: their browser's, until they choose another."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hub.models import User
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
PROFILE = "/account/profile/"


def joined_as_told(client: Client, user: User) -> str:
    page = client.get(f"/console/people/{user.pk}/").content.decode()
    return page.split("<time")[1].partition("</time>")[0]


@pytest.fixture
def dan_joined_at_ten_in_the_evening(studio: Studio, dan: User) -> User:
    dan.joined_at = datetime(2026, 11, 3, 22, 30, tzinfo=UTC)
    dan.save()
    return dan


def test_a_browsers_zone_is_learned_once_and_used_at_once(
    dan_joined_at_ten_in_the_evening: User, owner: User, signed_in: Enter
) -> None:
    dan, client = dan_joined_at_ten_in_the_evening, signed_in(owner)
    assert "3 November 2026" in joined_as_told(client, dan)
    client.cookies["zone"] = "Asia/Tokyo"
    assert "4 November 2026" in joined_as_told(client, dan)
    client.cookies["zone"] = "America/Lima"
    assert "4 November 2026" in joined_as_told(client, dan)
    owner.refresh_from_db()
    assert owner.timezone == "Asia/Tokyo"


@pytest.mark.parametrize("nonsense", ["Mars/Olympus", "../../etc/passwd", "Europe", "x" * 300, "%00", "/etc/localtime"])
def test_what_is_no_zone_is_learned_from_nobody(studio: Studio, ada: User, signed_in: Enter, nonsense: str) -> None:
    client = signed_in(ada)
    client.cookies["zone"] = nonsense
    assert client.get("/account/").status_code == 200
    ada.refresh_from_db()
    assert ada.timezone == ""


def test_a_greeting_is_that_of_ones_own_hour(studio: Studio, ada: User, signed_in: Enter) -> None:
    """Twelve hours apart it is never the same part of the day."""
    greetings = set()
    for zone in ("Etc/GMT-6", "Etc/GMT+6"):
        User.objects.filter(pk=ada.pk).update(timezone=zone)
        page = signed_in(ada).get("/").content.decode()
        greetings.add(next(words for words in ("morning", "afternoon", "evening") if f"Good {words}" in page))
    assert len(greetings) == 2


def test_members_set_their_name_and_zone(studio: Studio, ada: User, signed_in: Enter) -> None:
    client = signed_in(ada)
    assert client.post(PROFILE, {"name": "Ada King", "timezone": "Europe/Lisbon"}).status_code == 303
    ada.refresh_from_db()
    assert (ada.name, ada.timezone) == ("Ada King", "Europe/Lisbon")
    page = client.get(PROFILE).content.decode()
    assert "in Europe/Lisbon now" in page
    assert "Saved." in page


def test_who_wants_the_browsers_zone_again_gets_it(studio: Studio, ada: User, signed_in: Enter) -> None:
    client = signed_in(ada)
    client.post(PROFILE, {"name": "Ada", "timezone": "Europe/Lisbon"})
    client.cookies["zone"] = "Asia/Tokyo"
    client.post(PROFILE, {"name": "Ada", "timezone": ""})
    client.get(PROFILE)
    ada.refresh_from_db()
    assert ada.timezone == "Asia/Tokyo"


def test_nobody_sets_a_zone_that_is_none(studio: Studio, ada: User, signed_in: Enter) -> None:
    answer = signed_in(ada).post(PROFILE, {"name": "Ada", "timezone": "Mars/Olympus"})
    assert answer.status_code == 422
    ada.refresh_from_db()
    assert ada.timezone == ""


def test_the_profile_is_closed_to_strangers(studio: Studio, client: Client) -> None:
    assert client.get(PROFILE)["Location"] == f"/accounts/login/?next={PROFILE}"
    assert client.post(PROFILE, {"name": "Eve"})["Location"] == f"/accounts/login/?next={PROFILE}"


def test_the_admin_writes_times_as_every_page_does(dan_joined_at_ten_in_the_evening: User, owner: User) -> None:
    User.objects.filter(pk=dan_joined_at_ten_in_the_evening.pk).update(
        last_seen=datetime(2026, 11, 3, 22, 31, tzinfo=UTC)
    )
    client = Client()
    client.force_login(owner)
    page = client.get("/admin/hub/user/").content.decode()
    assert "3 Nov 2026, 22:31" in page
    assert "p.m." not in page


def test_joining_and_being_here_are_told_in_business_time(
    studio: Studio, ada: User, signed_in: Enter, tmp_path: Path, settings: Any
) -> None:
    settings.CLOCK_FILE = str(tmp_path / "clock.json")
    Path(settings.CLOCK_FILE).write_text(json.dumps({"offset": timedelta(days=40).total_seconds()}))
    signed_in(ada).get("/")
    ada.refresh_from_db()
    then = timezone.now() + timedelta(days=39)
    assert ada.last_seen is not None and ada.last_seen > then
    assert User.objects.create_user("new@example.org").joined_at > then
