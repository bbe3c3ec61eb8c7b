"""Support answers "why can't she get in?": finds her, reads why, sees what she sees, and mends it."""

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Stack
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_support_finds_out_why_cleo_cannot_get_in_and_lets_her(visitor: BrowserContext, stack: Stack) -> None:
    page = visitor.new_page()
    page.goto(f"{stack.site}/accounts/login/?next=/console/people/")
    sign_in(page, stack, email="support@example.com")
    page.fill("input[name=q]", "cleo@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=cleo**")
    page.get_by_role("table").get_by_role("link", name="Cleo").first.click()

    expect(page.get_by_role("heading", name="Getting in")).to_be_visible()
    access = page.get_by_role("region", name="Access")
    expect(access.get_by_text("Slip & Line").first).to_be_visible()
    expect(access.locator(".why").first.locator(".pill").first).to_have_text("Ended")

    page.get_by_role("button", name="See as Cleo").click()
    banner = page.get_by_role("status").filter(has_text="You see the site as")
    expect(banner).to_be_visible()
    page.goto(f"{stack.site}/account/")
    expect(banner).to_be_visible()
    expect(page.get_by_role("button", name="Cards and invoices")).to_have_count(0)
    page.goto(f"{stack.site}/account/profile/")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="That is Cleo’s alone")).to_be_visible()
    banner.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="Cleo")).to_be_visible()

    page.fill("textarea[name=words]", "Wrote that her card was stolen: a month on the house.")
    page.get_by_role("button", name="Note it").click()
    expect(page.get_by_role("region", name="Notes")).to_contain_text("a month on the house")
    page.select_option("select[name=product]", label="Slip & Line")
    page.fill("input[name=reason]", "Stolen card")
    page.get_by_role("button", name="Give access").click()
    expect(access.locator(".why").filter(has_text="Slip & Line").first.locator(".pill").first).to_have_text("Open")
    expect(page.get_by_role("region", name="What happened")).to_contain_text("Saw the site as this member")
