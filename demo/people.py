"""Who is in the demo."""

from typing import Any

from allauth.account.models import EmailAddress

from activities import clock
from activities.models import Activity
from activities.record import Happening, record_one
from hub.models import User

STAFF = {
    "owner": ("owner@example.com", "Mara Hill", User.Role.OWNER),
    "admin": ("theo@example.com", "Theo Brandt", User.Role.ADMIN),
    "support": ("support@example.com", "Priya Nair", User.Role.SUPPORT),
}

# Buyers are made by their first purchase, as real ones are: nobody here has an account beforehand.
BUYERS = {
    "ada": "Ada Lindqvist",
    "ben": "Ben Kato",
    "bram": "Bram Visser",
    "cleo": "Cleo Marsh",
    "fern": "Fern Castellano",
    "gus": "Gus Adeyemi",
    "hana": "Hana Sørensen",
    "ivo": "Ivo Petrov",
    "june": "June Whitlock",
    "kofi": "Kofi Mensah",
    "lena": "Lena Vogt",
    "milo": "Milo Fontaine",
    "nadia": "Nadia Rahman",
    "otis": "Otis Bell",
    "pia": "Pia Laurent",
    "quinn": "Quinn O’Dowd",
    "rosa": "Rosa Iglesias",
    "sam": "Sam Okonkwo",
    "tove": "Tove Berg",
    "uma": "Uma Chandra",
    "viktor": "Viktor Hale",
    "wren": "Wren Ashby",
    "yusuf": "Yusuf Demir",
    "zoe": "Zoë Martin",
}

WHO_TO_SIGN_IN_AS = [
    {"email": "owner@example.com", "who": "Mara, the owner: console and admin"},
    {"email": "support@example.com", "who": "Priya, support staff: sees everything, changes little"},
    {"email": "ada@example.com", "who": "Ada, an active member who bought a course too"},
    {"email": "ben@example.com", "who": "Ben, whose card failed: in grace"},
    {"email": "cleo@example.com", "who": "Cleo, whose subscription has ended"},
    {"email": "dan@example.com", "who": "Dan, who signed up and bought nothing"},
]


def address_of(name: str) -> str:
    return f"{name}@example.com"


def hire() -> dict[str, User]:
    """The staff, by role."""
    return {key: _make(email, name, role=role) for key, (email, name, role) in STAFF.items()}


def sign_up(name: str, *, full_name: str) -> User:
    """Somebody makes an account and buys nothing."""
    user = _make(address_of(name), full_name)
    happening = Happening(
        verb=Activity.Verb.MEMBER_ADDED,
        key=f"member_added:{user.pk}",
        at=clock.now(),
        user_id=user.pk,
        actor_id=user.pk,
        cause="sign-up",
    )
    record_one(happening, now=clock.now())
    return user


def sign_in(user: User, *, ip: str) -> None:
    """What a sign-in leaves behind; and a code that came by e-mail has proved the address."""
    now = clock.now()
    _prove_address(user)
    User.objects.filter(pk=user.pk).update(last_seen=now)
    happening = Happening(
        verb=Activity.Verb.SIGNED_IN,
        key=f"signed_in:{user.pk}:{now.isoformat()}",
        at=now,
        user_id=user.pk,
        actor_id=user.pk,
        details={"ip": ip},
    )
    record_one(happening, now=now)


def _make(email: str, name: str, **fields: Any) -> User:
    user = User.objects.create_user(email, name=name, joined_at=clock.now(), **fields)
    _prove_address(user)
    return user


def _prove_address(user: User) -> None:
    EmailAddress.objects.filter(user=user, email=user.email).update(verified=True)
