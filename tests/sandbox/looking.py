"""All that an account shows of itself, read over HTTP as plain JSON: the machine looks after every step."""

import http.client
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.sandboxes import KEY, Json, Sandbox

# What is read, and how: the path's end, and its parameters.
LISTS: dict[str, Json] = {
    "subscriptions": {"status": "all"},
    "customers": {},
    "invoices": {},
    "invoice_payments": {},
    "invoiceitems": {},
    "payment_intents": {},
    "charges": {},
    "refunds": {},
    "disputes": {},
    "credit_notes": {},
    "subscription_schedules": {},
    "checkout/sessions": {},
    "coupons": {},
    "promotion_codes": {},
    "test_helpers/test_clocks": {},
}
OF_CLOCKS = ("subscriptions", "customers")  # what lists leave out of those who live on a test clock
Rows = dict[str, list[Json]]


class View:
    """One connection, kept open: most of what the machine does is look."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=30)

    def get(self, path: str, **params: Any) -> Json:
        query = f"?{urlencode(params)}" if params else ""
        self.connection.request("GET", path + query, headers={"Authorization": f"Bearer {KEY}"})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        found: Json = json.loads(text)
        return found

    def every(self, path: str, **params: Any) -> list[Json]:
        """A whole list, newest first."""
        rows: list[Json] = []
        page: Json = {"has_more": True}
        while page["has_more"]:
            after = {"starting_after": rows[-1]["id"]} if rows else {}
            page = self.get(f"/v1/{path}", limit=100, **params, **after)
            rows += page["data"]
        return rows

    def look(self) -> Rows:
        """Every list; invoices with all of their lines."""
        rows = {path: self.every(path, **params) for path, params in LISTS.items()}
        for clock in rows["test_helpers/test_clocks"]:
            for path in OF_CLOCKS:
                rows[path] += self.every(path, test_clock=clock["id"], **LISTS[path])
        for invoice in rows["invoices"]:
            if invoice["lines"]["has_more"]:
                invoice["lines"]["data"] = self.every(f"invoices/{invoice['id']}/lines")
        return rows

    def news(self, *, after: str) -> list[Json]:
        """Events since one, oldest first; the newest hundreds where it is out of reach."""
        fresh: list[Json] = []
        page: Json = {"has_more": True}
        while page["has_more"]:
            since = {"starting_after": fresh[-1]["id"]} if fresh else {}
            page = self.get("/v1/events", limit=100 if fresh else 20, **since)
            for event in page["data"]:
                if event["id"] == after:
                    return fresh[::-1]
                fresh.append(event)
        return fresh[::-1]

    def now(self) -> int:
        """The account's time."""
        return int(self.get("/sandbox/clock")["now"])
