"""Sales pages written in the console: from an outline to what a visitor reads."""

from collections.abc import Callable

import pytest
from django.test import Client

from hub.editing.sales_pages import begin
from hub.models import SalesPage, User
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_editing import typed

Enter = Callable[[User], Client]


def sales_form(client: Client, path: str, **changes: object) -> dict[str, object]:
    sent = typed(client, path)
    for formset, *_words in client.get(path).context["lists"]:
        for bound in formset.management_form:
            sent[bound.html_name] = bound.value()
        for row in formset:
            sent |= {bound.html_name: bound.value() for bound in row if bound.value()}
    return sent | changes


def test_a_sales_page_is_written_looked_at_and_put_live(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/sales/"
    answer = client.post(
        path,
        sales_form(
            client,
            path,
            headline="Throw your first bowl",
            **{"questions-0-question": "Do I need a wheel?", "questions-0-answer": "Not for the first weeks."},
        ),
    )
    assert answer.status_code == 303
    page = SalesPage.objects.get()
    assert page.questions == [{"question": "Do I need a wheel?", "answer": "Not for the first weeks."}]
    assert (page.testimonials, page.is_live) == ([], False)
    assert "Do I need a wheel?" in client.get("/buy/wheel/").content.decode()
    assert Client().get("/buy/wheel/").status_code == 404
    client.post(f"{path}live/", {"live": "1"})
    assert Client().get("/buy/wheel/").status_code == 200

    half = sales_form(client, path, **{"questions-0-answer": "", "headline": "Typed."})
    answer = client.post(path, half)
    assert answer.status_code == 422
    assert "Fill in both" in answer.content.decode()
    assert "Typed." in answer.content.decode()
    emptied = sales_form(client, path, **{"questions-0-answer": "", "questions-0-question": ""})
    assert client.post(path, emptied).status_code == 303
    assert SalesPage.objects.get().questions == []


def test_a_question_that_somebody_else_added_is_not_lost(studio: Studio, owner: User, signed_in: Enter) -> None:
    cast.SalesPageFactory(product=studio.course)
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/sales/"
    mine = sales_form(client, path, headline="Mine")
    theirs = {"questions-0-question": "Q?", "questions-0-answer": "A."}
    assert client.post(path, sales_form(client, path, **theirs)).status_code == 303
    answer = client.post(path, mine)
    assert answer.status_code == 409
    assert "Q?\nA." in answer.content.decode()
    assert SalesPage.objects.get().questions == [{"question": "Q?", "answer": "A."}]


@pytest.mark.parametrize("like", ["outline", "kit", "0", "x", "99999999"])
def test_a_new_one_begins_with_an_outline_or_what_another_says(
    studio: Studio, owner: User, signed_in: Enter, like: str
) -> None:
    cast.SalesPageFactory(
        product=studio.kit, headline="Every glaze", questions=[{"question": "Lead?", "answer": "None."}]
    )
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/sales/"
    page = client.get(path, {"like": studio.kit.pk if like == "kit" else like}).content.decode()
    assert ("Who it is for" in page) is (like == "outline")
    assert ("Every glaze" in page, "Lead?" in page) == ((like == "kit"),) * 2
    assert not SalesPage.objects.filter(product=studio.course).exists()


def test_one_that_is_there_is_not_replaced_by_a_pattern(studio: Studio, owner: User, signed_in: Enter) -> None:
    cast.SalesPageFactory(product=studio.course, headline="Ours")
    page = signed_in(owner).get(f"/console/products/{studio.course.pk}/sales/", {"like": "outline"})
    assert page.context["form"]["headline"].value() == "Ours"
    assert "Who it is for" not in page.content.decode()


def test_two_who_begin_it_at_once_do_not_overwrite_each_other(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/sales/"
    mine, theirs = (sales_form(client, path, headline=words) for words in ("Mine", "Theirs"))
    assert client.post(path, theirs).status_code == 303
    assert client.post(path, mine).status_code == 409
    assert SalesPage.objects.get().headline == "Theirs"


def test_what_cannot_be_saved_is_said_at_the_top(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/sales/"
    answer = client.post(path, sales_form(client, path, **{"questions-0-question": "How long?"}))
    assert answer.status_code == 422
    assert "Nothing was saved yet: see below." in answer.content.decode()


def test_the_outlines_advice_is_never_shown_to_buyers(studio: Studio, owner: User, signed_in: Enter) -> None:
    page = begin(studio.course, like="outline")
    page.save()
    console, live = signed_in(owner), f"/console/products/{studio.course.pk}/sales/live/"
    answer = console.post(live, {"live": "1"}, follow=True).content.decode()
    assert "The outline still speaks where you should: “Say whom you have in mind" in answer
    page.body = "For whoever has ten fingers."
    page.save()
    assert "“Say how long" in console.post(live, {"live": "1"}, follow=True).content.decode()
    assert not SalesPage.objects.get().is_live
    SalesPage.objects.update(questions=[{"question": "How long do I have access?", "answer": "For ever."}])
    console.post(live, {"live": "1"})
    assert SalesPage.objects.get().is_live
