"""The owner imports who bought before, by the pages alone: dry run, import, stop, undo."""

import re
import time
from typing import Any

import pytest
from django.test import Client

from activities.models import Delivery
from billing.importing import working
from billing.models import ImportBatch
from hub.models import Grant, Ledger, User
from tests import cast
from tests.pasts import Past
from tests.sandboxes import Sandbox

IMPORTS = "/console/stripe/imports/"
ALL = {"subscriptions": "on", "orders": "on"}
ADA, BEN, CLEO, DAN = "ada@example.org", "ben@example.org", "cleo@example.org", "dan@example.org"


@pytest.fixture
def past(sandbox: Sandbox, db: None) -> Past:
    return Past(sandbox)


@pytest.fixture
def browser(owner: User) -> Client:
    """Came in by a code a moment ago."""
    client = Client()
    client.force_login(owner)
    session = client.session
    session["account_authentication_methods"] = [{"method": "code", "at": time.time()}]
    session["account_authentication_methods_user"] = str(owner.pk)
    session.save()
    return client


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


def test_the_owner_sees_what_would_happen_and_imports_it(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.subscribe("")
    past.api.subscriptions.cancel(past.subscribe(CLEO))
    past.buy_once(DAN)
    past.connect()
    page = begin(browser)
    shown = browser.get(page).content.decode()
    assert ADA in shown and DAN in shown and "Without an address" in shown
    assert "Nobody gets an e-mail." in shown and "Import 3" in shown
    assert not Grant.objects.exists()
    done = press_import(browser, page)
    assert "Imported" in done.content.decode()
    assert set(Grant.objects.filter(state="active").values_list("user__email", flat=True)) == {ADA, DAN}
    assert {call["method"] for call in past.sandbox.calls()} == {"GET"}


def test_one_email_for_each_person_and_the_dry_run_names_them(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.buy_once(ADA)
    past.subscribe(BEN)
    past.api.subscriptions.cancel(past.subscribe(CLEO))
    past.connect()
    page = begin(browser, emails="on", **ALL)
    batch = ImportBatch.objects.get()
    shown = [address for row in batch.rows.all() for address in row.planned["letters"]]
    assert sorted(shown) == [ADA, BEN]
    assert "Import 3 and send 2 e-mails" in browser.get(page).content.decode()
    assert not Delivery.objects.exists()
    press_import(browser, page)
    assert sorted(Delivery.objects.values_list("user__email", flat=True)) == [ADA, BEN]


def test_undoing_takes_back_what_it_gave_and_says_what_stays(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    page = begin(browser)
    press_import(browser, page)
    shown = browser.get(f"{page}undo/")
    assert shown.status_code == 200
    assert "whoever pays goes on paying" in shown.content.decode()
    assert browser.post(f"{page}undo/").status_code == 303
    working.go_on()
    assert "Undone" in browser.get(page).content.decode()
    assert set(Grant.objects.values_list("state", "close_reason")) == {("revoked", "import_undone")}
    assert Ledger.objects.count() == 4 and not Delivery.objects.exists()


@pytest.mark.parametrize("path", ["", "1/", "1/rows.csv", "1/undo/"])
def test_only_owners_and_admins_enter(past: Past, browser: Client, dan: User, client: Client, path: str) -> None:
    past.connect()
    past.subscribe(ADA)
    begin(browser)
    number = ImportBatch.objects.get().pk
    address = IMPORTS + path.replace("1", str(number))
    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    support = cast.UserFactory(email="sam@example.org", role=User.Role.SUPPORT)
    for person in (dan, support):
        client.force_login(person)
        assert client.get(address).status_code == 403
    client.force_login(cast.UserFactory(email="amy@example.org", role=User.Role.ADMIN))
    assert client.get(address).status_code in {200, 302, 303}
