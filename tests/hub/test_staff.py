"""Who works here: asked in, given another role, let go, and every owner told."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from activities.letters import render
from activities.models import Activity, Delivery
from activities.sentences import Voice, tell
from hub import staff
from hub.deactivating import deactivate
from hub.errors import Refused
from hub.models import User
from hub.roles import Role
from hub.staff import change_role
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_reentry import REENTER, prove
from tests.members import just_came_in

Enter = Callable[[User], Client]
STAFF = "/console/staff/"
INVITE = "/console/staff/invite/"
SAM = {"address": "Sam@Example.org", "name": "Sam Ode", "role": "support"}


@pytest.fixture
def console(owner: User, signed_in: Enter, settings: Settings) -> Client:
    """The owner's browser, in which she has just proved that it is her."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client = signed_in(owner)
    prove(client)
    return client


def letters() -> dict[str, str]:
    """Address to words."""
    queued = Delivery.objects.select_related("user", "product").order_by("pk")
    return {delivery.user.email: f"{render(delivery).subject}\n{render(delivery).body}" for delivery in queued}


def said() -> list[str]:
    found = Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION).select_related("user", "actor").order_by("pk")
    return [tell(activity, voice=Voice.STAFF).text for activity in found]


def test_somebody_new_is_asked_in_by_their_address_and_comes_in_by_a_code(studio: Studio, console: Client) -> None:
    page = console.post(INVITE, SAM, follow=True)
    assert page.redirect_chain == [(STAFF, 303)]
    assert "Sam Ode is staff now, and was written to." in page.content.decode()
    sam = User.objects.get(email="sam@example.org")
    assert (sam.role, sam.name, sam.has_usable_password()) == (Role.SUPPORT, "Sam Ode", False)
    assert not EmailAddress.objects.get(user=sam).verified
    assert "You are support at Hillside Pottery now" in letters()["sam@example.org"]
    assert "/accounts/login/?next=%2Fconsole%2F&email=sam%40example.org" in letters()["sam@example.org"]
    assert said() == ["Ida Holm: Changed the role from member to support, Sam Ode"]


def test_every_owner_is_told_who_did_it_the_doer_too(studio: Studio, console: Client) -> None:
    cast.UserFactory(email="other@example.org", role=Role.OWNER)
    cast.UserFactory(email="gone@example.org", role=Role.OWNER, is_active=False)
    console.post(INVITE, SAM)
    told = letters()
    assert set(told) == {"sam@example.org", "owner@example.org", "other@example.org"}
    for address in ("owner@example.org", "other@example.org"):
        assert "Ida Holm changed the role of Sam Ode from member to support." in told[address]
        assert "http://127.0.0.1:8000/accounts/login/?next=%2Fconsole%2Fstaff%2F" in told[address]


def test_a_member_who_is_asked_in_keeps_what_they_have(studio: Studio, console: Client, ada: User) -> None:
    studio.give(ada, studio.course)
    console.post(INVITE, SAM | {"address": ada.email, "name": "Somebody Else", "role": "admin"})
    ada.refresh_from_db()
    assert (ada.role, ada.name) == (Role.ADMIN, "Ada Lind")
    assert ada.grants.get().is_open


@pytest.mark.parametrize("change", [{"address": "nobody"}, {"address": ""}, {"role": "member"}, {"role": "king"}])
def test_what_is_not_right_is_said_and_changes_nothing(studio: Studio, console: Client, change: dict[str, str]) -> None:
    answer = console.post(INVITE, SAM | change)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert User.objects.count() == 1 and not Delivery.objects.exists()


def test_whoever_has_that_role_is_not_asked_twice(studio: Studio, console: Client) -> None:
    console.post(INVITE, SAM)
    answer = console.post(INVITE, SAM)
    assert "Sam Ode is support already." in answer.content.decode()
    assert len(said()) == 1


