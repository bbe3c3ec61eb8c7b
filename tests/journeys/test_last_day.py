"""An end at midnight is told by the last day that was open: before it and after it, on every page and in files."""

import csv
import io
import re
from datetime import date, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime

from activities.letters import render
from activities.models import Delivery
from hub.models import Grant, User
from tests.members import just_came_in, signed_in
from tests.shops import Shop

AWAY = "America/New_York"


@pytest.fixture
def browser(owner: User) -> Client:
    """The owner's, who lives where midnight is another moment than the server's."""
    User.objects.filter(pk=owner.pk).update(timezone=AWAY)
    return just_came_in(signed_in(owner))


@pytest.fixture
def last(shop: Shop, browser: Client, ada: User) -> date:
    """Ada is given the course through the day after tomorrow."""
    User.objects.filter(pk=ada.pk).update(timezone=AWAY)
    day = localtime(shop.now(), ZoneInfo(AWAY)).date() + timedelta(days=2)
    given = {"product": shop.course.pk, "reason": "a present", "ends_on": day.isoformat()}
    assert browser.post(f"/console/people/{ada.pk}/give/", given).status_code == 303
    return day


def words(client: Client, path: str) -> str:
    page = unescape(client.get(path).content.decode())
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


def written(day: date) -> str:
    return date_format(day, "j F Y")


def people(client: Client) -> list[dict[str, str]]:
    answer = client.get("/console/people/export/")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_while_it_is_open(shop: Shop, browser: Client, ada: User, last: date) -> None:
    hers = signed_in(ada)
    pages = {
        "person": words(browser, f"/console/people/{ada.pk}/"),
        "feed": words(browser, "/console/activity/"),
        "records": words(browser, "/admin/hub/grant/"),
        "record": words(browser, f"/admin/hub/grant/{Grant.objects.get().pk}/change/"),
        "account": words(hers, "/account/"),
        "library": words(hers, "/"),
    }
    assert [name for name, page in pages.items() if written(last) not in page] == []
    assert [name for name, page in pages.items() if written(last + timedelta(days=1)) in page] == []
    (row,) = [row for row in people(browser) if row["E-mail"] == ada.email]
    assert row["Until"] == last.isoformat()
    assert row["Why"] == f"Given by hand until {written(last)}."
    answer = browser.get("/console/activity.csv")
    assert f"until {written(last)}" in b"".join(answer.streaming_content).decode()


def test_when_it_is_over(shop: Shop, browser: Client, ada: User, last: date) -> None:
    page = f"/console/people/{ada.pk}/"
    shop.advance("4d")
    said = f"It was given until {written(last)}, and that time is over."
    assert said in words(browser, page)
    assert f"Given by hand until {written(last)}." in words(browser, f"{page}?on={last.isoformat()}")
    assert said in words(browser, f"{page}?on={(last + timedelta(days=1)).isoformat()}")
    assert f"You had it until {written(last)}, and that time is over." in words(signed_in(ada), "/products/the-wheel/")


def test_a_trial_that_ends_at_midnight_is_free_through_the_day_before(shop: Shop, browser: Client) -> None:
    midnight = localtime(shop.now(), ZoneInfo(AWAY)).replace(hour=0, minute=0, second=0, microsecond=0)
    trial_end = midnight + timedelta(days=10)
    api = shop.sandbox.api
    customer = api.customers.create({"email": "ben@example.org", "payment_method": "pm_card_visa"})
    items = [{"price": shop.monthly.price_id}]
    end = int(trial_end.timestamp())
    api.subscriptions.create({"customer": customer.id, "items": items, "trial_end": end})
    shop.deliver()
    ben = User.objects.get(email="ben@example.org")
    User.objects.filter(pk=ben.pk).update(timezone=AWAY)
    ben.refresh_from_db()
    last = written((trial_end - timedelta(days=1)).date())
    assert f"The free trial runs until {last}." in words(browser, f"/console/people/{ben.pk}/")
    assert f"free until {last}" in words(signed_in(ben), "/account/")
    letter = render(Delivery.objects.select_related("user", "product").get(notice="access"))
    assert f"It is a free trial until {last}." in letter.body
