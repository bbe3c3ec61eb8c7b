"""Who may do what: one table. `hub.permissions` guards pages by it, templates ask it (`may.export_people`).

Members see their own things and nothing of this. Support sees no keys and deletes nothing.
"""

from enum import StrEnum, auto

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    SUPPORT = "support", "Support"
    MEMBER = "member", "Member"


class Permission(StrEnum):
    # Looking
    SEE_CONSOLE = auto()
    SEE_PRODUCTS = auto()
    SEE_PEOPLE = auto()
    SEE_ACTIVITY = auto()
    SEE_QUESTIONS = auto()
    SEE_AS_MEMBER = auto()
    # Helping a person
    HELP_PEOPLE = auto()
    WRITE_NOTES = auto()
    CHANGE_ACCESS = auto()
    ATTACH_PAYERS = auto()
    # Running the site
    ADD_PEOPLE = auto()
    CHANGE_ACCESS_OF_MANY = auto()
    DEACTIVATE_PEOPLE = auto()
    EXPORT_PEOPLE = auto()
    EXPORT_ACTIVITY = auto()
    ERASE_PEOPLE = auto()
    EDIT_PRODUCTS = auto()
    PREVIEW_PRODUCTS = auto()
    LINK_PRODUCTS = auto()
    IMPORT_PURCHASES = auto()
    SETTLE_QUESTIONS = auto()
    REPLAY_EVENTS = auto()
    CHANGE_SITE = auto()
    # What only owners decide
    CONNECT_STRIPE = auto()
    CHANGE_POLICY = auto()
    CLOSE_TEST_PURCHASES = auto()
    RECOVER_ACCOUNTS = auto()
    MANAGE_STAFF = auto()
    FAVOUR_ONESELF = auto()


_SUPPORT = frozenset(
    {
        Permission.SEE_CONSOLE,
        Permission.SEE_PRODUCTS,
        Permission.SEE_PEOPLE,
        Permission.SEE_ACTIVITY,
        Permission.SEE_QUESTIONS,
        Permission.SEE_AS_MEMBER,
        Permission.HELP_PEOPLE,
        Permission.WRITE_NOTES,
        Permission.CHANGE_ACCESS,
        Permission.ATTACH_PAYERS,
    }
)
_ADMIN = _SUPPORT | {
    Permission.ADD_PEOPLE,
    Permission.CHANGE_ACCESS_OF_MANY,
    Permission.DEACTIVATE_PEOPLE,
    Permission.EXPORT_PEOPLE,
    Permission.EXPORT_ACTIVITY,
    Permission.ERASE_PEOPLE,
    Permission.EDIT_PRODUCTS,
    Permission.PREVIEW_PRODUCTS,
    Permission.LINK_PRODUCTS,
    Permission.IMPORT_PURCHASES,
    Permission.SETTLE_QUESTIONS,
    Permission.REPLAY_EVENTS,
    Permission.CHANGE_SITE,
}
MAY: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: _ADMIN,
    Role.SUPPORT: _SUPPORT,
    Role.MEMBER: frozenset(),
}
