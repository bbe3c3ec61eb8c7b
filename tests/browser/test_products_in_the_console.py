"""An owner makes a product by clicking, and a member reads it: new, first page, publish. Every page passes axe."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Stack
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def owner(chromium: Browser, stack: Stack) -> Iterator[BrowserContext]:
    """A browser in which the owner is signed in."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{stack.site}/accounts/login/")
    sign_in(page, stack, email="owner@example.com")
    page.close()
    yield context
    context.close()


@pytest.fixture
def desk(owner: BrowserContext) -> Iterator[Page]:
    """A page of the owner's. Whatever the browser refuses or throws fails the test."""
    page = owner.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    page.close()
    assert wrong == []


def check(page: Page) -> None:
    """Nothing for axe to find, and nothing beyond the right edge of a phone."""
    found = Axe().run(page)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


def drag(page: Page, what: str, onto: str, *, below: bool = False) -> None:
    """Lets go on the upper or the lower edge of a row."""
    target = page.get_by_role("listitem").filter(has_text=onto).first
    box = target.bounding_box()
    assert box is not None
    edge = box["height"] - 4 if below else 4
    page.get_by_role("listitem").filter(has_text=what).first.drag_to(target, target_position={"x": 40, "y": edge})


@contextmanager
def sending(page: Page) -> Iterator[None]:
    """What is done inside sends an order, and it is taken."""
    with page.expect_response(lambda answer: answer.url.endswith("/order/")) as sent:
        yield
    assert sent.value.status == 204


def titles(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".pages-title b").all_inner_texts()]


def test_from_nothing_to_what_a_member_reads(stack: Stack, desk: Page, visitor: BrowserContext) -> None:
    desk.goto(f"{stack.site}/console/products/")
    check(desk)
    desk.get_by_role("link", name="New product").click()
    check(desk)
    desk.get_by_label("Name").fill("Salt Glazing at Night")
    desk.get_by_label("Summary").fill("One firing, from the first log to the last cone.")
    desk.get_by_role("button", name="Make it").click()
    expect(desk.get_by_text("Nothing to read yet")).to_be_visible()
    check(desk)

    desk.get_by_role("link", name="Write the first page").click()
    desk.get_by_label("Title").fill("The first log")
    desk.get_by_label("Body").fill("## Wood\n\nDry, and **split small**.")
    desk.get_by_role("button", name="Preview").click()
    expect(desk.locator("#preview strong")).to_have_text("split small")
    check(desk)
    photo = BytesIO()
    Image.new("RGB", (900, 600), "peru").save(photo, "PNG")
    desk.get_by_text("Put a picture in").click()
    desk.get_by_label("Picture").set_input_files({"name": "w.png", "mimeType": "image/png", "buffer": photo.getvalue()})
    desk.get_by_label("What it shows").fill("Split wood")
    desk.get_by_role("button", name="Put it at the end").click()
    expect(desk.get_by_label("Body")).to_have_value(re.compile(r"!\[Split wood\]\(/pictures/"))
    desk.get_by_role("button", name="Save and publish").click()
    expect(desk.get_by_role("status")).to_contain_text("Published.")
    check(desk)

    desk.get_by_role("button", name="Publish", exact=True).click()
    expect(desk.get_by_role("status")).to_contain_text("Salt Glazing at Night is live")
    desk.get_by_role("link", name="Settings").last.scroll_into_view_if_needed()
    desk.goto(re.sub(r"/$", "/settings/", desk.url))
    desk.get_by_label("Every signed-in member").check()
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_role("status")).to_contain_text("Saved.")
    check(desk)

    member = visitor.new_page()
    member.goto(f"{stack.site}/accounts/login/")
    sign_in(member, stack, email="dan@example.com")
    member.goto(f"{stack.site}/")
    member.get_by_role("link", name="Salt Glazing at Night").click()
    member.get_by_role("link", name="Start").click()
    expect(member.locator(".prose strong")).to_have_text("split small")
    shown = member.get_by_role("img", name="Split wood")
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("naturalWidth", 900)


def test_a_picture_is_given_and_shown(stack: Stack, desk: Page) -> None:
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name="Kiln Log").first.click()
    photo = BytesIO()
    Image.new("RGB", (1600, 1200), "sienna").save(photo, "JPEG")
    desk.get_by_label("Picture").set_input_files(
        {"name": "k.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
    )
    desk.get_by_role("button", name="Use this picture").click()
    expect(desk.get_by_role("status")).to_contain_text("The cover is changed.")
    shown = desk.locator("img[src^='/pictures/']")
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("naturalWidth", 360)
    check(desk)
    desk.goto(f"{stack.site}/")
    expect(desk.locator("img[src^='/pictures/']").first).to_be_visible()
    check(desk)


def test_what_is_not_saved_is_not_lost_by_a_click(stack: Stack, desk: Page) -> None:
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name="Slip & Line").first.click()
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    desk.on("dialog", stay)
    desk.get_by_label("Summary").fill("Typed, and not saved.")
    expect(desk.get_by_text("Not saved yet.")).to_be_visible()
    with desk.expect_event("dialog"):
        desk.get_by_role("link", name="Activity").last.click(no_wait_after=True)
    assert asked == ["beforeunload"]
    expect(desk.get_by_label("Summary")).to_have_value("Typed, and not saved.")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_role("status")).to_contain_text("Saved.")
    assert asked == ["beforeunload"]


