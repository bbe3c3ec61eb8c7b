"""The console by keys alone: a way past the rail, a focus that is seen, and work that is done without a mouse."""

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Stack
from tests.browser.crawling import pages_below
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

STOPS = 40  # of each page, of which long lists have hundreds
# Where the focus is: its name, whether it can be seen at all, and whether it is marked.
FOCUS = """() => {
  const here = document.activeElement;
  if (!here || here === document.body) return null;
  if (here.tagName === "IFRAME") return {name: "a letter's own", seen: true, marked: true};
  const marked = [here, ...document.querySelectorAll(":has(> :focus-visible)")].some((each) => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  const box = here.getBoundingClientRect();
  const seen = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const name = `${here.tagName.toLowerCase()} ${here.name || here.textContent.trim().slice(0, 40)}`;
  return {name, seen, marked};
}"""


@pytest.fixture
def owner(page: Page, stack: Stack) -> Page:
    page.goto(f"{stack.site}/accounts/login/?next=/console/")
    sign_in(page, stack, email="owner@example.com")
    return page


def focus(page: Page) -> Any:
    return page.evaluate(FOCUS)


def tab_to(page: Page, wanted: Locator) -> None:
    """By Tab alone, as far as it takes."""
    expect(wanted).to_be_visible()
    for _ in range(150):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"no key leads to {wanted}")


def test_every_page_of_the_console_is_walked_by_tab_alone(owner: Page, stack: Stack) -> None:
    wrong = []
    for name, address in pages_below("/console/", owner, site=stack.site).items():
        owner.goto(address)
        if not owner.locator("[autofocus]").count():
            owner.keyboard.press("Tab")
            owner.keyboard.press("Enter")
            if not owner.evaluate("document.activeElement.id === 'main'"):
                wrong.append(f"{name}: the first key leads to {focus(owner)}")
        for _ in range(STOPS):
            owner.keyboard.press("Tab")
            if (at := focus(owner)) is None:
                break
            if not (at["seen"] and at["marked"]):
                wrong.append(f"{name}: {at}")
    assert not wrong, "\n".join(wrong)


def test_a_product_is_moved_by_keys_and_the_next_key_goes_on_from_it(owner: Page, stack: Stack) -> None:
    owner.goto(f"{stack.site}/console/products/")
    names = owner.locator("tbody .row-link b")
    first, second, *rest = names.all_inner_texts()
    up = owner.get_by_role("button", name=f"Move {second} up", exact=True)
    tab_to(owner, up)
    owner.keyboard.press("Enter")
    expect(names).to_have_text([second, first, *rest])
    expect(up).to_be_focused()
    owner.keyboard.press("Tab")
    expect(owner.get_by_role("button", name=f"Move {second} down", exact=True)).to_be_focused()


def test_a_product_is_linked_to_stripe_by_keys(owner: Page, stack: Stack) -> None:
    owner.goto(f"{stack.site}/console/products/")
    tab_to(owner, owner.get_by_role("link", name="Stripe settings of Kiln Log"))
    owner.keyboard.press("Enter")
    tab_to(owner, owner.get_by_role("link", name="Create a new Stripe product"))
    owner.keyboard.press("Enter")
    amount = owner.get_by_label("Price", exact=True)
    tab_to(owner, amount)
    owner.keyboard.type("12.50")
    tab_to(owner, owner.get_by_role("button", name="Create and link"))
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("status")).to_contain_text("Kiln Log")