def test_a_role_is_changed_and_taken_and_the_console_follows_at_once(
    studio: Studio, console: Client, signed_in: Enter
) -> None:
    sam = cast.UserFactory(email="sam@example.org", name="Sam Ode", role=Role.SUPPORT)
    theirs = just_came_in(signed_in(sam))
    assert theirs.get("/console/people/export/").status_code == 403
    page = console.post(f"{STAFF}{sam.pk}/role/", {"role": "admin"}, follow=True).content.decode()
    assert "Sam Ode is admin from now on, and was written to." in page
    assert theirs.get("/console/people/export/").status_code == 200
    page = console.post(f"{STAFF}{sam.pk}/role/", {"role": "member"}, follow=True).content.decode()
    assert "Sam Ode is no longer staff, and was written to." in page
    assert theirs.get("/console/").status_code == 403
    assert "You are no longer staff at Hillside Pottery" in letters()["sam@example.org"]
    told = [f"Ida Holm: Changed the role from {change}, Sam Ode" for change in ("support to admin", "admin to member")]
    assert [words for words in said() if "role" in words] == told


def test_the_last_owner_stays_one(studio: Studio, console: Client, owner: User) -> None:
    cast.UserFactory(role=Role.OWNER, is_active=False)
    assert "The last owner stays one." in console.get(STAFF).content.decode()
    for role in ("member", "admin"):
        page = console.post(f"{STAFF}{owner.pk}/role/", {"role": role}, follow=True).content.decode()
        assert "Ida Holm is the last owner. Make somebody else an owner first." in page
    owner.refresh_from_db()
    assert owner.role == Role.OWNER and not Delivery.objects.exists()


def test_an_owner_among_several_may_step_down_and_lands_where_they_may_be(
    studio: Studio, console: Client, owner: User
) -> None:
    cast.UserFactory(email="other@example.org", role=Role.OWNER)
    assert console.post(f"{STAFF}{owner.pk}/role/", {"role": "support"})["Location"] == "/"
    assert console.get(STAFF).status_code == 403
    assert "changed the role of Ida Holm from owner to support" in letters()["other@example.org"]


def test_nobody_but_owners_makes_staff_and_nobody_raises_themselves(studio: Studio, owner: User) -> None:
    for role in (Role.ADMIN, Role.SUPPORT, Role.MEMBER):
        actor = cast.UserFactory(role=role)
        for person in (actor, cast.dan() if role == Role.ADMIN else owner):
            with pytest.raises(Refused):
                change_role(person, role=Role.OWNER, actor=actor, now=timezone.now())
    gone = cast.UserFactory(role=Role.OWNER, is_active=False)
    with pytest.raises(Refused):
        staff.invite("new@example.org", name="", role=Role.SUPPORT, actor=gone, now=timezone.now())
    assert not User.objects.filter(email="new@example.org").exists()
    assert not Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION).exists()


def test_an_owner_who_was_let_go_meanwhile_decides_nothing(studio: Studio, owner: User, ada: User) -> None:
    """Who asks was read before the owners were held."""
    gone, helper = cast.UserFactory(role=Role.OWNER), cast.UserFactory(role=Role.SUPPORT)
    User.objects.filter(pk=gone.pk).update(role=Role.MEMBER)
    assert gone.role == Role.OWNER
    with pytest.raises(Refused, match="Only owners say who is staff"):
        change_role(ada, role=Role.OWNER, actor=gone, now=studio.now)
    with pytest.raises(Refused, match="Only owners decide about staff"):
        deactivate(helper, actor=gone, reason="spite", now=studio.now)
    ada.refresh_from_db()
    helper.refresh_from_db()
    assert ada.role == Role.MEMBER and helper.is_active


def test_it_asks_whether_it_is_still_them(studio: Studio, owner: User, signed_in: Enter) -> None:
    sam = cast.UserFactory(role=Role.SUPPORT)
    for path, data in ((INVITE, SAM), (f"{STAFF}{sam.pk}/role/", {"role": "owner"})):
        answer = signed_in(owner).post(path, data)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, REENTER)
    sam.refresh_from_db()
    assert sam.role == Role.SUPPORT and not Delivery.objects.exists()


def test_the_page_costs_the_same_however_many_work_here(
    studio: Studio, console: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    cast.UserFactory.create_batch(12, role=Role.SUPPORT)
    with django_assert_max_num_queries(8):
        page = console.get(STAFF).content.decode()
    assert page.count("Save<span") == 12
