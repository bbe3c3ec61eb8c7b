"""Where a page ends: in which part of the site it leads on, and what becomes of a page’s moving part."""

from collections.abc import Callable

import pytest
from django.test import Client

from hub.models import User
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
PART = {"hx-request": "true"}
LIVE = "/console/activity/?newer=1"


def test_a_page_that_is_not_there_leads_staff_back_to_the_console_and_members_to_the_library(
    studio: Studio, owner: User, dan: User, signed_in: Enter
) -> None:
    of_console = signed_in(owner).get("/console/people/99999/")
    assert of_console.status_code == 404
    assert 'href="/console/">To the console' in of_console.content.decode()
    assert 'href="/">To the library' in signed_in(owner).get("/products/none/").content.decode()
    assert 'href="/">To the library' in signed_in(dan).get("/console/none/").content.decode()


def test_whoever_is_refused_reads_as_whom_they_are_signed_in(studio: Studio, dan: User, signed_in: Enter) -> None:
    assert f'signed in as <b class="break">{dan.email}</b>' in signed_in(dan).get("/console/people/").content.decode()


def test_a_part_that_moves_asks_for_its_whole_page_once_its_reader_is_signed_out(
    studio: Studio, owner: User, client: Client, signed_in: Enter
) -> None:
    assert "HX-Refresh" not in signed_in(owner).get(LIVE, headers=PART)
    out = client.get(LIVE, headers=PART)
    assert (out.status_code, out["HX-Refresh"], out.content) == (200, "true", b"")
    assert client.get(LIVE).status_code == 302, "the page itself leads to the way in"


@pytest.mark.parametrize("path", [LIVE, "/console/people/together/99999/?part=progress"])
def test_a_part_that_is_refused_or_gone_asks_for_its_whole_page(
    studio: Studio, dan: User, owner: User, signed_in: Enter, path: str
) -> None:
    who = dan if path == LIVE else owner
    assert signed_in(who).get(path, headers=PART)["HX-Refresh"] == "true"
    assert signed_in(who).get(path).status_code in {403, 404}
