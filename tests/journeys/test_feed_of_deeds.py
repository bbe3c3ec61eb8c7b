"""What staff do and the line in the feed that says so are one transaction: there is never one without the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.models import Model
from django.test import Client

from activities import clock
from activities.models import Activity, Delivery
from billing.importing import working
from billing.models import Attention, Connection, ImportBatch, Offer
from hub.models import Product, SalesPage, User
from tests.hub.test_editing import typed
from tests.hub.test_editing_sales_pages import sales_form
from tests.importing import begin
from tests.pasts import Past
from tests.shops import Shop

Deed = Callable[[], Any]
KEPT = (Product, SalesPage, User, Delivery, Attention, ImportBatch, Offer, Connection)


@contextmanager
def lost_before_writing(model: type[Model]) -> Iterator[None]:
    """A database that goes away just then."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT") and model._meta.db_table in sql:
            raise OperationalError("the connection was lost")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def all_that_is_kept() -> dict[str, list[Any]]:
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in KEPT}


def check(deed: Deed, *, lost: type[Model] = Activity) -> None:
    """Nothing of it stays where the half that is written last is lost; then it is done, and told."""
    User.objects.filter(last_seen=None).update(last_seen=clock.now())
    before, told = all_that_is_kept(), Activity.objects.count()
    with lost_before_writing(lost), pytest.raises(OperationalError):
        deed()
    assert all_that_is_kept() == before
    assert Activity.objects.count() == told
    deed()
    assert all_that_is_kept() != before
    assert Activity.objects.count() > told


@pytest.mark.parametrize("tab", ["", "settings/"])
def test_editing_a_product(shop: Shop, desk: Client, tab: str) -> None:
    path = f"/console/products/{shop.course.pk}/{tab}"
    changes: dict[str, Any] = {"purchase": "none"} if tab else {"summary": "Another one."}
    body = typed(desk, path, **changes)
    check(lambda: desk.post(path, body))


def test_writing_a_sales_page(shop: Shop, desk: Client) -> None:
    path = f"/console/products/{shop.course.pk}/sales/"
    body = sales_form(desk, path, headline="Throw your first bowl")
    check(lambda: desk.post(path, body))


def test_settling_a_question(shop: Shop, desk: Client) -> None:
    found = Attention.objects.create(kind=Attention.Kind.UNMATCHED, key="unmatched:pi_1", opened_at=shop.now())
    check(lambda: desk.post(f"/console/decide/{found.pk}/settle/"))


@pytest.mark.parametrize("act", ["invite/", "access-again/{}/"])
def test_writing_to_somebody(shop: Shop, desk: Client, act: str) -> None:
    shop.buy(shop.once)
    shop.deliver()
    person = User.objects.get(email="ada@example.org")

    def press() -> None:
        cache.clear()  # where it is counted that this is done once a minute
        desk.post(f"/console/people/{person.pk}/{act.format(shop.course.pk)}")

    check(press, lost=Delivery)


def test_making_somebody_staff(shop: Shop, browser: Client) -> None:
    body = {"address": "sam@example.org", "name": "Sam", "role": "support"}
    check(lambda: browser.post("/console/staff/invite/", body))


def test_pasting_a_signing_secret(shop: Shop, browser: Client) -> None:
    check(lambda: browser.post("/console/stripe/endpoint/secret/", {"secret": "whsec_0123456789abcdef"}))


def test_rolling_the_signing_secret(shop: Shop, browser: Client) -> None:
    check(lambda: browser.post("/console/stripe/endpoint/roll/"))


def test_ending_the_old_signing_secret(shop: Shop, browser: Client) -> None:
    browser.post("/console/stripe/endpoint/roll/")
    check(lambda: browser.post("/console/stripe/endpoint/roll/end/"))


def test_taking_a_price_off_sale(shop: Shop, desk: Client) -> None:
    body = {"checkout": "on", "prices": [shop.monthly.price_id]}
    check(lambda: desk.post(f"/console/products/{shop.club.pk}/stripe/prices/", body))


def test_beginning_and_undoing_an_import(past: Past, browser: Client) -> None:
    past.subscribe("ada@example.org")
    past.connect()
    page = begin(browser)
    plan = ImportBatch.objects.get().plan
    check(lambda: browser.post(f"{page}apply/", {"plan": plan}))
    working.go_on()
    assert ImportBatch.objects.get().state == ImportBatch.State.DONE
    check(lambda: browser.post(f"{page}undo/"))


def test_coming_back_after_a_long_absence(shop: Shop, dan: User) -> None:
    client = Client()
    client.force_login(dan)
    User.objects.filter(pk=dan.pk).update(last_seen=clock.now() - timedelta(days=99))
    check(lambda: client.get("/account/profile/"))
