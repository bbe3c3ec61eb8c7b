"""Django's admin for support: rows found by address or Stripe's ids, ways out, decisions with a reason, no deletion."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from activities import clock, notices
from activities.models import Activity
from billing.models import (
    Attention,
    ImportBatch,
    ImportRow,
    InboxEvent,
    Order,
    Pass,
    StripeCustomer,
    Subject,
    Subscription,
)
from billing.refreshing.mirror import MODELS
from billing.sweeping.everything import subjects_of
from hub import grants
from hub.models import Category, Grant, Ledger, User
from tests import cast
from tests.journeys.test_failed_events import fail
from tests.members import Member, signed_in
from tests.shops import Shop

ADA = "ada@example.org"
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.IGNORECASE)


@pytest.fixture
def sam(db: None) -> Client:
    return signed_in(cast.UserFactory(email="sam@example.org", name="Sam Ode", role=User.Role.SUPPORT))


@pytest.fixture
def bought(shop: Shop) -> Shop:
    """Ada has bought once and subscribes, Ben has bought once."""
    shop.buy(shop.once, email=ADA)
    shop.buy(shop.monthly, email=ADA)
    shop.buy(shop.once, email="ben@example.org")
    shop.deliver()
    return shop


def words(browser: Client, path: str) -> str:
    return unescape(" ".join(browser.get(path).content.decode().split()))


def found(browser: Client, model: str, word: str) -> int:
    """How many rows of `app/model` a search finds."""
    answer = browser.get(f"/admin/{model}/", {"q": word})
    assert answer.status_code == 200
    return int(answer.context["cl"].result_count)


def choose(browser: Client, action: str, *rows: Grant, **given: str) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **given}
    return browser.post("/admin/hub/grant/", data)


def test_every_list_is_searched_by_address_name_and_stripes_ids(bought: Shop, sam: Client) -> None:
    subscription = Subscription.objects.get()
    order = Order.objects.get(user__email=ADA)
    customer = StripeCustomer.objects.get(stripe_id=subscription.customer_id)
    User.objects.filter(email=ADA).update(name="Ada Lind")
    every = (ADA, "Ada Lind", subscription.stripe_id, order.key, customer.stripe_id)
    for model, rows in (("hub/user", 1), ("hub/grant", 2), ("hub/ledger", 2)):
        assert [found(sam, model, word) for word in every] == [rows] * 2 + [rows] * 3, model
        assert found(sam, model, "nobody@example.org") == 0
    assert found(sam, "activities/activity", subscription.stripe_id) == found(sam, "activities/activity", ADA) > 0
    assert found(sam, "billing/stripecustomer", ADA) == 2
    assert (
        found(sam, "billing/inboxevent", ADA)
        == InboxEvent.objects.filter(subject__in=subjects_of(Member(bought).user)).count()
        > 0
    )
    for model in ("customer", "subscription", "invoice"):
        assert found(sam, f"djstripe/{model}", customer.stripe_id) == 1, model
        assert found(sam, f"djstripe/{model}", ADA) >= 1, model
    assert found(sam, "djstripe/price", shop_product(bought)) == 2


def shop_product(shop: Shop) -> str:
    return shop.monthly.link.stripe_product


def test_a_row_leads_to_the_console_and_to_stripe(bought: Shop, sam: Client) -> None:
    subscription = Subscription.objects.get()
    grant = Grant.objects.get(source_ref=subscription.stripe_id)
    person, at_stripe = Member(bought).user, bought.sandbox.url
    console, theirs = f"/console/people/{person.pk}/", f"{at_stripe}/sandbox/subscriptions/{subscription.stripe_id}"
    customer = f"{at_stripe}/sandbox/customers/{subscription.customer_id}"
    told = Activity.objects.filter(verb="subscription_started").get()
    mirrored = MODELS["subscription"].objects.get(id=subscription.stripe_id)
    for path, links in (
        (f"hub/user/{person.pk}", (console, customer)),
        (f"hub/grant/{grant.pk}", (console, theirs)),
        (f"hub/ledger/{grant.ledger.get().pk}", (console, theirs)),
        (f"activities/activity/{told.pk}", (console, theirs)),
        (f"billing/subscription/{subscription.pk}", (console, theirs, customer)),
        (f"djstripe/subscription/{mirrored.pk}", (theirs,)),
    ):
        page = words(sam, f"/admin/{path}/change/")
        assert [link for link in links if f'href="{link}"' not in page] == [], path


def test_a_grant_is_taken_back_after_a_reason_and_given_back(bought: Shop, sam: Client) -> None:
    ada = Member(bought)
    grant = Grant.objects.get(user=ada.user, product=bought.course)
    question = choose(sam, "take_back", grant)
    page = unescape(question.content.decode())
    assert question.status_code == 200 and "Take this back?" in page and "No money goes back" in page
    assert f'value="{grant.pk}"' in page and ada.has(bought.course)
    assert choose(sam, "take_back", grant, reason="  ").status_code == 422
    assert ada.has(bought.course)

    assert choose(sam, "take_back", grant, reason="shared it").status_code == 302
    assert not ada.has(bought.course)
    line = Ledger.objects.latest("pk")
    assert (line.actor.email, line.note, line.to_state) == ("sam@example.org", "shared it", "revoked")  # type: ignore[union-attr]
    assert "Left as they were: 1" in follow(sam, choose(sam, "take_back", grant, reason="again"))
    assert choose(sam, "give_back", grant, reason="was not her").status_code == 302
    assert ada.has(bought.course)


def follow(browser: Client, answer: Any) -> str:
    return browser.get(answer["Location"]).content.decode()


def test_support_gives_nothing_back_to_itself(bought: Shop, sam: Client, owner: User) -> None:
    me = User.objects.get(email="sam@example.org")
    mine = grants.give(me, bought.course, actor=owner, reason="works here", ends_at=None, now=clock.now())
    grants.revoke(mine, actor=owner, reason="no longer", now=clock.now())
    assert "Left as they were: 1" in follow(sam, choose(sam, "give_back", mine, reason="mine"))
    assert not bought.has(me.email, bought.course)


def test_failed_events_are_replayed_by_who_may(bought: Shop, sam: Client, owner: User) -> None:
    bought.sandbox.api.subscriptions.cancel(Subscription.objects.get().stripe_id)
    for delivery in bought.sandbox.take_pending():
        bought.post_webhook(delivery)
    event = fail(InboxEvent.objects.get(type="customer.subscription.deleted"))
    path, given = "/admin/billing/inboxevent/", {"action": "replay", "_selected_action": [event.pk]}
    sam.post(path, given)
    event.refresh_from_db()
    assert event.state == InboxEvent.State.DEAD
    assert f"/console/decide/events/{event.pk}/" in words(sam, f"{path}{event.pk}/change/")
    desk = signed_in(owner)
    assert "Reason, kept in the feed" in desk.post(path, given).content.decode()
    event.refresh_from_db()
    assert event.state == InboxEvent.State.DEAD
    answer = desk.post(path, given | {"reason": "Mended by the update"}, follow=True)
    assert "Being worked off: 1" in answer.content.decode()
    told = Activity.objects.get(verb="staff_action", details__reason__startswith="replayed")
    assert (told.actor, told.details["note"], told.cause) == (owner, "Mended by the update", event.event_id)
    event.refresh_from_db()
    assert event.state == InboxEvent.State.PENDING


@pytest.mark.parametrize("role", [User.Role.OWNER, User.Role.ADMIN, User.Role.SUPPORT])
def test_nobody_deletes_and_support_changes_nothing(bought: Shop, role: User.Role) -> None:
    browser = signed_in(cast.UserFactory(role=role))
    for model, registered in admin.site._registry.items():
        row = model._default_manager.first()
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        listed = browser.get(path)
        assert listed.status_code == 200, path
        assert 'value="delete_selected"' not in listed.content.decode(), path
        if row is None:
            continue
        assert browser.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403, path
        if role == User.Role.SUPPORT:
            assert browser.get(f"{path}add/").status_code == 403, path
            assert not registered.has_change_permission(listed.wsgi_request, row), path
    assert Grant.objects.count() == 3


def test_the_catalogue_keeps_its_parts(bought: Shop, owner: User) -> None:
    """An inline form is a way to delete too."""
    page = cast.PageFactory(product=bought.course)
    shown = signed_in(owner).get(f"/admin/hub/product/{bought.course.pk}/change/").content.decode()
    assert page.title in shown and "-DELETE" not in shown


@pytest.mark.parametrize("who", ["member", "stranger"])
def test_members_and_strangers_see_no_record(bought: Shop, who: str) -> None:
    browser = Member(bought).browser() if who == "member" else Client()
    for model in admin.site._registry:
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert browser.get(path)["Location"] == f"/admin/login/?next={path}"
    answer = choose(browser, "take_back", Grant.objects.earliest("pk"), reason="x")
    assert answer["Location"].startswith("/admin/login/?next=")
    assert Grant.objects.filter(state__in=Grant.OPEN).count() == 3


def test_every_page_bears_the_sites_name_and_nothing_inline(bought: Shop, owner: User) -> None:
    desk = signed_in(owner)
    paths = ["/admin/"]
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        row = model._default_manager.first()
        paths += [base, f"{base}{row.pk}/change/"] if row else [base]
    for path in paths:
        answer = desk.get(path)
        page = answer.content.decode()
        assert "Foyer: records" in page and "/theme.css?" in page, path
        assert not INLINE.search(page), (path, INLINE.search(page))
        assert "'unsafe-inline'" not in answer["Content-Security-Policy"]


def more_of_everything(shop: Shop, count: int) -> None:
    """That many further rows in each list: each of another person, of another product."""
    now, start = clock.now(), User.objects.count()
    batch = ImportBatch.objects.create(
        connection=shop.connection, state="done", asked_at=now, created_at=now, started_by=User.objects.first()
    )
    for number in range(start, start + count):
        person = cast.UserFactory(email=f"more{number}@example.org")
        product = cast.ProductFactory()
        made = grants.give(person, product, actor=person, reason="x", ends_at=None, now=now)
        customer = f"cus_more{number}"
        StripeCustomer.objects.create(stripe_id=customer, connection=shop.connection, user=person, email=person.email)
        Attention.objects.create(kind="missing", key=f"missing:{number}", subject=customer, user=person, opened_at=now)
        Subject.objects.create(key=customer)
        Pass.objects.create(kind="full", started_at=now)
        for model in (Subscription, Order, InboxEvent):
            row = model.objects.earliest("pk")
            row.pk, row._state.adding = None, True
            setattr(
                row, "event_id" if model is InboxEvent else "stripe_id" if model is Subscription else "key", customer
            )
            if model is not InboxEvent:
                row.user = person  # type: ignore[union-attr]
            row.save()
        ImportRow.objects.create(batch=batch, subject=customer, who=person.email)
        notices.queue_one(notices.access(key=f"n{number}", user_id=person.pk, product_id=product.pk), now=now)
        cast.PageFactory(product=product, section=cast.SectionFactory(product=product))
        assert made.ledger.exists()


def test_no_list_asks_more_of_the_database_when_it_is_longer(bought: Shop, sam: Client) -> None:
    lists = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    counts: list[dict[str, int]] = []
    sam.get("/admin/")  # the first visit writes that somebody is here
    for _ in range(2):
        more_of_everything(bought, 6)
        asked = {}
        for path in lists:
            with CaptureQueriesContext(database) as queries:
                assert sam.get(path).status_code == 200
            asked[path] = len(queries)
        counts.append(asked)
    assert counts[0] == counts[1]
    assert max(counts[0].values()) <= 14, counts[0]


def test_a_person_leads_to_her_own_grants_ledger_and_purchases(bought: Shop, sam: Client) -> None:
    ada = User.objects.get(email=ADA)
    page = words(sam, f"/admin/hub/user/{ada.pk}/change/")
    for name, rows in (("Grants", 2), ("Ledger", 2), ("Orders", 1), ("Subscriptions", 1)):
        (path,) = re.findall(rf'<a href="([^"]+)">{name}</a></li>', page)
        theirs = sam.get(path)
        assert theirs.status_code == 200
        assert len(theirs.context["cl"].result_list) == rows
        assert "ben@example.org" not in words(sam, path)


def test_nobody_is_led_to_a_page_that_is_shut_to_them(bought: Shop, sam: Client, owner: User) -> None:
    page, category = cast.PageFactory(product=bought.course), Category.objects.create(name="Clay")
    for path in (f"/admin/hub/page/{page.pk}/change/", f"/admin/hub/category/{category.pk}/change/"):
        assert "Edit in the console" not in words(sam, path)
        assert "Edit in the console" in words(signed_in(owner), path)


def test_what_is_mirrored_is_called_so_and_leads_to_stripes_dashboard(bought: Shop, sam: Client, settings: Any) -> None:
    assert "Stripe’s mirror" in words(sam, "/admin/")
    settings.STRIPE_API_BASE = ""
    for kind, model in MODELS.items():
        row = model.objects.first()
        if row is not None:
            page = words(sam, f"/admin/djstripe/{kind}/{row.pk}/change/")
            assert f'href="https://dashboard.stripe.com/test/{kind}s/{row.id}"' in page
