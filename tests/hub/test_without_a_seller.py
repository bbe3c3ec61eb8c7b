"""Where nobody sells: no purchase, no question and no address of the seller's, and every page of the hub answers."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from hub import erasing, grants
from hub import seller as selling
from hub.access import can_open
from hub.models import Grant, User
from hub.seller import Seller
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
pytestmark = pytest.mark.urls("tests.hub.urls_without_a_seller")


@pytest.fixture(autouse=True)
def _nobody_sells() -> Iterator[None]:
    registered = selling.seller()
    selling.register(Seller())
    yield
    selling.register(registered)


@pytest.fixture
def given(studio: Studio, dan: User) -> Studio:
    studio.give(dan, studio.course)
    return studio


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/products/",
        "/console/products/{product}/",
        "/console/products/{product}/settings/",
        "/console/people/",
        "/console/people/?" + urlencode({"q": "nobody@example.org"}),
        "/console/people/{person}/",
        "/console/people/{person}/deactivate/",
        "/console/people/{person}/erase/",
        "/console/settings/",
        "/console/activity/",
    ],
)
def test_every_page_of_the_console_opens(given: Studio, dan: User, owner: User, signed_in: Enter, path: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse("billing:decide")
    page = signed_in(owner).get(path.format(product=given.course.pk, person=dan.pk), follow=True)
    assert page.status_code == 200, page.content.decode()[:500]
    assert "/console/stripe/" not in page.content.decode()


@pytest.mark.parametrize("path", ["/", "/products/{slug}/", "/account/data/", "/account/profile/"])
def test_a_member_has_what_was_given(given: Studio, dan: User, signed_in: Enter, path: str) -> None:
    assert signed_in(dan).get(path.format(slug=given.course.slug), follow=True).status_code == 200


def test_what_was_taken_back_is_given_again_as_it_was(given: Studio, dan: User, owner: User) -> None:
    now = timezone.now()
    grant = Grant.objects.get(user=dan)
    revoked = grants.revoke(grant, actor=owner, reason="a mistake", now=now)
    grants.restore(revoked, actor=owner, reason="it was theirs", now=now)
    assert can_open(dan, given.course, now=now)


def test_somebody_is_erased(given: Studio, dan: User, owner: User) -> None:
    erasing.erase(dan, actor=owner, now=timezone.now())
    assert User.objects.get(pk=dan.pk).erased_at is not None
