"""Who may do what: one table. `hub.permissions` guards pages by it, templates ask it (`may.export_people`).

Each role may what the one below it may. Members see their own things and nothing of this. Support sees no keys and
deletes nothing.
"""

from django.db.models import TextChoices


class Role(TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    SUPPORT = "support", "Support"
    MEMBER = "member", "Member"


class Permission(TextChoices):
    # Support
    SEE_CONSOLE = "see_console", "Open the console, and see whether all is well"
    SEE_PRODUCTS = "see_products", "See the products"
    SEE_PEOPLE = "see_people", "See people, their access and their payments"
    SEE_ACTIVITY = "see_activity", "See what happened"
    SEE_QUESTIONS = "see_questions", "See what waits for a decision"
    SEE_AS_MEMBER = "see_as_member", "See the site as a member does, changing nothing"
    HELP_PEOPLE = "help_people", "Look at Stripe again, send the access e-mail again"
    WRITE_NOTES = "write_notes", "Write notes about a person"
    CHANGE_ACCESS = "change_access", "Give a person access, take it back"
    ATTACH_PAYERS = "attach_payers", "Say whose a payment is"
    # Admins
    ADD_PEOPLE = "add_people", "Add people by hand or from a file"
    CHANGE_ACCESS_OF_MANY = "change_access_of_many", "Give and take access of many at once"
    DEACTIVATE_PEOPLE = "deactivate_people", "Deactivate a person, and let them back in"
    EXPORT_PEOPLE = "export_people", "Export people, or all that is known of one"
    EXPORT_ACTIVITY = "export_activity", "Export what happened"
    ERASE_PEOPLE = "erase_people", "Erase a person"
    EDIT_PRODUCTS = "edit_products", "Make and change products and pages"
    PREVIEW_PRODUCTS = "preview_products", "Read drafts and closed pages"
    LINK_PRODUCTS = "link_products", "Link products with Stripe, and put prices on sale"
    IMPORT_PURCHASES = "import_purchases", "Import what was bought before"
    SETTLE_QUESTIONS = "settle_questions", "Settle what waits for a decision"
    REPLAY_EVENTS = "replay_events", "Try failed events again"
    CHANGE_SITE = "change_site", "Change the site’s name, looks and e-mails"
    # Owners
    CONNECT_STRIPE = "connect_stripe", "Connect Stripe: its keys, webhooks and portal"
    CHANGE_POLICY = "change_policy", "Change the rules of who gets in"
    CLOSE_TEST_PURCHASES = "close_test_purchases", "Close what was bought with test cards"
    CLOSE_STOPPED_PASS = "close_stopped_pass", "End the access of many after a comparison that stopped"
    RECOVER_ACCOUNTS = "recover_accounts", "Give an account another address, remove its second step"
    MANAGE_STAFF = "manage_staff", "Say who is staff"
    FAVOUR_ONESELF = "favour_oneself", "Give access to oneself"


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
