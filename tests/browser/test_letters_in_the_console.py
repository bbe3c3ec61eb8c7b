"""Wording a letter anew: looked at as often as its owner likes before it is saved, in a frame beside the words."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Stack
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
LETTER = "/console/settings/letters/access/"


def test_a_letter_is_looked_at_again_and_again_and_then_saved(visitor: BrowserContext, stack: Stack) -> None:
    page = visitor.new_page()
    page.goto(f"{stack.site}/accounts/login/?next={LETTER}")
    sign_in(page, stack, email="owner@example.com")
    shown = page.frame_locator("iframe[name=letter]")
    expect(shown.locator("body")).to_contain_text("You have access to")
    for words in ("Come in, it is warm.", "Come in, there is tea."):
        page.fill("textarea[name=body]", f"{words}\n\n{{button}}")
        page.get_by_role("button", name="Look at it").click()
        expect(shown.locator("body")).to_contain_text(words)
        expect(shown.get_by_role("link", name=re.compile("^Open "))).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("The next one that goes out says this.")
    page.get_by_role("button", name="Back to Foyer’s words").click()
    expect(page.locator(".head")).to_contain_text("Foyer’s words")
