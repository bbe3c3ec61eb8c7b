"""What holds for every page: errors have faces, the content policy holds, being here is remembered."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from hub.middleware import SEEN_EVERY
from hub.models import User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*(\ssrc=|type=\"application/json\"))")


def test_an_unknown_address_has_a_page(studio: Studio, client: Client) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert "Hillside Pottery" in response.content.decode()


def test_a_refusal_has_a_page(studio: Studio, dan: User, signed_in: Enter) -> None:
    response = signed_in(dan).get("/console/")
    assert response.status_code == 403
    assert "This is not for you" in response.content.decode()


def test_a_refusal_names_the_role_of_staff_and_leads_back_to_the_console(studio: Studio, signed_in: Enter) -> None:
    page = signed_in(cast.UserFactory(role=User.Role.SUPPORT)).get("/console/settings/").content.decode()
    assert "with the role Support" in page and "This is not for you" not in page
    assert 'href="/console/">To the console</a>' in page


def test_a_form_without_its_token_has_a_page(studio: Studio, ada: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    response = client.post("/products/wheel/clay/complete/")
    assert response.status_code == 403
    assert "Please try once more" in response.content.decode()


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/products/wheel/clay/?from=library", "/products/wheel/clay/?from=library"),
        ("http://testserver//elsewhere.example/", "/elsewhere.example/"),
        ("https://elsewhere.example/account/", "/"),
        ("", "/"),
    ],
)
def test_a_form_from_a_tab_left_open_leads_back_to_its_page(
    studio: Studio, ada: User, came_from: str, leads_to: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    response = client.post("/products/wheel/clay/complete/", headers={"referer": came_from})
    assert f'href="{leads_to}">Load the page again' in response.content.decode()


def test_a_method_that_an_address_does_not_take_has_a_page(studio: Studio, ada: User, signed_in: Enter) -> None:
    response = signed_in(ada).post("/account/")
    assert (response.status_code, response["Allow"]) == (405, "GET")
    assert "Nothing was changed" in response.content.decode()


@override_settings(ROOT_URLCONF="tests.hub.breaking_urls")
def test_a_breakdown_has_a_page_that_needs_nothing(client: Client) -> None:
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/products/wheel/",
        "/products/wheel/clay/",
        "/products/glaze/",
        "/buy/wheel/",
        "/account/",
        "/accounts/2fa/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/sessions/",
        "/accounts/email/",
        "/accounts/logout/",
        "/console/",
        "/console/products/",
        "/console/people/",
    ],
)
def test_no_page_has_inline_script_or_style(studio: Studio, owner: User, signed_in: Enter, path: str) -> None:
    studio.give(owner, studio.course)
    cast.SalesPageFactory(product=studio.course)
    client = signed_in(owner)
    response = client.get(path, follow=True)
    assert response.status_code == 200
    assert not INLINE.search(response.content.decode())
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_page_has_one_title_one_main_heading_and_a_way_past_the_navigation(studio: Studio, client: Client) -> None:
    page = client.get("/").content.decode()
    assert page.count("<h1") == page.count("<title>") == page.count('id="main"') == 1
    assert '<a class="skip" href="#main">' in page
    assert '<html lang="en">' in page


def test_being_here_is_remembered_every_five_minutes(studio: Studio, ada: User, client: Client) -> None:
    client.force_login(ada)
    client.get("/")
    first = User.objects.get(pk=ada.pk).last_seen
    assert first is not None
    client.get("/")
    assert User.objects.get(pk=ada.pk).last_seen == first
    User.objects.filter(pk=ada.pk).update(last_seen=timezone.now() - SEEN_EVERY - timedelta(seconds=1))
    client.get("/")
    assert User.objects.get(pk=ada.pk).last_seen != first


def test_what_a_person_sees_is_kept_by_no_shared_cache(
    studio: Studio, ada: User, client: Client, signed_in: Enter
) -> None:
    assert set(signed_in(ada).get("/")["Cache-Control"].split(", ")) == {"private", "no-cache"}
    assert not client.get("/").has_header("Cache-Control")
    assert "public" in signed_in(ada).get("/theme.css")["Cache-Control"]


def test_times_are_shown_in_the_readers_zone(studio: Studio, owner: User, signed_in: Enter) -> None:
    User.objects.filter(pk=owner.pk).update(timezone="Asia/Tokyo")
    assert "+09:00" in signed_in(owner).get("/console/people/").content.decode()
    User.objects.filter(pk=owner.pk).update(timezone="Nowhere/Atlantis")
    assert signed_in(owner).get("/console/people/").status_code == 200


def test_the_sites_row_is_read_once_for_a_page(
    studio: Studio, client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(6) as asked:
        client.get("/")
    assert sum("hub_site" in query["sql"] for query in asked.captured_queries) == 1
