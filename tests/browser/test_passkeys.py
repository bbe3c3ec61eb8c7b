"""A passkey from its making to the next sign-in, in a browser that has a fingerprint reader; and one that has none."""

import re

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import Stack
from tests.browser.test_member_journey import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def by_name(stack: Stack) -> str:
    """The site by a name: browsers make no passkeys for numbers."""
    return stack.site.replace("127.0.0.1", "localhost")


def give_reader(page: Page) -> tuple[CDPSession, str]:
    """A fingerprint reader that sees its owner, until told otherwise."""
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    wishes = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return tools, tools.send("WebAuthn.addVirtualAuthenticator", {"options": wishes})["authenticatorId"]


def test_a_passkey_is_made_in_one_step_and_signs_in_by_itself(page: Page, stack: Stack) -> None:
    site = by_name(stack)
    tools, reader = give_reader(page)
    page.goto(f"{site}/accounts/login/")
    sign_in(page, stack, email="uma@example.com")
    page.goto(f"{site}/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="Add the passkey").click()
    page.wait_for_url("**/recovery-codes/")
    expect(page.locator("#recovery_codes")).to_have_text(re.compile(r"(\d{8}\s*){10}"))
    page.goto(f"{site}/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{site}/accounts/login/?next=/account/")
    tools.send("WebAuthn.setUserVerified", {"authenticatorId": reader, "isUserVerified": False})
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("That did not work")).to_be_visible()
    tools.send("WebAuthn.setUserVerified", {"authenticatorId": reader, "isUserVerified": True})
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account/")


def test_at_a_number_no_passkey_is_offered(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.site}/accounts/login/")
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
