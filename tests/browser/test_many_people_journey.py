"""The owner brings a file of people in, repeats it without harm, and gives them all something and takes it back."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Stack, eventually
from tests.browser.crawling import look_at
from tests.browser.test_member_journey import sign_in
from tests.browser.test_sandbox_pages import listen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

MANY = 120  # more than are done while somebody waits in front of the page
AT_WORK = 120_000  # milliseconds that a busy machine may take for all of them
HEADING = "E-mail,Name,Products"
LINES = [
    HEADING,
    *(f"pupil-{number}@school.example,Pupil {number},Kiln Log" for number in range(MANY)),
    "nobody,No Address,",
    "PUPIL-3@school.example,Twice,",
    f"someone@school.example,{'x' * 151},",
    "else@school.example,Elsewhere,Glassblowing",
]
WRONG = {
    str(2 + MANY): "This is no e-mail address.",
    str(3 + MANY): "The same address stands in line 5.",
    str(4 + MANY): "The name is longer than 150 letters.",
    str(5 + MANY): "There is no product called Glassblowing.",
}


@pytest.fixture
def owner(visitor: BrowserContext, stack: Stack) -> Page:
    page = visitor.new_page()
    page.goto(f"{stack.site}/accounts/login/?next=/console/people/")
    sign_in(page, stack, email="owner@example.com")
    return page


def hand_in(page: Page, stack: Stack, lines: list[str]) -> None:
    """Uploads a file, with an invitation for whoever comes in by it."""
    page.goto(f"{stack.site}/console/people/add/")
    form = page.get_by_role("region", name="A file of people")
    file = "\n".join(lines).encode()
    form.get_by_label("CSV file").set_input_files({"name": "school.csv", "mimeType": "text/csv", "buffer": file})
    form.get_by_label("Reason").fill("The school of Sèvres")
    form.get_by_label("Invite by e-mail").check()
    form.get_by_role("button", name="Look at it").click()


def rows_of_download(page: Page, link: str) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("link", name=link).click()
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def watch_to_the_end(page: Page, *, state: str) -> None:
    """The page follows the work by itself: nobody loads it anew."""
    expect(page.get_by_role("progressbar", name=state)).to_be_visible(timeout=AT_WORK)
    expect(page.locator("#progress b")).to_have_text(state)


def test_a_file_with_lines_that_cannot_be_used_comes_in_once(owner: Page, stack: Stack) -> None:
    problems = listen(owner)
    hand_in(owner, stack, LINES)

    # The draft names who comes, and hands back what cannot be used with what is wrong with it.
    expect(owner.get_by_role("heading", name=f"Adds {MANY} people")).to_be_visible()
    expect(owner.get_by_text(f"{len(WRONG)} lines cannot be used.")).to_be_visible()
    look_at(owner)
    mended = rows_of_download(owner, "download them as CSV")
    assert {row["Line"]: row["Why"] for row in mended} == WRONG
    owner.get_by_role("link", name="See them").click()
    expect(owner.get_by_role("row").filter(has_text="nobody")).to_contain_text("This is no e-mail address.")
    assert stack.mails_to("pupil-7@school.example") == []

    # It comes in in the background, and everybody is invited by one e-mail.
    owner.get_by_role("button", name="Add people").click()
    watch_to_the_end(owner, state="Done")
    look_at(owner)
    assert stack.why("pupil-7@school.example", "kiln-log")["access"] is True
    (mail,) = eventually(lambda: stack.mails_to("pupil-7@school.example"), seconds=60)
    assert "Kiln Log" in mail["text"]
    owner.goto(f"{stack.site}/console/people/?q=someone@school.example")
    expect(owner.get_by_role("heading", name="Nobody has this address")).to_be_visible()

    # The same file once more would make nobody anew, give nothing twice and write to nobody: there is nothing to begin.
    hand_in(owner, stack, LINES)
    expect(owner.get_by_role("heading", name="Nothing would change")).to_be_visible()
    expect(owner.get_by_text(f"{MANY} have an account and everything that is to be given")).to_be_visible()
    expect(owner.get_by_role("button", name="Add people")).to_have_count(0)
    assert len(stack.mails_to("pupil-7@school.example")) == 1
    assert problems == []


def test_everybody_whom_the_list_finds_is_given_something_and_it_is_undone(owner: Page, stack: Stack) -> None:
    problems = listen(owner)
    people = [f"guest-{number}@fair.example,Guest {number},Kiln Log" for number in range(MANY)]
    hand_in(owner, stack, [HEADING, *people, "outsider@elsewhere.example,Outsider,"])
    owner.get_by_role("button", name="Add people").click()
    watch_to_the_end(owner, state="Done")

    # Nobody chosen is said so; a search and one tick choose all, beyond the page that is seen.
    owner.goto(f"{stack.site}/console/people/")
    owner.get_by_role("button", name="Give access").click()
    expect(owner.get_by_role("status")).to_contain_text("Tick somebody first")
    owner.get_by_role("search", name="People").get_by_role("searchbox").fill("fair.example")
    owner.keyboard.press("Enter")
    owner.wait_for_url("**q=fair.example**")
    owner.get_by_label(re.compile("^Everybody in this list")).check()
    owner.get_by_role("button", name="Give access").click()

    # What would happen is counted before anything does.
    expect(owner.get_by_role("heading", name=f"{MANY} people", exact=True)).to_be_visible()
    owner.get_by_label("Product").select_option(label="Slip & Line")
    owner.get_by_label("Reason").fill("Summer fair")
    owner.get_by_role("button", name="See what would happen").click()
    expect(owner.get_by_role("heading", name=f"Opens Slip & Line for {MANY} people")).to_be_visible()
    look_at(owner)
    assert stack.why("guest-90@fair.example", "slip-and-line")["access"] is False

    owner.get_by_role("button", name="Give access").click()
    watch_to_the_end(owner, state="Done")
    assert stack.why("guest-90@fair.example", "slip-and-line")["access"] is True
    assert stack.why("outsider@elsewhere.example", "slip-and-line")["access"] is False

    # Undone from the list of past changes: everybody has again what they had, and nothing more is taken.
    owner.goto(f"{stack.site}/console/people/")
    owner.get_by_role("link", name="Past changes").click()
    owner.get_by_role("link", name="Give access: Slip & Line").first.click()
    owner.get_by_role("button", name="Undo").click()
    watch_to_the_end(owner, state="Undone")
    look_at(owner)
    for email in ("guest-0@fair.example", "guest-90@fair.example"):
        assert stack.why(email, "slip-and-line")["access"] is False
        assert stack.why(email, "kiln-log")["access"] is True
    assert problems == []
