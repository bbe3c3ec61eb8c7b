"""Every page of the console, found by its links as owners find them: accessible, fitting, silent under its policy."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import URLPattern, get_resolver, resolve, reverse
from django.urls.converters import IntConverter
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Stack
from tests.browser.test_member_journey import sign_in
from tests.browser.test_sandbox_pages import RULES, listen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]

SIZES: list[tuple[int, Any]] = [(1280, "light"), (390, "dark")]
CONSOLE = "/console/"


def patterns(found: list[Any], path: str = "/", space: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The names of all addresses below /console/, and what stands in their paths."""
    for pattern in found:
        here = path + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            if here.startswith(CONSOLE):
                yield f"{space}{pattern.name}", pattern.pattern.converters
        elif pattern.namespace != "admin":
            yield from patterns(pattern.url_patterns, here, f"{pattern.namespace}:" if pattern.namespace else space)


def guesses(name: str, parameters: dict[str, Any]) -> Iterator[str]:
    """Paths of that name for the first rows of any table, where it names rows by number."""
    if all(isinstance(converter, IntConverter) for converter in parameters.values()):
        for pk in range(1, 1 + (5 if parameters else 1)):
            yield reverse(name, kwargs=dict.fromkeys(parameters, pk))


def name_of(address: str) -> str:
    return resolve(urlsplit(address).path).view_name


def is_page(page: Page, address: str) -> bool:
    """Whether it answers GET with a page of its own: not a file, no button's address."""
    answer = page.request.get(address, max_redirects=0)
    return answer.status == 200 and answer.headers["content-type"].startswith("text/html")


def links_of(page: Page) -> list[str]:
    """Whereto the page leads in the console, its folded parts too."""
    found: list[str] = page.evaluate("[...document.querySelectorAll('a[href]:not([download])')].map(each => each.href)")
    return [address for address in found if urlsplit(address).path.startswith(CONSOLE)]


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


@pytest.fixture
def addresses(owner: Page, stack: Stack) -> dict[str, str]:
    """One address of each page: nearest to the first one by links, or of the first rows where no link leads there."""
    found, waiting = {}, [f"{stack.site}{CONSOLE}"]
    while waiting:
        address = waiting.pop(0)
        name = name_of(address)
        if name in found or not is_page(owner, address):
            found.setdefault(name, "")
            continue
        found[name] = address
        owner.goto(address)
        waiting += [link for link in links_of(owner) if name_of(link) not in found]
    for name, parameters in patterns(get_resolver().url_patterns):
        if not found.get(name):
            paths = (f"{stack.site}{path}" for path in guesses(name, parameters))
            found[name] = next((address for address in paths if is_page(owner, address)), "")
    return {name: address for name, address in found.items() if address}


def test_every_page_of_the_console_is_accessible_and_fits(owner: Page, addresses: dict[str, str], stack: Stack) -> None:
    complaints, wrong = listen(owner), []
    for width, scheme in SIZES:
        owner.set_viewport_size({"width": width, "height": 900})
        owner.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for name, address in addresses.items():
            owner.goto(address)
            owner.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            wide = owner.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            broken = Axe().run(owner, options=RULES).response["violations"]
            told = [f"{rule['id']} at {rule['nodes'][0]['target']}" for rule in broken]
            if wide or told or complaints:
                wrong.append(f"{name} ({width}, {scheme}): {'too wide ' if wide else ''}{told} {complaints}")
                complaints.clear()
    assert len(addresses) > 25
    assert not wrong, "\n".join(wrong)
