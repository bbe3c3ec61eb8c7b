"""A stranger buys, gets in, lives through renewals and a failed card, cancels and leaves: all by clicking."""

import json
import re
import time
from collections.abc import Callable

import pytest
import stripe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Json, Stack, eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

FAILS_LATER = "4000000000000341"
WORKS = "4242424242424242"


def pay(page: Page, *, email: str, card: str = WORKS, name: str = "Nora Vale") -> float:
    """Fills in the hosted checkout page and pays. Returns the monotonic moment of the click."""
    page.get_by_label("E-mail").fill(email)
    type_card(page, card)
    page.get_by_label("Name on card").fill(name)
    button = page.get_by_role("button", name=re.compile("^(Pay|Subscribe)"))
    button.scroll_into_view_if_needed()
    clicked_at = time.monotonic()
    button.click(no_wait_after=True)
    return clicked_at


def type_card(page: Page, card: str) -> None:
    page.locator("[name=card]").fill(card)
    page.locator("[name=expiry]").fill("12 / 34")
    page.locator("[name=cvc]").fill("123")


def sign_in(page: Page, stack: Stack, *, email: str) -> None:
    """By the code in the e-mail, as everybody does."""
    before = sum("code" in mail["subject"].lower() for mail in stack.mails_to(email))
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.locator("[name=code]").fill(stack.code_for(email, beside=before))
    page.locator("[name=code]").press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


def opens(page: Page, stack: Stack, slug: str) -> bool:
    page.goto(f"{stack.site}/products/{slug}/")
    return page.locator("#door").count() == 0


def becomes(stack: Stack, email: str, slug: str, fits: Callable[[Json], bool]) -> Json:
    """Why's answer, as soon as it fits."""

    def look() -> Json:
        found = stack.why(email, slug)
        return found if found and fits(found) else {}

    return eventually(look, seconds=40)


def test_a_subscription_from_the_first_payment_to_its_end(page: Page, stack: Stack) -> None:
    email, slug = "nora@example.org", "studio-membership"

    # A stranger finds the sales page and pays on the payment link.
    page.goto(f"{stack.site}/buy/{slug}/")
    page.locator(".offers a").filter(has_text=re.compile("€24.00 a month")).click()
    pay(page, email=email, card=FAILS_LATER)
    page.wait_for_url("**/checkout/return**")
    expect(page.get_by_role("heading", name="Paid, thank you")).to_be_visible()
    assert email not in page.content()  # nobody is told who paid on the strength of an address bar
    eventually(lambda: stack.mails_to(email))
    assert "Studio Membership" in stack.mails_to(email)[0]["subject"]

    # The code in the e-mail is the only way in; then the product is open.
    page.get_by_role("link", name="Sign in with a code").click()
    sign_in(page, stack, email=email)
    assert opens(page, stack, slug)
    explained = stack.why(email, slug)
    assert explained["access"] and explained["ledger"][0]["rule"] == "subscription:10"

    # A month later the card is refused: grace, with a banner and one button.
    stack.advance("32d")
    explained = becomes(stack, email, slug, lambda found: found["state"] == "grace")
    assert explained["access"] and "payment failed" in explained["reason"].lower()
    page.goto(f"{stack.site}/")
    banner = page.locator(".banner-warn")
    expect(banner).to_contain_text("You keep access until")
    eventually(lambda: [mail for mail in stack.mails_to(email) if "payment" in mail["subject"].lower()])

    # A working card in the portal: recovered at once.
    banner.get_by_role("button", name="Update card").click()
    page.wait_for_url("**/p/session/**")
    type_card(page, WORKS)
    page.locator("main").get_by_role("button", name=re.compile("card|Save", re.IGNORECASE)).last.click()
    page.wait_for_url("**/account/**")
    explained = becomes(stack, email, slug, lambda found: found["state"] == "open")
    page.goto(f"{stack.site}/")
    expect(page.locator(".banner-warn")).to_have_count(0)

    # It renews by itself.
    until = explained["until"]
    stack.advance("31d")
    becomes(stack, email, slug, lambda found: found["until"] > until)

    # Cancelled in the portal: open to the end of what is paid, and it can be taken back.
    cancel(page, stack)
    assert becomes(stack, email, slug, lambda found: found["state"] == "ending")["access"]
    page.goto(f"{stack.site}/account/")
    expect(page.locator("main")).to_contain_text(re.compile("ends on", re.IGNORECASE))
    page.get_by_role("button", name="Cards and invoices").click()
    page.wait_for_url("**/p/session/**")
    page.get_by_role("button", name=re.compile("Don.t cancel")).click()
    becomes(stack, email, slug, lambda found: found["state"] == "open")
    cancel(page, stack)
    becomes(stack, email, slug, lambda found: found["state"] == "ending")

    # And at its end it ends.
    stack.advance("32d")
    explained = becomes(stack, email, slug, lambda found: not found["access"])
    assert explained["state"] == "ended"
    assert not opens(page, stack, slug)
    verbs = feed_of(page, stack, "nora")
    for sentence in (
        "bought",
        "started",
        "failed",
        "went through after all",
        "renewed",
        "cancelled",
        "was resumed",
        "ended",
    ):
        assert sentence in verbs, f"the feed does not say {sentence}:\n{verbs}"
    assert stack.manage("verify", check=False).returncode == 0


