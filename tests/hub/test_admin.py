"""Django's admin: what it offers, to whom, and that it is no way into somebody's account."""

import re
from html import unescape

import pytest
from django.apps import apps
from django.contrib import admin
from django.core import mail
from django.test import Client
from django.utils import timezone

from activities.models import Activity
from hub.models import Grant, User
from tests.cast import PageFactory, ProductFactory, SalesPageFactory, UserFactory
from tests.hub.conftest import Studio
from tests.hub.test_signing_in import code_sent

OFFERED = {
    "activities.Activity",
    "activities.Delivery",
    "billing.AccessPolicy",
    "billing.Attention",
    "billing.Connection",
    "billing.ImportBatch",
    "billing.ImportRow",
    "billing.InboxEvent",
    "billing.Offer",
    "billing.Order",
    "billing.Pass",
    "billing.ProductLink",
    "billing.StripeCustomer",
    "billing.Subject",
    "billing.Subscription",
    "djstripe.Customer",
    "djstripe.Invoice",
    "djstripe.Price",
    "djstripe.Product",
    "djstripe.Subscription",
    "hub.Category",
    "hub.Grant",
    "hub.Ledger",
    "hub.Page",
    "hub.PageProgress",
    "hub.Product",
    "hub.Site",
    "hub.User",
}
SECRET = (
    "account.emailaddress",
    "auth.group",
    "auth.permission",
    "djstripe.apikey",
    "djstripe.webhookendpoint",
    "mfa.authenticator",
    "sessions.session",
    "usersessions.usersession",
)
FORM = {"email": "mallory@example.org", "name": "Changed", "role": "member", "timezone": "UTC"}


def member_of(role: User.Role) -> User:
    return UserFactory(role=role)  # type: ignore[no-any-return]


def inside(role: User.Role) -> Client:
    client = Client()
    client.force_login(member_of(role))
    return client


def test_the_index_is_this_list() -> None:
    assert {model._meta.label for model in admin.site._registry} == OFFERED


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.ADMIN, User.Role.SUPPORT])
def test_every_staff_member_can_open_the_index(db: None, role: User.Role) -> None:
    assert inside(role).get("/admin/").status_code == 200


@pytest.mark.parametrize("theirs", [User.Role.OWNER, User.Role.ADMIN, User.Role.SUPPORT])
def test_an_admin_changes_nothing_of_staff(db: None, theirs: User.Role) -> None:
    person = member_of(theirs)
    before = User.objects.filter(pk=person.pk).values().get()
    path = f"/admin/hub/user/{person.pk}/change/"
    client = inside(User.Role.ADMIN)
    assert client.post(path, FORM).status_code == 403
    page = client.get(path)
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert User.objects.filter(pk=person.pk).values().get() == before


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.ADMIN])
def test_nobody_moves_a_member_to_another_address(db: None, role: User.Role) -> None:
    member = UserFactory(email="ada@example.org")
    assert inside(role).post(f"/admin/hub/user/{member.pk}/change/", FORM).status_code == 302
    member.refresh_from_db()
    assert (member.email, member.name, member.is_active) == ("ada@example.org", "Changed", True)


@pytest.mark.parametrize("is_active", [True, False])
def test_nobody_is_shut_out_or_let_in_here_where_nothing_is_asked(db: None, is_active: bool) -> None:
    member = UserFactory(is_active=is_active)
    form = FORM if is_active else {**FORM, "is_active": "on"}
    assert inside(User.Role.OWNER).post(f"/admin/hub/user/{member.pk}/change/", form).status_code == 302
    member.refresh_from_db()
    assert (member.name, member.is_active) == ("Changed", is_active)


def test_whoever_was_erased_stays_nobody(db: None) -> None:
    person = UserFactory(name="", is_active=False, erased_at=timezone.now())
    assert inside(User.Role.OWNER).post(f"/admin/hub/user/{person.pk}/change/", FORM).status_code == 403
    person.refresh_from_db()
    assert person.name == ""


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.ADMIN])
def test_nobody_is_made_staff_here_where_no_owner_would_hear_of_it(db: None, role: User.Role) -> None:
    member = UserFactory()
    form = {**FORM, "role": "owner", "is_active": "on"}
    browser = inside(role)
    assert browser.post(f"/admin/hub/user/{member.pk}/change/", form).status_code == 302
    browser.post("/admin/hub/user/add/", {**form, "email": "new@example.org"})
    member.refresh_from_db()
    assert (member.role, member.name) == (User.Role.MEMBER, "Changed")
    assert User.objects.get(email="new@example.org").role == User.Role.MEMBER


def test_a_password_is_changed_where_everybody_changes_theirs(db: None) -> None:
    browser = inside(User.Role.SUPPORT)
    for ask in (browser.get, browser.post):
        assert ask("/admin/password_change/")["Location"] == "/accounts/password/change/"


def test_whoever_is_added_or_renamed_here_is_told_of_in_the_feed_with_who_did_it(db: None) -> None:
    member = UserFactory(name="Ada Lind")
    browser = inside(User.Role.ADMIN)
    for _time in range(2):  # the second time nothing changes
        browser.post(f"/admin/hub/user/{member.pk}/change/", FORM)
    browser.post("/admin/hub/user/add/", {**FORM, "email": "new@example.org"})
    told = Activity.objects.filter(actor__role=User.Role.ADMIN).exclude(verb="signed_in").order_by("pk")
    assert [(row.verb, row.user and row.user.email, row.details.get("reason")) for row in told] == [
        ("staff_action", member.email, "renamed this person from “Ada Lind”"),
        ("member_added", "new@example.org", None),
    ]