def test_pages_are_dragged_and_moved_by_keys(stack: Stack, desk: Page) -> None:
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name="Raku Weekend").first.click()
    desk.get_by_role("link", name=re.compile("^Content")).click()
    expect(desk.locator(".pages-title b").first).to_be_visible()
    before = titles(desk)
    assert len(before) > 2
    with sending(desk):
        drag(desk, before[1], before[0])
    moved = [before[1], before[0], *before[2:]]
    desk.reload()
    assert titles(desk) == moved
    up = desk.get_by_role("button", name=f"Move {before[0]} up", exact=True)
    up.focus()
    desk.keyboard.press("Enter")
    expect(desk.locator(".pages-title b")).to_have_text(before)
    expect(up).to_be_focused()


def test_what_is_dropped_below_the_last_row_is_the_last(stack: Stack, desk: Page) -> None:
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name="Raku Weekend").first.click()
    desk.get_by_role("link", name=re.compile("^Content")).click()
    before = titles(desk)
    with sending(desk):
        drag(desk, before[0], before[-1], below=True)
    last = [*before[1:], before[0]]
    desk.reload()
    assert titles(desk) == last
    with sending(desk):
        drag(desk, last[0], last[1], below=True)
    desk.reload()
    assert titles(desk) == [last[1], last[0], *last[2:]]

    section = "A section without a page"
    desk.get_by_label("Title").fill(section)
    desk.get_by_role("button", name="Add the section").click()
    part = desk.get_by_role("region", name=section)
    expect(part.get_by_text("No page yet.")).to_be_visible()
    with sending(desk):
        desk.get_by_role("listitem").filter(has_text=last[0]).first.drag_to(part.get_by_role("heading"))
    expect(part.get_by_text("No page yet.")).to_be_hidden()
    desk.reload()
    expect(part.locator(".pages-title b")).to_have_text([last[0]])
    assert titles(desk)[-1] == last[0]


def test_an_arrow_keeps_the_focus_without_javascript_too(
    stack: Stack, owner: BrowserContext, chromium: Browser
) -> None:
    plain = chromium.new_context(storage_state=owner.storage_state(), java_script_enabled=False)
    page = plain.new_page()
    page.goto(f"{stack.site}/console/products/")
    before = page.locator("tbody .row-link b").all_inner_texts()
    down = page.get_by_role("button", name=f"Move {before[0]} down", exact=True)
    for place in (1, 2):
        down.press("Enter")
        expect(page.locator("tbody .row-link b").nth(place)).to_have_text(before[0])
        expect(down).to_be_focused()
    plain.close()


def test_products_are_dragged_into_the_order_of_the_library(stack: Stack, desk: Page) -> None:
    desk.goto(f"{stack.site}/console/products/")
    names = desk.locator("tbody .row-link b")
    before = names.all_inner_texts()
    rows = desk.locator("tbody tr")
    with sending(desk):
        rows.nth(2).locator("td").nth(3).drag_to(rows.first.locator("td").nth(3), target_position={"x": 9, "y": 3})
    desk.reload()
    moved = [before[2], *before[:2], *before[3:]]
    expect(names).to_have_text(moved)
    bottom = rows.last.bounding_box()
    assert bottom is not None
    rows.first.locator("td").nth(3).hover()
    desk.mouse.down()
    desk.mouse.move(bottom["x"] + 400, bottom["y"] + bottom["height"] / 2)
    with sending(desk):
        desk.mouse.move(bottom["x"] + 400, bottom["y"] + bottom["height"] + 20, steps=3)  # below the table
        desk.mouse.up()
    desk.reload()
    expect(names).to_have_text([*moved[1:], moved[0]])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_a_product_passes_axe_and_fits_a_phone(
    stack: Stack, owner: BrowserContext, chromium: Browser, scheme: str
) -> None:
    phone = chromium.new_context(
        storage_state=owner.storage_state(),
        viewport={"width": 320, "height": 700},
        color_scheme=scheme,  # type: ignore[arg-type]
        is_mobile=True,
        has_touch=True,
    )
    page = phone.new_page()
    page.goto(f"{stack.site}/console/products/")
    page.get_by_role("link", name="Studio Membership").first.click()
    product = page.url
    page.goto(f"{product}content/")
    lesson = page.locator(".pages-title").last.get_attribute("href")
    tabs = ["", "content/", "settings/", "sales/", "activity/", "live/", "archive/", "pages/new/"]
    for address in [f"{stack.site}/console/products/", *(product + tab for tab in tabs), f"{stack.site}{lesson}"]:
        page.goto(address)
        check(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    phone.close()


def test_categories_are_made_dragged_and_deleted(stack: Stack, desk: Page) -> None:
    desk.goto(f"{stack.site}/console/products/")
    desk.get_by_role("link", name="Categories").click()
    check(desk)
    for name in ("Night firings", "Day firings"):
        desk.get_by_label("Name").fill(name)
        desk.get_by_role("button", name="Make it").click()
        expect(desk.get_by_role("status")).to_contain_text("is made")
    check(desk)
    with sending(desk):
        drag(desk, "Day firings", onto="Night firings")
    desk.reload()
    order = titles(desk)
    assert order.index("Day firings") < order.index("Night firings")
    for name in ("Day firings", "Night firings"):
        desk.get_by_role("link", name=name, exact=True).click()
        check(desk)
        desk.get_by_role("link", name="Delete…").click()
        check(desk)
        desk.get_by_role("button", name="Delete the category").click()
        expect(desk.get_by_role("status")).to_contain_text("is deleted")
