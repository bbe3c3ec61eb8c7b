"""An import as the owner clicks it: addresses, buttons, files."""

import csv
import io
import re
from typing import Any

from django.test import Client

from billing.importing import working
from tests.pasts import Past

IMPORTS = "/console/stripe/imports/"
ALL = {"subscriptions": "on", "orders": "on"}


def begin(browser: Client, **choice: str) -> str:
    """Has a dry run made in the background; returns its page's address."""
    answer = browser.post(IMPORTS, choice or ALL)
    assert answer.status_code == 303
    working.go_on()
    return str(answer["Location"])


def press_import(browser: Client, page: str) -> Any:
    shown = browser.get(page).content.decode()
    found = re.search(r'name="plan" value="([^"]+)"', shown)
    assert found
    answer = browser.post(f"{page}apply/", {"plan": found[1]})
    assert answer.status_code == 303
    working.go_on()
    return browser.get(page)


def seed(past: Past, *, subscribers: int) -> None:
    """Many at once, on a Stripe product of their own, which is what the owner links."""
    past.sandbox.post("/sandbox/seed", {"subscribers": subscribers, "seed": 5})
    past.product = next(
        found.id for found in past.api.products.list({"limit": 100}).data if found.name == "Seeded membership"
    )
    past.monthly = past.api.prices.list({"product": past.product}).data[0].id


def csv_of(browser: Client, page: str, **narrowed: str) -> list[dict[str, str]]:
    answer = browser.get(f"{page}rows.csv", narrowed)
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def undo(browser: Client, page: str) -> None:
    assert browser.post(f"{page}undo/").status_code == 303
    working.go_on()
