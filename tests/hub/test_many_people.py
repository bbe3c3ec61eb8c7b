"""Choosing many people in the list, adding a file of them: looked at first, then done, and undone."""

import csv
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone

from activities.models import Activity, Delivery
from hub import grants
from hub.access import can_open
from hub.batches import carrying_out
from hub.batches.foreseeing import GOES_ON
from hub.models import Batch, BatchRow, Grant, User
from tests import cast
from tests.hub.conftest import Studio
from tests.members import just_came_in

Enter = Callable[[User], Client]
LIST = "/console/people/"


def choose(client: Client, deed: str, *people: User, everybody: bool = False, query: str = "") -> str:
    """The address of the draft."""
    body: dict[str, object] = {"deed": deed, "person": [person.pk for person in people]}
    if everybody:
        body["everybody"] = "1"
    answer = client.post(f"/console/people/together/new/{query}", body)
    assert answer.status_code == 303
    return str(answer["Location"])


def file_of(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("people.csv", text.encode(), content_type="text/csv")


def test_the_ticked_are_shown_then_given_then_taken_back_by_undoing(
    studio: Studio, ada: User, ben: User, dan: User, owner: User, signed_in: Enter
) -> None:
    studio.subscribe(ada, studio.course)
    client = just_came_in(signed_in(owner))
    draft = choose(client, "give", ada, ben)
    asked = client.get(draft)
    assert "2 people" in asked.content.decode()
    body = {"product": studio.course.pk, "reason": "a prize", "ends_on": "", "writes": ""}
    assert client.post(f"{draft}details/", body | {"reason": ""}).status_code == 422
    seen = client.post(f"{draft}details/", body, follow=True)
    assert (seen.context["foreseen"].changes, seen.context["foreseen"].left) == (1, 1)
    assert "Opens The Wheel for 1 person" in " ".join(seen.content.decode().split())
    assert not Grant.objects.filter(source="manual").exists()
    done = client.post(f"{draft}start/", follow=True)
    assert done.redirect_chain == [(draft, 303)]
    assert can_open(ben, studio.course, now=timezone.now())
    assert not can_open(dan, studio.course, now=timezone.now())
    assert not Delivery.objects.filter(user=ben).exists()
    told = Activity.objects.get(verb=Activity.Verb.STAFF_ACTION, actor=owner)
    assert (told.details["reason"], told.details["note"]) == ("Gave access to 2 people", "a prize")
    client.post(f"{draft}undo/")
    assert not can_open(ben, studio.course, now=timezone.now())
    assert can_open(ada, studio.course, now=timezone.now())
    rows = list(csv.reader(client.get(f"{draft}rows/").getvalue().decode("utf-8-sig").splitlines()))
    assert {row[1]: row[3] for row in rows[1:]} == {"Ada Lind": "Left as it was", "Ben Kato": "Undone"}


def test_the_words_of_a_search_are_not_kept(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    studio.subscribe(ada, studio.course)
    client = signed_in(owner)
    draft = choose(client, "take", everybody=True, query=f"?q={ada.email}&product={studio.course.pk}")
    batch = client.get(draft).context["batch"]
    assert batch.about == "Product: The Wheel, Found by a search"
    assert [row.user for row in batch.rows.all()] == [ada]


def test_everybody_whom_the_list_finds_is_chosen_and_nobody_else(
    studio: Studio, ada: User, ben: User, dan: User, owner: User, signed_in: Enter
) -> None:
    studio.subscribe(ada, studio.course)
    studio.give(ben, studio.course)
    client = signed_in(owner)
    draft = choose(client, "take", everybody=True, query=f"?product={studio.course.pk}")
    page = client.get(draft)
    assert page.context["batch"].about == "Product: The Wheel"
    assert {row.user for row in page.context["rows"].rows} == {ada, ben}
    body = {"product": studio.course.pk, "reason": "closed"}
    seen = client.post(f"{draft}details/", body, follow=True)
    assert (seen.context["foreseen"].changes, seen.context["foreseen"].bought) == (2, 1)
    assert "1 of them paid for it. No money goes back" in seen.content.decode()
    client.post(f"{draft}start/")
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()


@pytest.mark.parametrize("deed", ["give", "add", "nonsense", ""])
def test_who_chose_nobody_or_no_deed_is_told_so(
    studio: Studio, ada: User, owner: User, signed_in: Enter, deed: str
) -> None:
    people = [ada.pk] if deed != "give" else []
    body = {"deed": deed, "person": people}
    answer = signed_in(owner).post("/console/people/together/new/?q=x", body, follow=True)
    assert answer.redirect_chain == [("/console/people/?q=x", 303)]
    assert "Tick somebody first" in answer.content.decode()
    assert not Batch.objects.exists()


def test_a_list_that_was_misunderstood_chooses_nobody(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    body = {"deed": "take", "everybody": "1"}
    signed_in(owner).post("/console/people/together/new/?since=someday", body)
    assert not Batch.objects.exists()


def test_a_draft_is_its_makers_alone_and_may_be_left(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    draft = choose(signed_in(owner), "invite", ada)
    other = signed_in(cast.UserFactory(role=User.Role.OWNER))
    assert other.get(draft).status_code == 404
    assert other.post(f"{draft}start/").status_code == 404
    assert signed_in(owner).post(f"{draft}discard/")["Location"] == LIST
    assert not Batch.objects.exists()


def test_who_takes_the_people_of_a_draft_as_csv_stands_in_the_feed_though_the_draft_is_left(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    client = just_came_in(signed_in(owner))
    draft = choose(client, "invite", everybody=True)
    assert ada.email in client.get(f"{draft}rows/").getvalue().decode()
    client.post(f"{draft}discard/")
    told = Activity.objects.get(verb=Activity.Verb.STAFF_ACTION)
    assert (told.actor, told.details["reason"]) == (owner, "Exported the people of a change to many")


def test_nothing_is_begun_before_anybody_said_why(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    draft = choose(client, "invite", ada)
    client.post(f"{draft}start/")
    assert Batch.objects.get().state == Batch.State.DRAFT
    client.post(f"{draft}details/", {"reason": "welcome"})
    client.post(f"{draft}start/")
    assert [mail.notice for mail in Delivery.objects.all()] == ["invitation"]


def test_what_was_stopped_is_gone_on_with_by_its_maker_or_an_owner(
    studio: Studio, owner: User, signed_in: Enter
) -> None:
    admin, other = cast.UserFactory.create_batch(2, role=User.Role.ADMIN)
    client = signed_in(admin)
    draft = choose(client, "give", other)
    client.post(f"{draft}details/", {"product": studio.course.pk, "reason": "party"})
    Batch.objects.update(state=Batch.State.STOPPED)
    refused = signed_in(other).post(f"{draft}go-on/", follow=True).content.decode()
    assert "Only who began this goes on with it, or an owner." in refused
    assert "Go on</button>" not in refused
    signed_in(other).post(f"{draft}start/")
    assert not can_open(other, studio.course, now=timezone.now())
    assert "Go on</button>" in client.get(draft).content.decode()
    signed_in(owner).post(f"{draft}go-on/")
    assert can_open(other, studio.course, now=timezone.now())
    told = Activity.objects.get(actor=owner, verb=Activity.Verb.STAFF_ACTION)
    assert told.details["reason"] == "Went on with what was stopped for several people"


def test_many_are_done_in_the_background_while_the_page_moves(studio: Studio, owner: User, signed_in: Enter) -> None:
    cast.UserFactory.create_batch(60, proved=False)
    client = signed_in(owner)
    draft = choose(client, "give", everybody=True)
    client.post(f"{draft}details/", {"product": studio.course.pk, "reason": "party"})
    page = client.post(f"{draft}start/", follow=True).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "0 of 61" in client.get(f"{draft}?part=progress").content.decode()
    carrying_out.carry_on_all()
    assert client.get(f"{draft}?part=progress")["HX-Refresh"] == "true"
    assert client.get(f"{draft}?state=done").context["tally"].done == 61


def test_somebody_who_is_added_by_hand_comes_in_by_the_invitation(
    studio: Studio, owner: User, signed_in: Enter
) -> None:
    client = signed_in(owner)
    body = {"email": "Nora@Example.org", "name": "Nora Vale", "products": [studio.course.pk, studio.kit.pk]}
    answer = client.post("/console/people/add/", body | {"reason": "a friend", "writes": "on"})
    nora = User.objects.get(email="nora@example.org")
    assert (answer.status_code, answer["Location"]) == (303, f"/console/people/{nora.pk}/")
    assert can_open(nora, studio.course, now=timezone.now())
    assert not nora.has_usable_password()
    (mail,) = Delivery.objects.all()
    assert (mail.notice, mail.context["products"]) == ("invitation", ["The Wheel", "Glaze Atlas"])
    added = Activity.objects.get(verb=Activity.Verb.MEMBER_ADDED)
    assert (added.user, added.actor) == (nora, owner)
    again = client.post("/console/people/add/", body | {"reason": "a friend", "writes": "on"}, follow=True)
    assert "Has an account already, and everything that was to be given." in again.content.decode()
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("email", ["", "nobody", "adı@example.org", "a b@example.org"])
def test_somebody_without_an_address_is_not_added(studio: Studio, owner: User, signed_in: Enter, email: str) -> None:
    answer = signed_in(owner).post("/console/people/add/", {"email": email, "reason": "x"})
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert User.objects.count() == 1


def test_a_file_that_waits_to_be_looked_at_outlasts_what_its_maker_does_meanwhile(
    studio: Studio, owner: User, signed_in: Enter
) -> None:
    client = signed_in(owner)
    body = {"file": file_of("email;name\nnora@example.org;Nora\n"), "reason": "moved here"}
    draft = client.post("/console/people/add/file/", body)["Location"]
    client.post("/console/people/add/", {"email": "otto@example.org", "name": "Otto", "reason": "a friend"})
    assert User.objects.filter(email="otto@example.org").exists()
    assert client.get(draft).status_code == 200
    client.post(f"{draft}start/")
    assert User.objects.filter(email="nora@example.org").exists()


def test_the_preview_names_the_columns_that_were_left_unread(studio: Studio, owner: User, signed_in: Enter) -> None:
    client = just_came_in(signed_in(owner))
    told = "Left unread, since Foyer knows no such column"
    for heading, is_told in (("email,until", True), ("email,name", False)):
        file = file_of(f"{heading}\nnora@example.org,x\n")
        answer = client.post("/console/people/add/file/", {"file": file, "reason": "a move"}, follow=True)
        page = answer.content.decode()
        assert answer.redirect_chain and (f"{told}: until." in page) == (told in page) == is_told


def test_a_file_is_shown_line_for_line_before_anybody_is_added(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    client = just_came_in(signed_in(owner))
    text = (
        "email;name;products\nADA@example.org;Other;wheel\nnora@example.org;Nora;\nnobody;=1+1;\nnora@example.org;N;\n"
    )
    body = {"file": file_of(text), "products": [studio.kit.pk], "reason": "moved here"}
    answer = client.post("/console/people/add/file/", body, follow=True)
    draft = answer.redirect_chain[-1][0]
    foreseen = answer.context["foreseen"]
    assert (foreseen.changes, foreseen.known, foreseen.refused) == (2, 1, 2)
    assert User.objects.count() == 2
    bad = client.get(f"{draft}rows/?state=failed").getvalue().decode("utf-8-sig")
    assert list(csv.reader(bad.splitlines()))[1:] == [
        ["4", "'=1+1", "nobody", "Not possible", "This is no e-mail address."],
        ["5", "N", "nora@example.org", "Not possible", "The same address stands in line 3."],
    ]
    client.post(f"{draft}start/")
    assert User.objects.get(email="ada@example.org").name == "Ada Lind"
    nora = User.objects.get(email="nora@example.org")
    assert (nora.name, can_open(nora, studio.kit, now=timezone.now())) == ("Nora", True)
    assert can_open(ada, studio.course, now=timezone.now())
    assert not Delivery.objects.exists()
    assert not BatchRow.objects.filter(state=BatchRow.State.DONE).exclude(email="").exists()
    client.post(f"{draft}undo/")
    assert not can_open(nora, studio.kit, now=timezone.now())
    assert User.objects.filter(email="nora@example.org").exists()


@pytest.mark.parametrize(
    ("deed", "foreseen"),
    [
        ("give", {"ada": "has", "ben": "has", "cleo": "has", "dan": "shut", "eva": "changes", "admin": "own"}),
        (
            "take",
            {"ada": "changes", "ben": "through", "cleo": "partly"} | dict.fromkeys(["dan", "eva", "admin"], "nothing"),
        ),
        ("invite", {"dan": "shut"} | dict.fromkeys(["ada", "ben", "cleo", "eva", "admin"], "changes")),
        (
            "add",
            dict.fromkeys(["ada", "ben", "cleo"], "whole")
            | {"dan": "shut", "eva": "changes", "admin": "own", "new": "new"},
        ),
    ],
)
def test_what_is_foreseen_of_each_is_what_comes_of_them(
    studio: Studio, ada: User, ben: User, cleo: User, dan: User, signed_in: Enter, deed: str, foreseen: dict[str, str]
) -> None:
    eva, admin = (cast.UserFactory(email=f"{name}@example.org") for name in ("eva", "admin"))
    User.objects.filter(pk=admin.pk).update(role=User.Role.ADMIN)
    User.objects.filter(pk=dan.pk).update(is_active=False)
    studio.give(ada, studio.kit)
    studio.subscribe(ben, studio.club)
    studio.give(cleo, studio.kit)
    studio.subscribe(cleo, studio.club)
    client, said = signed_in(User.objects.get(pk=admin.pk)), {"product": studio.kit.pk, "reason": "a fair"}
    if deed == "add":
        file = file_of("\n".join(["email", *(f"{name}@example.org" for name in foreseen)]))
        given = {"file": file, "products": [studio.kit.pk], "reason": "a fair"}
        draft = client.post("/console/people/add/file/", given)["Location"]
    else:
        draft = choose(client, deed, ada, ben, cleo, dan, eva, admin)
        client.post(f"{draft}details/", said)
    page = client.get(draft)
    rows = {(row.user.email if row.user else row.email): row.outlook for row in page.context["rows"].rows}
    assert rows == {f"{name}@example.org": outlook for name, outlook in foreseen.items()}
    assert page.context["foreseen"].outlooks == Counter(foreseen.values())
    client.post(f"{draft}start/")
    became = {row.user.email: row.state for row in Batch.objects.get().rows.select_related("user") if row.user}
    assert became == {email: "done" if outlook in GOES_ON else "left" for email, outlook in rows.items()}


def test_a_file_that_is_none_says_so_in_its_place(studio: Studio, owner: User, signed_in: Enter) -> None:
    body = {"file": file_of("PK\x03\x04"), "reason": "x"}
    answer = signed_in(owner).post("/console/people/add/file/", body)
    assert answer.status_code == 422
    assert "This is a spreadsheet and no CSV file." in answer.content.decode()
    assert not Batch.objects.exists()


def test_what_was_done_together_is_listed(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    assert "Nothing yet" in client.get("/console/people/together/").content.decode()
    draft = choose(client, "invite", ada)
    client.post(f"{draft}details/", {"reason": "welcome"})
    client.post(f"{draft}start/")
    page = client.get("/console/people/together/").content.decode()
    assert draft in page
    assert "welcome" in page


@pytest.mark.parametrize("people", [3, 30])
def test_a_batch_is_shown_with_as_many_queries_whatever_its_size(
    studio: Studio, owner: User, signed_in: Enter, django_assert_max_num_queries: Callable[..., object], people: int
) -> None:
    cast.UserFactory.create_batch(people, proved=False)
    client = signed_in(owner)
    draft = choose(client, "give", everybody=True)
    client.post(f"{draft}details/", {"product": studio.course.pk, "reason": "party"})
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        client.get(draft)


def test_who_is_deactivated_is_added_nothing_and_everybody_is_told_so(
    studio: Studio, ada: User, dan: User, owner: User, signed_in: Enter
) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    client = signed_in(owner)
    body = {"email": ada.email, "name": "Ada", "products": [studio.course.pk], "reason": "a friend", "writes": "on"}
    page = client.post("/console/people/add/", body, follow=True).content.decode()
    assert "it got nothing, and nobody was written to. Reactivate it first." in page
    file = file_of(f"E-mail\n{ada.email}\nnora@example.org\n{dan.email}\n")
    given = {"file": file, "products": [studio.course.pk], "reason": "a fair", "writes": "on"}
    draft = client.post("/console/people/add/file/", given)["Location"]
    page = " ".join(client.get(draft).content.decode().split())
    assert "Adds 1 person" in page and "1 has a deactivated account: it gets nothing" in page
    for words in ("Is deactivated: left as it is", "Is added", "Has an account: gets what is missing"):
        assert page.count(words) == 1
    client.post(f"{draft}start/")
    assert set(Grant.objects.values_list("user__email", flat=True)) == {"nora@example.org", dan.email}
    assert not Delivery.objects.filter(user=ada).exists()
    assert "it got nothing" in client.get(draft, {"state": "left"}).content.decode()


def test_what_was_undone_in_part_says_what_was_kept_and_why(
    studio: Studio, ada: User, ben: User, owner: User, signed_in: Enter
) -> None:
    client = signed_in(owner)
    draft = choose(client, "give", ada, ben)
    client.post(f"{draft}details/", {"product": studio.course.pk, "reason": "a prize", "ends_on": "", "writes": ""})
    client.post(f"{draft}start/")
    grants.revoke(Grant.objects.get(user=ben), actor=owner, reason="shared it", now=timezone.now())
    page = " ".join(client.post(f"{draft}undo/", follow=True).content.decode().split())
    assert "<b>Partly undone</b>" in page and "Not everybody’s was undone." in page
    assert '<b class="num">1</b> Something has changed since: it was left as it is.' in page
    assert "Partly undone" in client.get("/console/people/together/").content.decode()
    kept = client.get(draft, {"state": "kept"}).content.decode()
    assert ben.name in kept and ada.name not in kept


def test_what_was_undone_wholly_is_undone(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    draft = choose(client, "give", ada)
    client.post(f"{draft}details/", {"product": studio.course.pk, "reason": "a prize", "ends_on": "", "writes": ""})
    client.post(f"{draft}start/")
    page = client.post(f"{draft}undo/", follow=True).content.decode()
    assert "<b>Undone</b>" in page and "Partly" not in page + client.get("/console/people/together/").content.decode()


def test_a_gift_to_somebody_deactivated_says_that_it_waits(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    body = {"product": studio.course.pk, "reason": "a prize", "ends_on": ""}
    page = signed_in(owner).post(f"/console/people/{ada.pk}/give/", body, follow=True).content.decode()
    assert "opens when the account is reactivated: it is deactivated now." in page
    assert "has access to" not in page


def test_a_gift_to_somebody_who_is_erased_in_that_moment_is_refused_in_words(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    client, body = signed_in(owner), {"product": studio.course.pk, "reason": "a prize", "ends_on": ""}

    def erase_first(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("SELECT") and 'FROM "hub_product"' in sql:
            User.objects.filter(pk=ada.pk).update(erased_at=studio.now, is_active=False)
        return execute(sql, *args)

    with connection.execute_wrapper(erase_first):
        answer = client.post(f"/console/people/{ada.pk}/give/", body)
    assert answer.status_code == 303 and not Grant.objects.exists()
    assert "This account was erased: nothing is given to it." in client.get(answer["Location"]).content.decode()
