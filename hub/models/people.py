from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf

from activities import clock
from activities.inserting import insert_new
from activities.zones import LONGEST
from hub import roles
from hub.addresses import normalise_email, validate_unmistakable

# Where those who were never here stand in a list by last visit.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# What overrides the direction of writing, and what isolates or ends that.
TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
NAME_OR_ADDRESS = Coalesce(NullIf("name", Value("")), "email", output_field=models.CharField())


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """A person whose address nobody has proved yet. Without a password only a code sent there lets them in."""
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
        return user

    @transaction.atomic
    def add_users(self, users: Sequence["User"]) -> list["User"]:
        """Saves many without a password in a few statements; returns the new ones. The others, whose address somebody
        has already, perhaps since this moment, become that person.
        """
        for user in users:
            user.set_unusable_password()
        made = insert_new(users, by="email")
        EmailAddress.objects.bulk_create(
            [EmailAddress(user=user, email=user.email, primary=True, verified=False) for user in made]
        )
        if taken := [user for user in users if user.pk is None]:
            owners = dict(self.filter(email__in=[user.email for user in taken]).values_list("email", "pk"))
            for user in taken:
                user.pk, user._state.adding = owners[user.email], False
                user.refresh_from_db()
        return made

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, role=User.Role.OWNER, **fields)

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=normalise_email(email or ""))


# What support may look at in Django's admin. Of dj-stripe only the mirror: its other tables hold keys and secrets.
SEEN_BY_SUPPORT = frozenset({"hub", "billing", "activities"})
MIRROR_SEEN_BY_SUPPORT = frozenset(
    f"djstripe.view_{name}" for name in ("product", "price", "customer", "subscription", "invoice")
)


class User(AbstractBaseUser):
    Role = roles.Role

    email = models.EmailField(
        unique=True,
        validators=[validate_unmistakable],
        error_messages={"unique": "Somebody already has this address."},
    )
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    # Empty until a browser told it or the person chose it.
    timezone = models.CharField(max_length=LONGEST, blank=True, default="")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=clock.now)
    last_seen = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_account_per_address"),
            models.CheckConstraint(condition=Q(email=Lower(F("email"))), name="address_is_lower_case"),
            models.CheckConstraint(
                condition=Q(erased_at=None) | Q(is_active=False, role="member"), name="who_is_erased_is_nobody"
            ),
        ]
        # What the console's list of people is sorted by.
        indexes = [
            models.Index("joined_at", "id", name="people_by_joining"),
            models.Index(Coalesce("last_seen", Value(NEVER)), "id", name="people_by_last_visit"),
            models.Index(Lower(NAME_OR_ADDRESS), "id", name="people_by_name"),
        ]

    def __str__(self) -> str:
        return f"Erased person {self.pk}" if self.erased_at else self._plain_name or self.email

    def clean(self) -> None:
        self.email = normalise_email(self.email)

    @property
    def short_name(self) -> str:
        return next(iter(self._plain_name.split()), self.email.partition("@")[0])

    @property
    def initials(self) -> str:
        words = self._plain_name.split() or [self.email]
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

    @property
    def _plain_name(self) -> str:
        """Whoever pays at Stripe writes their name: without the marks that would turn the sentence it stands in."""
        name = self.name.translate(TURNING)
        return name if name.strip() else ""

    @property
    def is_staff(self) -> bool:
        return self.role != self.Role.MEMBER

    @property
    def is_superuser(self) -> bool:
        return self.role == self.Role.OWNER

    def may(self, permission: str) -> bool:
        """Whether the table of `hub.roles` gives this to the person's role."""
        return self.is_active and permission in roles.MAY[roles.Role(self.role)]

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Django admin's permissions by role: support looks at the records, and changes nothing."""
        if not self.is_active or not self.is_staff:
            return False
        if self.role != self.Role.SUPPORT:
            return True
        app, _, action = perm.partition(".")
        return perm in MIRROR_SEEN_BY_SUPPORT or (app in SEEN_BY_SUPPORT and action.startswith("view_"))

    def has_perms(self, perms: list[str], obj: object = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perms)

    def has_module_perms(self, app_label: str) -> bool:
        if not self.is_active or not self.is_staff:
            return False
        return self.role != self.Role.SUPPORT or app_label in SEEN_BY_SUPPORT | {"djstripe"}
