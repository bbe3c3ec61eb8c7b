"""Every page that members and strangers come to, on the way in and where a door is closed: accessible and fitting.

A new address is either looked at, or named below with why it is not.
"""

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import APIResponse, Browser, Page

from tests.browser.conftest import Stack, eventually
from tests.browser.crawling import look_at_all, names_below, pages_below
from tests.browser.test_member_journey import sign_in
from tests.browser.test_passkeys import by_name, give_reader

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STAFFS = ("/console/", "/admin/")
NOT_LOOKED_AT = {
    "files": {"hub:theme", "hub:icon", "hub:favicon", "hub:picture", "mfa_download_recovery_codes"},
    "for machines": {"healthz", "readyz", "health", "billing:webhook", "mfa_login_webauthn"},
    "for buttons": {"billing:portal", "hub:complete", "billing:checkout", "billing:keep", "billing:resume"},
    "lead on": {"account_reauthenticate", "account_email_verification_sent"},
    "halfway, after a payment, a code, or of whoever has a password or an app": {
        "billing:return",
        "mfa_authenticate",
        "mfa_deactivate_totp",
        "account_change_password",
        "account_complete_password_reset",
        "account_confirm_password_reset_code",
    },
}


@pytest.fixture
def ada(chromium: Browser, stack: Stack) -> Page:
    """With a passkey, whose pages are there once one is."""
    page = chromium.new_page()
    give_reader(page)
    page.goto(f"{by_name(stack)}/accounts/login/")
    sign_in(page, stack, email="ada@example.com")
    page.goto(f"{by_name(stack)}/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="Add the passkey").click()
    page.wait_for_url("**/recovery-codes/")
    return page


@pytest.fixture
def stranger(chromium: Browser) -> Page:
    return chromium.new_page()


def test_every_page_of_members_and_strangers_is_accessible_and_fits(
    ada: Page, page: Page, stranger: Page, stack: Stack
) -> None:
    page.goto(f"{stack.site}/accounts/login/")
    sign_in(page, stack, email="dan@example.com")
    members = pages_below("/", ada, site=by_name(stack), besides=STAFFS)
    plain = pages_below("/", page, site=stack.site, besides=STAFFS)
    strangers = pages_below("/", stranger, site=stack.site, besides=STAFFS)
    stranger.goto(f"{stack.site}/accounts/login/")
    stranger.get_by_label("E-mail address").fill("cleo@example.com")
    stranger.get_by_role("button", name="Continue").click()
    strangers["account_confirm_login_code"] = stranger.url
    new = {name: address for name, address in plain.items() if name not in members}
    wrong = [*look_at_all(ada, members), *look_at_all(page, new), *look_at_all(stranger, strangers)]
    assert not wrong, "\n".join(wrong)
    left = set(names_below("/", besides=STAFFS)) - members.keys() - plain.keys() - strangers.keys()
    assert left == set().union(*NOT_LOOKED_AT.values())


def test_every_page_that_refuses_is_accessible_and_fits(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.site}/accounts/login/")
    sign_in(page, stack, email="dan@example.com")
    policy = page.goto(f"{stack.site}/").headers["content-security-policy"]  # type: ignore[union-attr]
    return_page = f"{stack.site}/checkout/return?session_id=none"
    refused = eventually(lambda: throttled(page, return_page))
    broken = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
    page.route(return_page, lambda route: route.fulfill(response=refused))
    page.route("**/broken/", lambda route: route.fulfill(status=500, headers=broken, body=render_to_string("500.html")))
    refusing = {
        403: f"{stack.site}/console/",
        404: f"{stack.site}/none/",
        429: return_page,
        500: f"{stack.site}/broken/",
    }
    for status, address in refusing.items():
        assert page.goto(address).status == status  # type: ignore[union-attr]
    wrong = look_at_all(page, {str(status): address for status, address in refusing.items()})
    assert not wrong, "\n".join(wrong)


def throttled(page: Page, address: str) -> APIResponse | None:
    """The page that says no more for now, once there were too many."""
    answer = page.request.get(address)
    return answer if answer.status == 429 else None


def test_a_page_that_waits_for_stripe_stays_while_it_is_put_off(page: Page, stack: Stack) -> None:
    address = f"{stack.site}/checkout/return?session_id=cs_test_waits"
    html = {"content-type": "text/html; charset=utf-8"}
    waiting = '<p data-look-again>Checking</p><script src="/static/js/look-again.js"></script>'
    answers = [(200, waiting), (429, "Too many"), (503, "Away"), (200, "Open"), (200, "Open now")]
    page.route(address, lambda route: route.fulfill(status=answers[0][0], headers=html, body=answers.pop(0)[1]))
    loaded: list[str] = []
    page.on("domcontentloaded", lambda _: loaded.append(address))
    page.goto(address)
    page.get_by_text("Open now").wait_for()
    assert len(loaded) == 2 and not answers, "it is loaded again once, when there is another answer"
