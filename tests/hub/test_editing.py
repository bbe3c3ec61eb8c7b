"""Products and pages made in the console: from nothing to what a member reads."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from activities.models import Activity
from hub.access import can_open
from hub.models import Category, CollectionItem, Grant, Page, Product, SalesPage, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]


def field(client: Client, path: str, name: str) -> str:
    """What a form on that page is filled in with."""
    return str(client.get(path).context["form"][name].value() or "")


def typed(client: Client, path: str, **changes: object) -> dict[str, object]:
    """A form as a browser sends it back, with some fields typed over."""
    form = client.get(path).context["form"]
    sent = {bound.name: bound.value() for bound in form if bound.value() not in (None, False)}
    return {name: value for name, value in (sent | changes).items() if value is not None}


def test_from_nothing_to_a_page_that_a_member_reads(ada: User, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    answer = client.post("/console/products/new/", {"name": "Raku & Smoke", "kind": "standard", "summary": "Fire."})
    product = Product.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/console/products/{product.pk}/content/")
    assert (product.slug, product.is_live) == ("raku-smoke", False)
    body = {"title": "Build the kiln", "body": "## Bricks\n\nTwelve of them.", "publish": "1"}
    answer = client.post(f"/console/products/{product.pk}/pages/new/", body)
    page = Page.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/console/products/pages/{page.pk}/")
    assert (page.slug, page.is_published) == ("build-the-kiln", True)

    client.post(f"/console/people/{ada.pk}/give/", {"product": product.pk, "reason": "first"})
    assert signed_in(ada).get("/products/raku-smoke/build-the-kiln/").status_code == 404
    client.post(f"/console/products/{product.pk}/live/", {"live": "1"})
    assert "Twelve of them." in signed_in(ada).get("/products/raku-smoke/build-the-kiln/").content.decode()
    feed = client.get(f"/console/products/{product.pk}/activity/").content.decode()
    for deed in ("Made the product", "Published “Build the kiln”", ": Published, "):
        assert deed in feed


def test_every_page_of_the_editor_is_for_owners_and_admins(
    studio: Studio, dan: User, client: Client, signed_in: Enter
) -> None:
    course, page = studio.course, studio.pages[0]
    section = cast.SectionFactory(product=course)
    cast.SalesPageFactory(product=course)
    shown = [
        "/console/products/new/",
        *(f"/console/products/{course.pk}/{tab}" for tab in ("", "content/", "settings/", "sales/", "activity/")),
        f"/console/products/{course.pk}/live/",
        f"/console/products/{course.pk}/archive/",
        f"/console/products/{course.pk}/pages/new/",
        f"/console/products/sections/{section.pk}/",
        f"/console/products/pages/{page.pk}/",
        f"/console/products/pages/{page.pk}/delete/",
    ]
    acts = [
        f"/console/products/{course.pk}/duplicate/",
        f"/console/products/{course.pk}/unarchive/",
        f"/console/products/{course.pk}/publish/",
        f"/console/products/{course.pk}/sections/",
        f"/console/products/{course.pk}/sales/live/",
        f"/console/products/{course.pk}/pages/order/",
        f"/console/products/sections/{section.pk}/move/",
        f"/console/products/sections/{section.pk}/delete/",
        f"/console/products/pages/{page.pk}/move/",
        f"/console/products/pages/{page.pk}/publish/",
    ]
    support, admin = (cast.UserFactory(role=role) for role in (User.Role.SUPPORT, User.Role.ADMIN))
    for path in shown:
        assert client.get(path).status_code == 302, path
        assert [signed_in(who).get(path).status_code for who in (dan, support, admin)] == [403, 403, 200], path
    deeds = Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION)
    both = [path for path in shown if not path.endswith(("/content/", "/activity/"))]
    for path in [*both, *acts]:
        assert client.post(path).status_code == 302, path
        assert [signed_in(who).post(path).status_code for who in (dan, support)] == [403, 403], path
    assert not deeds.exists()
    assert Page.objects.count() == 4
    for path in acts:
        assert signed_in(admin).get(path).status_code == 405, path


def test_two_products_of_one_name_have_two_addresses(owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    for name in ("Raku", "Raku", "楽焼"):
        client.post("/console/products/new/", {"name": name, "kind": "standard"})
    assert list(Product.objects.values_list("slug", "position")) == [("raku", 0), ("raku-2", 1), ("product", 2)]


def test_a_product_without_a_name_is_not_made_and_says_why(owner: User, signed_in: Enter) -> None:
    answer = signed_in(owner).post("/console/products/new/", {"name": "", "kind": "standard", "summary": "Kept."})
    assert answer.status_code == 422
    assert "Kept." in answer.content.decode()
    assert not Product.objects.exists()


def test_info_is_saved_and_told_in_the_feed(studio: Studio, owner: User, signed_in: Enter) -> None:
    live = Category.objects.create(name="Live", slug="live")
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/"
    answer = client.post(path, typed(client, path, name="The Wheel, anew", categories=[live.pk]))
    assert (answer.status_code, answer["Location"]) == (303, path)
    studio.course.refresh_from_db()
    assert studio.course.name == "The Wheel, anew"
    assert list(studio.course.categories.all()) == [live]
    told = Activity.objects.get(product=studio.course, verb=Activity.Verb.STAFF_ACTION)
    assert (told.actor, told.details["reason"]) == (owner, "changed name, categories")
    client.post(path, typed(client, path))
    assert Activity.objects.filter(product=studio.course, verb=Activity.Verb.STAFF_ACTION).count() == 1


def test_a_taken_address_is_refused_and_keeps_what_was_typed(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/"
    answer = client.post(path, typed(client, path, slug="glaze", summary="Typed just now."))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Typed just now." in page
    assert 'aria-invalid="true"' in page
    assert Product.objects.get(pk=studio.course.pk).slug == "wheel"


def test_who_was_slower_overwrites_nothing_unseen(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/pages/{studio.pages[0].pk}/"
    mine = typed(client, path, body="My version.")
    client.post(path, typed(client, path, body="Theirs, saved first."))
    answer = client.post(path, mine)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody else saved this meanwhile" in page
    assert "My version." in page
    assert "Theirs, saved first." in page
    assert Page.objects.get(pk=studio.pages[0].pk).body == "Theirs, saved first."
    again = mine | {"seen": answer.context["form"]["seen"].value()}
    assert client.post(path, again).status_code == 303
    assert Page.objects.get(pk=studio.pages[0].pk).body == "My version."


def test_what_another_tab_changed_stands_in_nobodys_way(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/"
    mine = typed(client, path, summary="Mine.")
    settings = f"{path}settings/"
    assert client.post(settings, typed(client, settings, show_locked=None)).status_code == 303
    assert client.post(path, mine).status_code == 303
    studio.course.refresh_from_db()
    assert (studio.course.summary, studio.course.show_locked) == ("Mine.", False)


def test_settings_say_what_is_missing(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/settings/"
    answer = client.post(path, typed(client, path, purchase="external"))
    assert answer.status_code == 422
    assert "Say where people buy it." in answer.content.decode()
    sent = typed(client, path, purchase="external", external_url="https://shop.example/", access_days="30")
    assert client.post(path, sent).status_code == 303
    studio.course.refresh_from_db()
    assert (studio.course.purchase, studio.course.access_days) == ("external", 30)


def test_a_page_is_previewed_without_being_saved(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/pages/{studio.pages[0].pk}/"
    answer = client.post(path, typed(client, path, body="**Bold** <script>x</script>") | {"preview": "1"})
    assert "<strong>Bold</strong>" in answer.content.decode()
    assert "<script>x" not in answer.content.decode()
    assert Page.objects.get(pk=studio.pages[0].pk).body == "Secret of Clay."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, "This field is required."),
        ({"slug": "centring"}, "Another page of this product has this address."),
        ({"video_url": "https://videos.example/1"}, "Give the address of a video on YouTube or Vimeo."),
    ],
)
def test_a_page_that_is_not_right_says_why(
    studio: Studio, owner: User, signed_in: Enter, change: dict[str, str], words: str
) -> None:
    client, path = signed_in(owner), f"/console/products/pages/{studio.pages[0].pk}/"
    answer = client.post(path, typed(client, path, body="Kept.", **change))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "Kept." in answer.content.decode()


def test_pages_are_published_one_by_one_and_all_at_once(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, page = signed_in(owner), studio.pages[0]
    client.post(f"/console/products/pages/{page.pk}/publish/", {"publish": "0"})
    assert not Page.objects.get(pk=page.pk).is_published
    answer = client.post(f"/console/products/{studio.course.pk}/publish/", follow=True)
    assert "2 pages published." in answer.content.decode()
    assert not studio.course.pages.filter(is_published=False).exists()


def outline(product: Product) -> list[tuple[str, list[str]]]:
    from hub.editing.pages import parts_of

    return [
        (part.section.title if part.section else "", [page.title for page in part.pages]) for part in parts_of(product)
    ]


def test_pages_go_up_and_down_and_over_the_edge_of_a_section(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, course = signed_in(owner), studio.course
    client.post(f"/console/products/{course.pk}/sections/", {"title": "Later"})
    assert outline(course) == [("", ["Clay", "Centring", "Pulling", "Unfinished"]), ("Later", [])]

    def go(title: str, to: str) -> None:
        page = Page.objects.get(title=title)
        assert client.post(f"/console/products/pages/{page.pk}/move/", {"to": to}).status_code == 303

    go("Clay", "up")
    go("Pulling", "up")
    assert outline(course)[0][1] == ["Clay", "Pulling", "Centring", "Unfinished"]
    go("Unfinished", "down")
    go("Centring", "down")
    assert outline(course) == [("", ["Clay", "Pulling"]), ("Later", ["Centring", "Unfinished"])]
    go("Centring", "up")
    go("Unfinished", "down")
    go("Unfinished", "sideways")
    assert outline(course) == [("", ["Clay", "Pulling", "Centring"]), ("Later", ["Unfinished"])]


def test_pages_are_put_where_they_are_dropped(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, course = signed_in(owner), studio.course
    section = cast.SectionFactory(product=course, title="Later")
    foreign = cast.PageFactory(title="Elsewhere")
    clay, centring, pulling = studio.pages
    places = [f":{pulling.pk}", f"{section.pk}:{centring.pk}", f"{section.pk}:{clay.pk}", f":{foreign.pk}", "0:1"]
    path = f"/console/products/{course.pk}/pages/order/"
    assert client.post(path, {"place": places}).status_code == 204
    assert outline(course) == [("", ["Pulling", "Unfinished"]), ("Later", ["Centring", "Clay"])]
    assert Page.objects.get(pk=foreign.pk).product != course
    assert client.post(path, {"place": ["x:1"]}).status_code == 400


def test_a_deleted_section_leaves_its_pages(studio: Studio, owner: User, signed_in: Enter) -> None:
    section = cast.SectionFactory(product=studio.course, title="Later")
    cast.PageFactory(product=studio.course, section=section, title="Kept")
    signed_in(owner).post(f"/console/products/sections/{section.pk}/delete/")
    assert outline(studio.course) == [("", ["Clay", "Centring", "Pulling", "Unfinished", "Kept"])]


def test_a_page_is_deleted_after_its_readers_were_counted(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    signed_in(ada).get("/products/wheel/clay/")
    client, path = signed_in(owner), f"/console/products/pages/{studio.pages[0].pk}/delete/"
    assert "1 person has opened it" in client.get(path).content.decode()
    client.post(path)
    assert not Page.objects.filter(pk=studio.pages[0].pk).exists()


def test_a_copy_has_the_pages_and_settings_and_nobody_has_it(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    course = studio.course
    section = cast.SectionFactory(product=course, title="Later")
    Page.objects.filter(pk=studio.pages[2].pk).update(section=section)
    course.categories.add(Category.objects.create(name="Live", slug="live"))
    cast.SalesPageFactory(product=course, headline="Throw!")
    studio.sell(course)
    studio.give(ada, course)
    client = signed_in(owner)
    answer = client.post(f"/console/products/{course.pk}/duplicate/")
    copy = Product.objects.get(name="Copy of The Wheel")
    assert answer["Location"] == f"/console/products/{copy.pk}/"
    assert (copy.slug, copy.is_live, copy.purchase) == ("copy-of-the-wheel", False, course.purchase)
    assert outline(copy) == [("", ["Clay", "Centring", "Unfinished"]), ("Later", ["Pulling"])]
    assert outline(course) == outline(copy)
    assert copy.sections.get() != section
    assert [category.name for category in copy.categories.all()] == ["Live"]
    assert SalesPage.objects.get(product=copy).headline == "Throw!"
    assert not SalesPage.objects.get(product=copy).is_live
    assert not copy.offers.exists()
    assert not copy.grants.exists()
    club = client.post(f"/console/products/{studio.club.pk}/duplicate/")["Location"]
    assert CollectionItem.objects.get(collection=club.split("/")[3]).product == studio.kit


def test_an_archived_product_stays_with_whoever_has_it(
    studio: Studio, ada: User, dan: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/archive/"
    page = client.get(path).content.decode()
    assert "1 person keeps it" in page
    assert "payment links" not in page
    studio.sell(studio.course)
    assert "Its payment links at Stripe still take money" in client.get(path).content.decode()
    client.post(path)
    assert "The Wheel" in signed_in(ada).get("/").content.decode()
    assert "The Wheel" not in signed_in(dan).get("/").content.decode()
    assert can_open(ada, studio.course, now=timezone.now())
    client.post(f"/console/products/{studio.course.pk}/unarchive/")
    assert "The Wheel" in signed_in(dan).get("/").content.decode()
    assert Grant.objects.get().is_open


def test_before_a_product_disappears_its_people_are_counted(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/live/"
    assert "1 person has access to it" in client.get(path).content.decode()
    client.post(path, {"live": "0"})
    assert signed_in(ada).get("/products/wheel/").status_code == 404
    assert Grant.objects.get().is_open


def test_links_to_a_former_address_lead_to_the_new_one(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    cast.SalesPageFactory(product=studio.course)
    Product.objects.filter(pk=studio.course.pk).update(purchase=Product.Purchase.SALES_PAGE)
    studio.give(ada, studio.course)
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/"
    for slug in ("the-wheel", "wheels"):
        assert client.post(path, typed(client, path, slug=slug)).status_code == 303
    reader = signed_in(ada)
    for before, now in (
        ("/products/wheel/", "/products/wheels/"),
        ("/products/the-wheel/", "/products/wheels/"),
        ("/products/wheel/clay/", "/products/wheels/clay/"),
        ("/buy/wheel/", "/buy/wheels/"),
    ):
        answer = reader.get(before)
        assert (answer.status_code, answer["Location"]) == (302, now)
        assert reader.get(now).status_code == 200
    assert reader.get("/products/no-such/").status_code == 404
    # Whatever has the address now comes first, and back again nothing leads anywhere.
    cast.ProductFactory(slug="wheel", name="Another")
    assert "Another" in reader.get("/products/wheel/").content.decode()
    client.post(path, typed(client, path, slug="the-wheel"))
    assert reader.get("/products/the-wheel/").status_code == 200
    Product.objects.filter(pk=studio.course.pk).update(is_live=False)
    assert reader.get("/products/wheels/").status_code == 404


def test_whoever_publishes_nothing_to_read_is_told(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, words = signed_in(owner), "finds nothing to read"
    assert words in client.get(f"/console/products/{studio.kit.pk}/content/").content.decode()
    answer = client.post(f"/console/products/{studio.kit.pk}/live/", {"live": "1"}, follow=True)
    assert words in answer.content.decode()
    for product in (studio.course, studio.club):
        answer = client.post(f"/console/products/{product.pk}/live/", {"live": "1"}, follow=True)
        assert words not in answer.content.decode()
        assert words not in client.get(f"/console/products/{product.pk}/content/").content.decode()