def test_the_gate_opens_within_two_seconds_of_the_click_on_subscribe(page: Page, stack: Stack) -> None:
    """Dan is signed in; he pays in another browser, and from the click on asks for the product in this one."""
    email, slug = "dan@example.com", "studio-membership"
    page.goto(f"{stack.site}/accounts/login/?next=/account/")
    sign_in(page, stack, email=email)
    assert not opens(page, stack, slug)
    elsewhere = page.context.browser.new_context()  # type: ignore[union-attr]
    till = elsewhere.new_page()
    till.goto(f"{stack.site}/buy/{slug}/")
    till.locator(".offers a").filter(has_text=re.compile("€24.00 a month")).click()
    clicked_at = pay(till, email=email, name="Dan Ruiz")

    def is_open() -> bool:
        answer = page.context.request.get(f"{stack.site}/products/{slug}/")
        return answer.ok and 'id="door"' not in answer.text()

    eventually(is_open)
    took = time.monotonic() - clicked_at
    elsewhere.close()
    assert took < 2, f"{took:.1f} s from the click to the open gate"
    assert stack.why(email, slug)["access"]


def test_a_refund_closes_what_was_bought_once(page: Page, stack: Stack) -> None:
    email, slug = "rolf@example.org", "the-wheel-from-zero"
    page.goto(f"{stack.site}/buy/{slug}/")
    page.locator(".offers a").first.click()
    pay(page, email=email, name="Rolf Iversen")
    page.wait_for_url("**/checkout/return**")
    becomes(stack, email, slug, lambda found: found["access"])

    page.goto(f"{stack.sandbox}/sandbox/customers?q={email}")
    page.get_by_role("link", name=re.compile("Rolf|rolf")).first.click()
    page.get_by_role("link", name=re.compile("€")).first.click()
    page.get_by_role("button", name=re.compile("Refund")).first.click()
    explained = becomes(stack, email, slug, lambda found: not found["access"])
    assert "refunded" in explained["reason"]


def test_a_declined_card_lets_nobody_in(page: Page, stack: Stack) -> None:
    email, slug = "otto@example.org", "studio-membership"
    page.goto(f"{stack.site}/buy/{slug}/")
    page.locator(".offers a").filter(has_text=re.compile("€24.00 a month")).click()
    pay(page, email=email, card="4000000000000002")
    expect(page.locator("main")).to_contain_text(re.compile("declined", re.IGNORECASE))
    assert stack.manage("why", email, check=False).returncode != 0  # nobody has this address


def test_a_classic_subscription_is_cancelled_in_the_portal_just_the_same(page: Page, stack: Stack) -> None:
    """Made at Stripe, not here, in classic billing mode: bought anywhere, it opens the product."""
    email, slug = "classic@example.org", "studio-membership"
    facts = json.loads((stack.folder / "demo.json").read_text())
    api = stripe.StripeClient(facts["secret_key"], base_addresses={"api": stack.sandbox}).v1
    price = next(found for found in facts["products"] if found["slug"] == slug)["prices"][0]["id"]
    customer = api.customers.create({"email": email, "name": "Clara Sick"})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.subscriptions.create(
        {
            "customer": customer.id,
            "default_payment_method": method.id,
            "items": [{"price": price}],
            "billing_mode": {"type": "classic"},
        }
    )
    becomes(stack, email, slug, lambda found: found["access"])
    page.goto(f"{stack.site}/accounts/login/?next=/account/")
    sign_in(page, stack, email=email)
    cancel(page, stack)
    assert becomes(stack, email, slug, lambda found: found["state"] == "ending")["access"]
    assert api.subscriptions.list({"customer": customer.id}).data[0].cancel_at_period_end


def cancel(page: Page, stack: Stack) -> None:
    """From the account page, through Stripe's portal."""
    page.goto(f"{stack.site}/account/")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_url("**/p/session/**")
    page.locator("main").get_by_role("button", name=re.compile("Cancel", re.IGNORECASE)).last.click()
    page.wait_for_url("**/account/**")


def feed_of(page: Page, stack: Stack, words: str) -> str:
    """The staff's feed about one person, as the owner reads it."""
    owner = page.context.browser.new_context()  # type: ignore[union-attr]
    desk = owner.new_page()
    desk.goto(f"{stack.site}/accounts/login/?next=/console/activity/")
    sign_in(desk, stack, email="owner@example.com")
    desk.goto(f"{stack.site}/console/activity/?person={words}")
    told = desk.locator("main").inner_text()
    while (older := desk.get_by_role("link", name="Older")).count():
        desk.goto(older.evaluate("link => link.href"))
        told += desk.locator("main").inner_text()
    owner.close()
    return told
