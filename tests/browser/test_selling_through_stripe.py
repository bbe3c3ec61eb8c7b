"""An owner connects Stripe, makes a Stripe product, sells it, and may not unlink it while somebody subscribes."""

import json
import re
from collections.abc import Iterator

import pytest
import stripe
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Stack, eventually
from tests.browser.test_member_journey import pay, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
BUYER = "greta@example.org"


@pytest.fixture
def desk(visitor: BrowserContext, stack: Stack) -> Iterator[Page]:
    """The owner's page. Whatever the browser refuses or throws fails the test."""
    page = visitor.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{stack.site}/accounts/login/")
    sign_in(page, stack, email="owner@example.com")
    yield page
    assert wrong == []


@pytest.fixture
def api(stack: Stack) -> stripe.V1Services:
    facts = json.loads((stack.folder / "demo.json").read_text())
    return stripe.StripeClient(facts["secret_key"], base_addresses={"api": stack.sandbox}).v1


def check(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


def test_connect_create_and_link_sell_and_unlink_when_the_last_one_has_left(
    stack: Stack, desk: Page, api: stripe.V1Services, page: Page
) -> None:
    connect(stack, desk)
    slug = make_product(stack, desk)
    link = create_and_link(stack, desk, slug)

    page.goto(link)
    pay(page, email=BUYER, name="Greta Moss")
    page.wait_for_url("**/checkout/return**")
    eventually(lambda: stack.why(BUYER, slug).get("access"), seconds=40)
    desk.goto(f"{stack.site}/console/activity/?q={BUYER}")
    expect(desk.locator("#feed")).to_contain_text("Salt Glazing")

    unlink_when_nobody_subscribes(stack, desk, api, slug)
    link_again(stack, desk, slug)


def connect(stack: Stack, desk: Page) -> None:
    """Disconnected first, so that it is done as on the first day."""
    desk.goto(f"{stack.site}/console/stripe/disconnect/")
    desk.get_by_role("button", name="Disconnect").click()
    expect(desk.get_by_role("heading", name="Not connected")).to_be_visible()
    check(desk)
    desk.get_by_label("Secret or restricted key").fill("sk_test_of_nobody_here")
    desk.get_by_role("button", name="Connect").click()
    expect(desk.get_by_text("Stripe does not take this key")).to_be_visible()
    key = json.loads((stack.folder / "demo.json").read_text())["secret_key"]
    desk.get_by_label("Secret or restricted key").fill(key)
    desk.get_by_role("button", name="Connect").click()
    expect(desk.get_by_role("status")).to_contain_text("Connected to")
    expect(desk.locator(".rail")).to_contain_text("Test mode")
    desk.get_by_role("button", name="Look now").click()
    expect(desk.get_by_text("Ready", exact=True)).to_be_visible()
    assert key not in desk.content()
    check(desk)


def make_product(stack: Stack, desk: Page) -> str:
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name="New product").click()
    desk.get_by_label("Name").fill("Salt Glazing by Night")
    desk.get_by_role("button", name="Make it").click()
    desk.get_by_role("link", name="Write the first page").click()
    desk.get_by_label("Title").fill("The first log")
    desk.get_by_role("button", name="Save and publish").click()
    desk.get_by_role("button", name="Publish", exact=True).click()
    expect(desk.get_by_role("status")).to_contain_text("is live")
    return "salt-glazing-by-night"


def open_settings(stack: Stack, desk: Page, slug: str) -> None:
    desk.goto(f"{stack.site}/products/{slug}/")
    name = desk.get_by_role("heading", level=1).inner_text()
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name=re.compile(f"settings of {name}")).click()


def create_and_link(stack: Stack, desk: Page, slug: str) -> str:
    """Returns the payment link."""
    open_settings(stack, desk, slug)
    desk.get_by_label("Name or id").press_sequentially("raku", delay=40)
    expect(desk.locator("#candidates li")).to_have_count(1)
    expect(desk.locator("#candidates")).to_contain_text("Opens Raku Weekend")
    check(desk)
    desk.get_by_role("link", name="Create a new Stripe product").click()
    desk.get_by_label("Price").fill("24.50")
    check(desk)
    desk.get_by_role("button", name="Create and link").click()
    expect(desk.get_by_role("status")).to_contain_text("opens for everybody who buys")
    expect(desk.get_by_text("€24.50 a month", exact=True)).to_be_visible()
    expect(desk.get_by_role("button", name="Copy link")).to_be_visible()
    check(desk)
    return str(desk.locator("a[id^=link-]").get_attribute("href"))


def unlink_when_nobody_subscribes(stack: Stack, desk: Page, api: stripe.V1Services, slug: str) -> None:
    open_settings(stack, desk, slug)
    expect(desk.get_by_role("link", name="Unlink")).to_have_count(0)
    address = f"{desk.url}unlink/"
    desk.goto(address)
    expect(desk.get_by_role("heading", name="It cannot be unlinked yet")).to_be_visible()
    expect(desk.get_by_text("1 subscription is still live")).to_be_visible()
    check(desk)
    desk.get_by_role("link", name="See it").click()
    expect(desk.get_by_text(BUYER)).to_be_visible()
    check(desk)
    customer = api.customers.list({"email": BUYER}).data[0].id
    api.subscriptions.cancel(api.subscriptions.list({"customer": customer}).data[0].id)
    eventually(lambda: not stack.why(BUYER, slug).get("access"), seconds=40)
    desk.goto(address)
    desk.get_by_role("button", name="Unlink").click()
    expect(desk.get_by_role("status")).to_contain_text("is no longer linked")


def link_again(stack: Stack, desk: Page, slug: str) -> None:
    open_settings(stack, desk, slug)
    desk.locator("#candidates").get_by_role("link", name=re.compile("^Salt Glazing by Night")).click()
    expect(desk.get_by_text("0 live subscriptions")).to_be_visible()
    expect(desk.get_by_role("checkbox", name="€24.50 a month")).to_be_checked()
    desk.get_by_role("checkbox", name="Checkout").uncheck()
    expect(desk.get_by_text("Prices on sale")).to_be_hidden()
    desk.get_by_role("checkbox", name="Checkout").check()
    check(desk)
    desk.get_by_role("button", name="Save the link").click()
    expect(desk.get_by_role("status")).to_contain_text("opens for everybody who buys")
