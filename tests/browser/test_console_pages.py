"""Every page of the console, found by its links as owners find them: accessible, fitting, silent under its policy."""

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Stack
from tests.browser.crawling import look_at_all, pages_below
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

CONSOLE = "/console/"


@pytest.fixture
def owner(visitor: BrowserContext, stack: Stack) -> Page:
    """Signed in, with something on the pages that only work fills: a change to several people, half asked for."""
    page = visitor.new_page()
    page.goto(f"{stack.site}/accounts/login/?next={CONSOLE}")
    sign_in(page, stack, email="owner@example.com")
    for reason in ("Summer party", ""):
        page.goto(f"{stack.site}/console/people/")
        for box in page.locator("input[name=person]").all()[:3]:
            box.check()
        page.click("button[name=deed][value=invite]")
        if reason:
            page.fill("input[name=reason]", reason)
            page.click("text=See what would happen")
            page.click("main .button-primary")
    return page


def test_every_page_of_the_console_is_accessible_and_fits(owner: Page, stack: Stack) -> None:
    addresses = pages_below(CONSOLE, owner, site=stack.site)
    assert len(addresses) > 25
    assert not (wrong := look_at_all(owner, addresses)), "\n".join(wrong)
