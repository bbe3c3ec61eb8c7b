"""The owner links a product that hundreds have bought before, imports them by clicking, and sees the next one buy."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, Stack, eventually
from tests.browser.crawling import look_at
from tests.browser.test_member_journey import pay, sign_in
from tests.browser.test_sandbox_pages import listen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MANY = 500
AT_WORK = 180_000  # milliseconds that a busy machine may take for an import's step


def test_500_are_imported_as_shown_and_the_next_purchase_appears(page: Page, chromium: Browser, stack: Stack) -> None:
    seed = [sys.executable, "-m", "sandbox", "seed", "--subscribers", str(MANY), "--url", stack.sandbox]
    subprocess.run(seed, cwd=ROOT, check=True, capture_output=True, timeout=120)
    problems = listen(page)
    page.goto(f"{stack.site}/accounts/login/?next=/console/products/")
    sign_in(page, stack, email="owner@example.com")
    page.get_by_role("link", name=re.compile("settings of Kiln Log")).click()

    # Linking leads to the import.
    page.get_by_label("Name or id").fill("Seeded")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Seeded membership").click()
    expect(page.get_by_text(re.compile(f"{MANY} live subscriptions"))).to_be_visible()
    page.get_by_role("button", name="Save the link").click()
    expect(page.get_by_role("heading", name="Import who bought before")).to_be_visible()

    # The dry run shows everybody, and changes nothing.
    page.get_by_role("checkbox", name="Send everybody").check()
    page.get_by_role("button", name="Show what would happen").click()
    do_it = page.get_by_role("button", name=f"Import {MANY} rows and send {MANY} e-mails")
    expect(do_it).to_be_visible(timeout=AT_WORK)
    assert stack.mails_to("1-7@seeded.example") == []
    look_at(page)
    page.get_by_label("Person or Stripe id").fill("1-7@seeded")
    page.get_by_role("button", name="Show", exact=True).click()
    row = page.get_by_role("row").filter(has_text="1-7@seeded.example")
    expect(row).to_contain_text("Kiln Log")
    expect(row).to_contain_text("New person")

    # The import runs in the background, and the page follows it to the end.
    do_it.click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible(timeout=AT_WORK)
    expect(page.locator(".stat").filter(has_text="imported").first).to_contain_text(str(MANY))
    look_at(page)
    assert stack.why("1-7@seeded.example", "kiln-log")["access"] is True
    eventually(lambda: stack.mails_to("1-7@seeded.example"), seconds=60)

    # It can be undone, which says first what stays.
    page.get_by_role("link", name="Undo…").click()
    if "/reauthenticate/" in page.url:
        before = len(stack.mails_to("owner@example.com"))
        page.get_by_role("button", name="Send me a code").click()
        eventually(lambda: len(stack.mails_to("owner@example.com")) > before)
        page.locator("[name=code]").fill(stack.code_for("owner@example.com"))
        page.locator("[name=code]").press("Enter")
    expect(page.get_by_role("heading", name="What stays")).to_be_visible()
    look_at(page)

    # Whoever buys next is in the feed beside them.
    visitor = chromium.new_context().new_page()
    visitor.goto(f"{stack.site}/buy/studio-membership/")
    visitor.locator(".offers a").filter(has_text=re.compile("€24.00 a month")).click()
    pay(visitor, email="vera@example.org", name="Vera Lind")
    visitor.wait_for_url("**/checkout/return**")
    page.goto(f"{stack.site}/console/activity/?q=vera%40example.org")
    expect(page.get_by_text("bought Studio Membership").first).to_be_visible(timeout=60_000)
    visitor.context.close()
    assert problems == []
