"""Draws the pictures of the owner's guide anew. `python -m docs.screens`, while the demo runs (`make demo`).

One picture for each line of PAGES: its name, where the page is, and what is clicked there first. What has a number in
its address is reached by a link's text, so that no number of a row stands here. Each is under 150 kB.
"""

import json
import re
import shutil
import time
import urllib.request
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "images" / "guide"
OWNER = "owner@example.com"
SIZE = {"width": 1280, "height": 800}
COLOURS = 128


@dataclass(frozen=True)
class Shot:
    """`path` below the site; `steps` are followed in turn: the text of a link or button, or a selector in brackets."""

    name: str
    path: str
    steps: tuple[str, ...] = ()


PAGES = (
    Shot("overview", "/console/"),
    Shot("products", "/console/products/"),
    Shot("product", "/console/products/", ("Studio Membership",)),
    Shot("content", "/console/products/", ("The Wheel, from Zero", "[.tabs a[href$='content/']]")),
    Shot("sales-page", "/console/products/", ("The Wheel, from Zero", "[.tabs a[href$='sales/']]")),
    Shot("product-settings", "/console/products/", ("The Wheel, from Zero", "[.tabs a[href$='settings/']]")),
    Shot("stripe", "/console/stripe/"),
    Shot("linking", "/console/products/", ("settings of Kiln Log",)),
    Shot("prices", "/console/products/", ("settings of Studio Membership", "Change what is on sale…")),
    Shot("imports", "/console/stripe/imports/"),
    Shot("rules", "/console/stripe/policy/"),
    Shot("people", "/console/people/?state=open"),
    Shot("person", "/console/people/?q=ben@example.com", ("Ben Kato",)),
    Shot("add-people", "/console/people/add/"),
    Shot("together", "/console/people/?q=a", ("[input[name=everybody]]", "[button[value=give]]")),
    Shot("decide", "/console/decide/"),
    Shot("activity", "/console/activity/"),
    Shot("settings", "/console/settings/"),
    Shot("staff", "/console/staff/"),
)


def main() -> None:
    demo = json.loads((ROOT / "var" / "demo.json").read_text())
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, color_scheme="light", timezone_id="Europe/Berlin", locale="en-GB")
        sign_in(page, site=demo["site"], mail=demo["mail"])
        for shot in PAGES:
            page.goto(demo["site"] + shot.path)
            for step in shot.steps:
                follow(page, step)
            page.wait_for_load_state("networkidle" if "activity" not in shot.name else "load")
            keep(page.screenshot(), name=shot.name)
        browser.close()


def sign_in(page: Page, *, site: str, mail: str) -> None:
    """By the code in the newest e-mail, as everybody does."""
    before = len(codes(mail))
    page.goto(f"{site}/accounts/login/?next=/console/")
    page.get_by_label("E-mail address").fill(OWNER)
    page.get_by_role("button", name="Continue").click()
    while len(found := codes(mail)) == before:
        time.sleep(0.2)
    page.locator("[name=code]").fill(found[0])
    page.locator("[name=code]").press("Enter")
    page.wait_for_url(f"{site}/console/")


def codes(mail: str) -> list[str]:
    with urllib.request.urlopen(f"{mail}?format=json&to={OWNER}", timeout=30) as answer:  # noqa: S310
        mails = json.load(answer)
    found = (re.search(r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", each["text"], re.MULTILINE) for each in mails)
    return [code[1] for code in found if code]


def follow(page: Page, step: str) -> None:
    if step.startswith("["):
        page.locator(step[1:-1]).first.click()
    else:
        page.locator("main").get_by_role("link", name=step).first.click()
    page.wait_for_load_state("load")


def keep(picture: bytes, *, name: str) -> None:
    """With few colours, because a page of words needs no more."""
    drawn = Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path = FOLDER / f"{name}.png"
    drawn.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} kB", flush=True)


if __name__ == "__main__":
    main()
