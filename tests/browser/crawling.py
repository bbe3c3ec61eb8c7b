"""Every page of a part of the site, found by its links as people find them, and one look at each."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from django.urls import URLPattern, get_resolver, resolve, reverse
from django.urls.converters import IntConverter
from playwright.sync_api import Page

from tests.browser.test_sandbox_pages import RULES, listen

SIZES: list[tuple[int, Any]] = [(1280, "light"), (390, "dark")]
ROWS = 5  # that a guess may come upon
REFUSED = "Failed to load resource: the server responded"  # of a page that is meant to refuse


def names_below(start: str, *, besides: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """The names of all addresses below a path, without those below others, and what stands in their paths."""
    every = _patterns(get_resolver().url_patterns)
    return {name: held for name, path, held in every if path.startswith(start) and not path.startswith(besides)}


def pages_below(start: str, page: Page, *, site: str, besides: tuple[str, ...] = ()) -> dict[str, str]:
    """One address of each page: nearest to the first one by links, or of the first rows where no link leads there."""
    found: dict[str, str] = {}
    waiting = [f"{site}{start}"]
    while waiting:
        address = waiting.pop(0)
        name = name_of(address)
        if name in found or not _is_page(page, address):
            found.setdefault(name, "")
            continue
        found[name] = address
        page.goto(address)
        links = (link for link in _links_of(page, site=site) if name_of(link) not in found)
        waiting += [link for link in links if _is_below(link, start, besides=besides)]
    for name, held in names_below(start, besides=besides).items():
        if not found.get(name):
            guesses = (f"{site}{path}" for path in _guesses(name, held))
            found[name] = next((address for address in guesses if _is_page(page, address)), "")
    return {name: address for name, address in found.items() if address}


def look_at_all(page: Page, addresses: dict[str, str], *, borne: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with each page, on a desk and on a phone; axe's rules `borne` are left out."""
    complaints, wrong = listen(page), []
    for width, scheme in SIZES:
        _turn(page, width=width, scheme=scheme)
        for name, address in addresses.items():
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            said = [words for words in complaints if not words.startswith(REFUSED)]
            if found := [*said, *_findings(page, borne=borne)]:
                wrong.append(f"{name} ({width}, {scheme}): {found}")
            complaints.clear()  # axe reads imported stylesheets anew, which the policy refuses
    return wrong


def look_at(page: Page) -> None:
    """The page as it is now, on a desk and on a phone: nothing is too wide, and axe finds nothing."""
    for width, scheme in SIZES:
        _turn(page, width=width, scheme=scheme)
        assert not _findings(page)
    page.set_viewport_size({"width": 1280, "height": 900})


def _turn(page: Page, *, width: int, scheme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour on its way


def _findings(page: Page, *, borne: frozenset[str] = frozenset()) -> list[str]:
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    broken = Axe().run(page, options=RULES).response["violations"]
    told = [f"{rule['id']} at {rule['nodes'][0]['target']}" for rule in broken if rule["id"] not in borne]
    return [*(["too wide"] if wide else []), *told]


def name_of(address: str) -> str:
    return resolve(urlsplit(address).path).view_name


def _patterns(
    found: list[Any], path: str = "/", space: str = "", given: dict[str, Any] | None = None
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for pattern in found:
        here, held = path + str(pattern.pattern), (given or {}) | pattern.pattern.converters
        if isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name}", here, held
        elif pattern.namespace != "admin":
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _patterns(pattern.url_patterns, here, inner, held)


def _guesses(name: str, parameters: dict[str, Any]) -> Iterator[str]:
    """Paths of that name for the first rows of any table, where it names rows by number."""
    if all(isinstance(converter, IntConverter) for converter in parameters.values()):
        for pk in range(1, 1 + (ROWS if parameters else 1)):
            yield reverse(name, kwargs=dict.fromkeys(parameters, pk))


def _is_page(page: Page, address: str) -> bool:
    """Whether it answers GET with a page of its own: not a file, no button's address."""
    answer = page.request.get(address, max_redirects=0)
    return answer.status == 200 and answer.headers["content-type"].startswith("text/html")


def _links_of(page: Page, *, site: str) -> list[str]:
    """Whereto the page leads on this site, its folded parts too."""
    found: list[str] = page.evaluate("[...document.querySelectorAll('a[href]:not([download])')].map(each => each.href)")
    return [address for address in found if address.startswith(f"{site}/")]


def _is_below(address: str, start: str, *, besides: tuple[str, ...]) -> bool:
    path = urlsplit(address).path
    return path.startswith(start) and not path.startswith(besides)
