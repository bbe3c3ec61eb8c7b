"""Django's admin as support meets it: every list, a row of each, an action that asks: silent, accessible, fitting."""

from collections.abc import Iterator

import pytest
from django.contrib import admin
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Stack
from tests.browser.crawling import look_at, look_at_all
from tests.browser.test_member_journey import sign_in
from tests.browser.test_sandbox_pages import listen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

# Django's tables of a row's parts have a heading without words above what it leaves room for: its original's name.
DJANGOS = frozenset({"empty-table-header"})


@pytest.fixture
def support(visitor: BrowserContext, stack: Stack) -> Page:
    page = visitor.new_page()
    page.goto(f"{stack.site}/accounts/login/?next=/admin/")
    sign_in(page, stack, email="support@example.com")
    return page


def pages_of(page: Page, stack: Stack) -> Iterator[tuple[str, str]]:
    """The index, and of each kind of record its list and, where there is one, a row."""
    yield "index", f"{stack.site}/admin/"
    for model in admin.site._registry:
        where = f"{model._meta.app_label}/{model._meta.model_name}"
        listed = f"{stack.site}/admin/{where}/"
        yield where, listed
        page.goto(listed)
        first = page.locator("#result_list tbody th a, #result_list tbody td.field-__str__ a").first
        if first.count():
            yield f"{where}, a row", str(first.evaluate("link => link.href"))


def test_every_page_of_the_admin_is_silent_accessible_and_fits(support: Page, stack: Stack) -> None:
    pages = dict(pages_of(support, stack))
    pages["a history"] = pages["djstripe/subscription, a row"].replace("/change/", "/history/")
    pages["nothing found"] = f"{stack.site}/admin/hub/user/?q=nobody@example.org"
    pages["no such page"] = f"{stack.site}/admin/hub/nothing/"
    pages["deleting is refused"] = f"{stack.site}/admin/hub/user/1/delete/"
    assert len(pages) > 40
    assert not (wrong := look_at_all(support, pages, borne=DJANGOS)), "\n".join(wrong)


def test_an_action_asks_why_before_it_does_anything(support: Page, stack: Stack) -> None:
    problems = listen(support)
    support.goto(f"{stack.site}/admin/hub/grant/?q=ivo@example.com")
    support.get_by_role("checkbox").nth(1).check()
    support.locator("select[name=action]").select_option(label="Take the chosen grants back…")
    support.get_by_role("button", name="Go").click()
    expect(support.get_by_role("heading", name="Take this back?")).to_be_visible()
    assert problems == []
    look_at(support)
