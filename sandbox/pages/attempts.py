"""What became of the last attempt at a form, kept over the redirect: loading a page again never pays again."""

from collections.abc import Mapping
from typing import Final

from sandbox.account import Account

# What no form shows again: a card's number, expiry and code, and an account's number, are typed anew.
SECRET: Final = ("card", "expiry", "cvc", "iban", "csrfmiddlewaretoken")


def keep_attempt(account: Account, owner_id: str, *, typed: Mapping[str, str], errors: dict[str, str]) -> None:
    """Let the page of `owner_id` show what was typed and, by field, what is wrong with it."""
    account.note(owner_id, attempt={"typed": without_secrets(typed), "errors": errors})


def without_secrets(typed: Mapping[str, str]) -> dict[str, str]:
    """What may be kept of a form."""
    return {name: str(value) for name, value in typed.items() if name not in SECRET}


def forget_attempt(account: Account, owner_id: str) -> None:
    if account.notes(owner_id).get("attempt"):
        account.note(owner_id, attempt=None)


def last_attempt(account: Account, owner_id: str) -> tuple[dict[str, str], dict[str, str]]:
    """(typed, errors) of the last attempt; nothing where there was none."""
    kept = account.notes(owner_id).get("attempt") or {"typed": {}, "errors": {}}
    return kept["typed"], kept["errors"]
