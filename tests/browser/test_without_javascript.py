"""The console in a browser without JavaScript: every form of a working day, from a product to a setting."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Stack, eventually
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

AT_WORK = 120  # seconds that a busy machine may take for what is done in the background


@pytest.fixture
def owner(chromium: Browser, stack: Stack) -> Page:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{stack.site}/accounts/login/?next=/console/")
    sign_in(page, stack, email="owner@example.com")
    return page


def look_again_until(page: Page, words: str) -> None:
    """Nothing moves by itself, and the page says how to look again."""

    def look() -> bool:
        if there := page.get_by_text(words, exact=True).count():
            return bool(there)
        page.get_by_role("link", name="Look again").click()
        return False

    eventually(look, seconds=AT_WORK)


def test_a_product_is_made_written_and_linked_and_its_buyers_are_looked_for(owner: Page, stack: Stack) -> None:
    owner.goto(f"{stack.site}/console/products/")
    owner.get_by_role("link", name="New product").click()
    owner.get_by_label("Name").fill("Saggar Firing")
    owner.get_by_role("button", name="Make it").click()
    owner.get_by_role("link", name="Write the first page").click()
    owner.get_by_label("Title").fill("Sawdust")
    owner.get_by_label("Body").fill("Pack it **tight**.")
    owner.get_by_role("button", name="Save and publish").click()
    expect(owner.get_by_role("status")).to_contain_text("Published.")
    owner.get_by_role("button", name="Publish", exact=True).click()
    expect(owner.get_by_role("status")).to_contain_text("Saggar Firing is live")

    owner.goto(f"{stack.site}/console/products/")
    owner.get_by_role("link", name="Stripe settings of Saggar Firing").click()
    owner.get_by_label("Name or id").fill("no such thing")
    owner.get_by_role("button", name="Search").click()
    expect(owner.get_by_text("No active product at Stripe has “no such thing”")).to_be_visible()
    owner.get_by_role("link", name="Create a new Stripe product").click()
    owner.locator("[name=amount]").fill("35")
    owner.get_by_role("button", name="Create and link").click()
    expect(owner.get_by_role("heading", name="Stripe settings")).to_be_visible()
    expect(owner.get_by_text(re.compile(r"https?://\S+/")).first).to_be_visible()

    owner.goto(f"{stack.site}/console/stripe/imports/")
    owner.get_by_role("button", name="Show what would happen").click()
    look_again_until(owner, "If you import now")


def test_people_are_found_and_given_something_and_a_setting_is_kept(owner: Page, stack: Stack) -> None:
    owner.goto(f"{stack.site}/console/people/")
    owner.locator("[name=q]").fill("cleo")
    owner.get_by_role("button", name="Show").click()
    owner.get_by_role("checkbox", name="Tick Cleo Marsh").check()
    owner.get_by_role("button", name="Give access").click()
    owner.get_by_label("Product").select_option(label="Glaze Atlas")
    owner.get_by_label("Reason").fill("A gift")
    owner.get_by_role("button", name="See what would happen").click()
    owner.get_by_role("button", name="Give access").click()
    expect(owner.locator("#progress")).to_contain_text("1 of 1")
    assert stack.why("cleo@example.com", "glaze-atlas")["access"] is True
    owner.get_by_role("button", name="Undo").click()
    eventually(lambda: not stack.why("cleo@example.com", "glaze-atlas")["access"])

    owner.goto(f"{stack.site}/console/settings/")
    owner.get_by_label("Tagline").fill("Clay without a script")
    owner.get_by_role("button", name="Save").first.click()
    expect(owner.get_by_role("status")).to_contain_text("Saved")
    owner.goto(f"{stack.site}/")
    expect(owner.get_by_text("Clay without a script").first).to_be_visible()
