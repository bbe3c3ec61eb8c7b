"""The accounts of one sandbox, each a Stripe account in test or live mode, and the keys that open them."""

from collections.abc import Callable, Iterable, Iterator

from sandbox.account import Account
from sandbox.ids import IdMaker
from sandbox.keys import Key, key_text
from sandbox.types import Obj

DEMO_ACCOUNT = "acct_1FoyerSandboxDemo"
APART = 1_000_003  # between the seeds of two accounts


class Accounts:
    """The first account is the one that pages and controls mean; the others are opened by the control API."""

    def __init__(self, *, key: str, seed: int, prepare: Callable[[Account], None]) -> None:
        self.key = key
        self.seed = seed
        self.prepare = prepare
        self.clear()

    def clear(self) -> None:
        """Only the first account, empty, with its own key."""
        self.ids = IdMaker(self.seed + 1)
        self.rows: list[Account] = []
        self.keys: dict[str, tuple[Account, Key]] = {}
        self._open(DEMO_ACCOUNT, live=False, keys=[Key(self.key)])

    def __iter__(self) -> Iterator[Account]:
        return iter(self.rows)

    @property
    def first(self) -> Account:
        return self.rows[0]

    def _open(self, account_id: str, *, live: bool, keys: Iterable[Key]) -> Account:
        account = Account(account_id, seed=self.seed + APART * len(self.rows), live=live)
        self.prepare(account)
        self.rows.append(account)
        for key in keys:
            self.keys[key.text] = account, key
        return account

    def open(self, *, live: bool) -> tuple[Account, Key]:
        """Another account, or the live mode of one: nothing is shared. Its time is the first account's."""
        key = self._new_key(live=live, permissions=None)
        account = self._open(f"acct_{self.ids.letters(16)}", live=live, keys=[key])
        account.main.copy_time(self.first.main)
        return account, key

    def restrict(self, account: Account, permissions: dict[str, str]) -> Key:
        """A restricted key of an account; what it may do has been read."""
        key = self._new_key(live=account.live, permissions=permissions)
        self.keys[key.text] = account, key
        return key

    def _new_key(self, *, live: bool, permissions: dict[str, str] | None) -> Key:
        return Key(key_text(self.ids.letters(24), live=live, restricted=permissions is not None), permissions)

    def named(self, account_id: str) -> Account:
        """The account with this id. Raises ValueError."""
        for account in self.rows:
            if account.id == account_id:
                return account
        raise ValueError(f"no account {account_id}")

    def holding(self, object_ids: Iterable[str]) -> Account:
        """The account in which one of these objects is; the first where none is."""
        ids = list(object_ids)
        for account in self.rows[1:]:
            if any(holds(account, object_id) for object_id in ids):
                return account
        return self.first

    # Persistence

    def as_json(self) -> Obj:
        """What the store keeps of the accounts besides their own rows."""
        keys = [
            {"key": key.text, "account": account.id, "permissions": key.permissions}
            for account, key in self.keys.values()
            if key.text != self.key
        ]
        others = [{"id": account.id, "live": account.live} for account in self.rows[1:]]
        return {"accounts": {"others": others, "keys": keys, "ids": self.ids.count}}

    def restore(self, kept: Obj) -> None:
        """Rebuild from `as_json`."""
        for row in kept.get("others", []):
            self._open(row["id"], live=row["live"], keys=[])
        for row in kept.get("keys", []):
            key = Key(row["key"], row["permissions"])
            self.keys[key.text] = self.named(row["account"]), key
        self.ids.count = kept.get("ids", 0)


def holds(account: Account, name: str) -> bool:
    """Whether an object has this id, or a payment link's address ends so."""
    return any(name in table for table in account.tables.values()) or any(
        link["url"].endswith(f"/{name}") for link in account.table("payment_link")
    )