def test_support_looks_at_the_records_and_at_no_secret(db: None) -> None:
    support = member_of(User.Role.SUPPORT)
    for label in SECRET:
        app, model = label.split(".")
        assert apps.get_model(label)
        assert not support.has_perm(f"{app}.view_{model}"), label
    for label in OFFERED:
        app, model = label.lower().split(".")
        assert support.has_perm(f"{app}.view_{model}"), label
        assert not any(support.has_perm(f"{app}.{act}_{model}") for act in ("add", "change", "delete")), label
    assert not support.has_module_perms("usersessions")


@pytest.mark.parametrize(("role", "is_led"), [(User.Role.SUPPORT, False), (User.Role.ADMIN, True)])
def test_nobody_is_led_to_a_page_that_refuses_them(db: None, role: User.Role, is_led: bool) -> None:
    product, client = ProductFactory(), inside(role)
    page = client.get(f"/admin/hub/product/{product.pk}/change/").content.decode()
    assert (f'href="/console/products/{product.pk}/"' in page) is is_led
    somebody = member_of(User.Role.MEMBER)
    page = client.get(f"/admin/hub/user/{somebody.pk}/change/").content.decode()
    assert f'href="/console/people/{somebody.pk}/"' in page


def test_who_is_added_in_the_admin_comes_in_by_one_code(db: None, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]
    form = {**FORM, "email": "New@Example.org", "is_active": "on"}
    assert inside(User.Role.OWNER).post("/admin/hub/user/add/", form).status_code == 302
    new = User.objects.get(email="new@example.org")
    assert not new.has_usable_password()
    client = Client()
    way_in = client.post("/accounts/login/", {"login": new.email})["Location"]
    assert client.post(way_in, {"code": code_sent()})["Location"] == "/"
    assert client.get("/account/").status_code == 200
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(("role", "reads"), [(User.Role.ADMIN, True), (User.Role.SUPPORT, False)])
def test_what_a_page_says_is_read_by_those_who_read_drafts(db: None, role: User.Role, reads: bool) -> None:
    page = PageFactory(title="Glaze", body="Feldspar and ash.", video_url="https://youtu.be/aqz-KE-bpKQ")
    SalesPageFactory(product=page.product, headline="Learn it", body="Soon to be said.")
    client = inside(role)

    def says(path: str, *words: str) -> set[bool]:
        answer = client.get(path)
        assert answer.status_code == 200
        return {word in answer.content.decode() for word in words}

    path = f"/admin/hub/page/{page.pk}/change/"
    assert says(path, "Feldspar and ash.", "aqz-KE-bpKQ") == {reads}
    assert says(path, f"/console/products/pages/{page.pk}/") == {reads}
    assert says(f"/admin/hub/product/{page.product_id}/change/", "Learn it") == {True}
    assert says(f"/admin/hub/product/{page.product_id}/change/", "Soon to be said.") == {reads}
    assert says("/admin/hub/page/?q=glaze", path) == {True}
    assert says("/admin/hub/page/?q=feldspar", path) == {reads}


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.SUPPORT])
def test_a_list_is_filtered_by_its_filters_and_by_nothing_that_would_tell_a_secret(db: None, role: User.Role) -> None:
    client, asked, offered = inside(role), 0, 0
    for model in admin.site._registry:
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        page = client.get(path)
        if page.status_code == 403:
            continue
        for field in model._meta.get_fields():
            for how in ("", "__regex", "__password__startswith"):
                assert client.get(path, {f"{field.name}{how}": "a"}).status_code == 400, (path, field.name, how)
                asked += 1
        for link in set(re.findall(r'href="\?([^"]+__[^"]+)"', page.content.decode())):
            assert client.get(f"{path}?{unescape(link)}").status_code == 200, (path, link)
            offered += 1
    assert asked > 300 and offered > 20


def test_of_a_closed_grant_the_list_says_why_it_was_closed(studio: Studio, ada: User, ben: User) -> None:
    studio.subscribe(ada, studio.course, state="grace", reason="past_due_grace")
    studio.end(ben, studio.course)
    page = inside(User.Role.SUPPORT).get("/admin/hub/grant/").content.decode()
    assert re.findall(r'class="field-why">(\w+)<', page) == ["canceled", "past_due_grace"]


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.ADMIN])
def test_products_and_pages_are_changed_in_the_console_alone(db: None, role: User.Role) -> None:
    page = PageFactory(is_published=False)
    client = inside(role)
    client.post("/admin/hub/page/", {"action": "publish", "_selected_action": [page.pk]})
    for kind, pk in (("page", page.pk), ("product", page.product_id)):
        path = f"/admin/hub/{kind}/{pk}/change/"
        assert 'name="_save"' not in client.get(path).content.decode()
        assert client.post(path, {"slug": "another"}).status_code == 403
        assert client.get(f"/admin/hub/{kind}/add/").status_code == 403
    page.refresh_from_db()
    assert not page.is_published


@pytest.mark.parametrize(("role", "left"), [(User.Role.SUPPORT, 2), (User.Role.ADMIN, 0)])
def test_only_who_may_change_the_access_of_many_takes_it_from_two_at_once(
    studio: Studio, ada: User, ben: User, role: User.Role, left: int
) -> None:
    for person in (ada, ben):
        studio.give(person, studio.course)
    still_open = Grant.objects.filter(state__in=Grant.OPEN)
    chosen = list(still_open.values_list("pk", flat=True))
    body = {"action": "take_back", "_selected_action": chosen, "reason": "a mistake"}
    client = inside(role)
    client.post("/admin/hub/grant/", body)
    assert still_open.count() == left
    client.post("/admin/hub/grant/", body | {"_selected_action": chosen[:1]})
    assert still_open.count() == max(left - 1, 0)
