"""What made a line of the ledger leads to where that is seen; events are found by all that they are about."""

import re
from html import unescape

import pytest
from django.test import Client

from activities import clock
from billing.models import InboxEvent, Subscription
from hub import grants
from hub.models import Ledger, User
from tests import cast
from tests.journeys.test_support_admin import found, words
from tests.members import Member, signed_in
from tests.shops import Shop


@pytest.fixture
def sam(db: None) -> Client:
    return signed_in(cast.UserFactory(email="sam@example.org", name="Sam Ode", role=User.Role.SUPPORT))


def subscribed(shop: Shop) -> Member:
    member = Member(shop)
    member.subscribe(shop.monthly.price_id)
    shop.deliver()
    return member


def test_a_line_leads_support_to_the_event_that_made_it(shop: Shop, sam: Client) -> None:
    member = subscribed(shop)
    line = Ledger.objects.get()
    event = InboxEvent.objects.get(event_id=line.cause.split()[-1])
    page = words(sam, f"/console/people/{member.user.pk}/")
    assert f'<a href="/console/decide/events/{event.pk}/"><code class="break">{line.cause}</code></a>' in page
    assert "Worked off" in words(sam, f"/console/decide/events/{event.pk}/")
    assert f"/console/decide/events/{event.pk}/" in words(sam, f"/admin/hub/ledger/{line.pk}/change/")


def test_a_line_whose_event_is_kept_no_longer_says_its_cause_all_the_same(shop: Shop, sam: Client) -> None:
    member = subscribed(shop)
    InboxEvent.objects.all().delete()
    page = words(sam, f"/console/people/{member.user.pk}/")
    assert f'<code class="break">{Ledger.objects.get().cause}</code>' in page
    assert "/console/decide/events/" not in page


@pytest.mark.parametrize(("cause", "path"), [("batch-7", "/console/people/together/7/"), ("import-3", "imports/3/")])
def test_a_change_to_many_and_an_import_are_led_to_who_may_see_them(
    shop: Shop, sam: Client, owner: User, cause: str, path: str
) -> None:
    ada = cast.ada()
    grants.give(ada, shop.course, actor=owner, reason="all of them", batch=cause, now=clock.now())
    desk, support = (unescape(at.get(f"/console/people/{ada.pk}/").content.decode()) for at in (signed_in(owner), sam))
    assert f'{path}"><code class="break">{cause}</code>' in desk
    assert cause not in support and owner.name in support


def test_a_line_says_in_words_what_it_changed(shop: Shop, sam: Client) -> None:
    member = subscribed(shop)
    shop.sandbox.api.subscriptions.cancel(Subscription.objects.get().stripe_id)
    shop.deliver()
    listed = words(sam, "/admin/hub/ledger/")
    assert set(re.findall(r'class="field-from_state[^>]*>([^<]*)<', listed)) == {"Open", "-"}
    assert member.states(shop.club) == ["ended"]


def test_the_inbox_is_searched_by_what_events_are_about(shop: Shop, sam: Client) -> None:
    subscribed(shop)
    Member(shop, "ben@example.org").subscribe(shop.monthly.price_id)
    shop.deliver()
    row = Subscription.objects.get(user__email="ada@example.org")
    invoice = row.data["latest_invoice"]["id"]
    for word in (row.stripe_id, invoice, row.customer_id):
        naming = [event for event in InboxEvent.objects.all() if f'"{word}"' in str(event.payload).replace("'", '"')]
        assert found(sam, "billing/inboxevent", word) == len(naming) > 0, word
    assert found(sam, "billing/inboxevent", "sub_nobodys") == 0
    assert found(sam, "billing/inboxevent", row.customer_id) < InboxEvent.objects.count()
