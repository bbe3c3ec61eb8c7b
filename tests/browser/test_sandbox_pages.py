"""The sandbox's pages in a real browser: accessible in light and dark, silent under their policy."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.sandboxes import Sandbox

pytestmark = pytest.mark.browser

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
SIZES = [(1360, "light"), (1360, "dark"), (390, "light"), (320, "dark")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, else the one that Playwright installed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def addresses(sandbox: Sandbox) -> list[str]:
    """One of each kind of page, with something on it."""
    api = sandbox.api
    api.webhook_endpoints.create(params={"url": "http://127.0.0.1:9/hook", "enabled_events": ["*"]})
    sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True, "drop": 0.5, "duplicate": 0.5}})
    recurring = {"currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
    product = api.products.create(params={"name": "Potters' Club", "default_price_data": recurring})
    lines = [{"price": product.default_price, "quantity": 1}]
    link = api.payment_links.create(params={"line_items": lines, "allow_promotion_codes": True})
    paid = sandbox.pay_link(link.id, email="ben@example.org", name="Ben", card="4000000000000341")["session"]
    sandbox.advance("32d")
    features = {
        "subscription_cancel": {"enabled": True, "mode": "at_period_end"},
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "customer_update": {"enabled": True, "allowed_updates": ["name", "email", "phone", "address", "shipping"]},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price", "quantity", "promotion_code"],
            "products": [
                {
                    "product": product.id,
                    "prices": [product.default_price],
                    "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 3},
                }
            ],
        },
    }
    configuration = api.billing_portal.configurations.create(params={"features": features})
    portal = api.billing_portal.sessions.create(
        params={"customer": paid["customer"], "configuration": configuration.id, "return_url": sandbox.url}
    ).url
    coupon = api.coupons.create(params={"percent_off": 25, "duration": "forever"}).id
    retention = {"type": "coupon_offer", "coupon_offer": {"coupon": coupon}}
    staying = {"subscription": paid["subscription"], "retention": retention}
    offering = api.billing_portal.sessions.create(
        params={
            "customer": paid["customer"],
            "configuration": configuration.id,
            "flow_data": {"type": "subscription_cancel", "subscription_cancel": staying},
        }
    )
    invoice = api.invoices.list(params={"customer": paid["customer"], "status": "open"}).data[0]
    intent = api.payment_intents.list(params={"customer": paid["customer"]}).data[-1]
    lists = ["customers", "subscriptions", "payments", "products", "events", "webhooks"]
    dashboard = ["", *lists, "misbehaviour", "mail/"]
    once = {"currency": "eur", "product": product.id, "unit_amount": 18_000}
    session = {"mode": "payment", "customer": paid["customer"], "payment_method_types": ["card", "sepa_debit"]}
    done = {"line_items": [{"price_data": once, "quantity": 1}], "success_url": sandbox.url}
    own = {"currency": "eur", "product": product.id, "custom_unit_amount": {"enabled": True}}
    gift = [{"price": api.prices.create(params=own).id, "quantity": 1}]
    asks: Any = {
        "mode": "subscription",
        "line_items": [{"price": product.default_price, "quantity": 1, "adjustable_quantity": {"enabled": True}}],
        "optional_items": [{"price": api.prices.create(params=once).id, "quantity": 1}],
        "phone_number_collection": {"enabled": True},
        "billing_address_collection": "required",
        "shipping_address_collection": {"allowed_countries": ["AT", "DE"]},
        "tax_id_collection": {"enabled": True, "required": "if_supported"},
        "consent_collection": {"terms_of_service": "required", "promotions": "auto"},
        "custom_fields": [{"key": "nick", "label": {"type": "custom", "custom": "Nickname"}, "type": "text"}],
    }
    expired = api.checkout.sessions.create(params={**session, **done})
    api.checkout.sessions.expire(expired.id)
    return [
        link.url,
        api.checkout.sessions.create(params={**session, **done}).url,
        api.checkout.sessions.create(params={"mode": "payment", "success_url": sandbox.url, "line_items": gift}).url,
        f"{sandbox.url}/c/pay/{expired.id}",
        api.checkout.sessions.create(params={**asks, "success_url": sandbox.url}).url,
        portal,
        f"{portal}/card",
        f"{portal}/details",
        f"{portal}/{paid['subscription']}/cancel",
        f"{portal}/{paid['subscription']}/change",
        f"{portal}/{paid['subscription']}/change?quantity=2",
        f"{portal}/{paid['subscription']}/change?quantity=9",
        offering.url,
        invoice.hosted_invoice_url,
        str(api.charges.list(params={"customer": paid["customer"]}).data[-1].receipt_url),
        *(f"{sandbox.url}/sandbox/{page}" for page in dashboard),
        f"{sandbox.url}/sandbox/customers/{paid['customer']}",
        f"{sandbox.url}/sandbox/payments/{intent.id}",
        f"{sandbox.url}/sandbox/events/{api.events.list().data[0].id}",
    ]


# What the browser says where one page fades into the next, and the other does not: from ours to Django's admin.
NO_FADE = "ViewTransition opt-in disabled"


def listen(page: Page) -> list[str]:
    """Everything the console complains about from now on: policy violations, errors, missing files."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)) if NO_FADE not in str(error) else None)
    return complaints


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_pages_are_accessible_fit_and_obey_their_policy(
    chromium: Browser, addresses: list[str], width: int, scheme: Any
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    complaints = listen(page)
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        found = [rule["id"] for rule in Axe().run(page, options=RULES).response["violations"]]
        assert (address, wide, found, complaints) == (address, False, [], [])
    context.close()


def test_a_test_card_is_one_click_and_a_double_click_pays_once(
    chromium: Browser, sandbox: Sandbox, addresses: list[str]
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(addresses[0])
    page.fill("#email", "ada@example.org")
    page.click("text=Test cards")
    page.click("button[data-fill-card='4242 4242 4242 4242']")
    expect(page.locator("#card")).to_have_value("4242 4242 4242 4242")
    page.dblclick("button[data-size=big]")
    page.wait_for_selector("text=Your subscription has begun.")
    customers = sandbox.api.customers.list(params={"email": "ada@example.org"}).data
    assert len(customers) == 1
    context.close()


def test_a_decline_moves_the_eye_to_the_card(chromium: Browser, addresses: list[str]) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(addresses[0])
    page.fill("#email", "ada@example.org")
    page.click("text=Test cards")
    page.click("button[data-fill-card='4000 0000 0000 9995']")
    page.click("button[data-size=big]")
    page.wait_for_selector("#card-error")
    expect(page.locator("#card-error")).to_have_text("Your card has insufficient funds. Try another card.")
    expect(page.locator("#card")).to_be_focused()
    expect(page.locator("#card")).to_have_value("")
    context.close()


def test_a_declined_page_can_be_loaded_again_and_a_bank_account_pays(
    chromium: Browser, sandbox: Sandbox, addresses: list[str]
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(addresses[1])
    page.check("input[value=card]")
    page.fill("#name", "Ben")
    page.click("text=Test cards")
    page.click("button[data-fill-card='4000 0000 0000 0002']")
    page.click("button[data-size=big]")
    page.wait_for_selector("#card-error")
    attempts = len(sandbox.api.charges.list().data)
    page.reload()
    page.wait_for_selector("#card-error")
    assert len(sandbox.api.charges.list().data) == attempts
    page.check("input[value=sepa_debit]")
    page.click("text=Test accounts")
    page.click("button[data-value='DE89 3704 0044 0532 0130 00']")
    page.click("button[data-size=big]")
    page.wait_for_url(f"{sandbox.url}/**")
    assert sandbox.api.charges.list().data[0].payment_method_details.sepa_debit.last4 == "3000"
    context.close()


def test_checkout_is_done_with_the_keyboard_alone(chromium: Browser, sandbox: Sandbox, addresses: list[str]) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(addresses[0])
    page.focus("#email")
    for text in ("ada@example.org", "4242424242424242", "1234", "123", "Ada"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.press("#name", "Enter")
    page.wait_for_selector("text=Your subscription has begun.")
    assert sandbox.api.customers.list(params={"email": "ada@example.org"}).data
    context.close()


def test_a_choice_beside_the_form_takes_along_what_was_typed(chromium: Browser, addresses: list[str]) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(next(address for address in addresses if "/c/pay/" in address and has_extras(page, address)))
    page.fill("#phone", "12")
    page.fill("#card", "4242424242424242")
    page.click("button[name=add]")
    page.wait_for_selector("button[name=remove]")
    expect(page.locator("#phone")).to_have_value("12")
    expect(page.locator("#card")).to_have_value("")
    page.fill("#email", "ada@example.org")
    page.click("button[data-size=big]")
    page.wait_for_selector("#phone-error")
    expect(page.locator("#phone")).to_be_focused()
    context.close()


def has_extras(page: Page, address: str) -> bool:
    page.goto(address)
    return page.locator("button[name=add]").count() > 0
