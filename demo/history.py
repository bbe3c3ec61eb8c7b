"""A month at Hillside Pottery: what its people did, day by day, at Stripe and on the site.

After each moment the product follows as it always does: webhooks are delivered to the running site, what they
point at is looked at, e-mails go out. Nothing here writes a grant that Stripe should cause.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from activities import clock
from activities.deliveries import deliver_due
from billing.intake.draining import drain, sweep
from billing.models import Offer, Order, Subscription
from billing.shop import checkout, portal
from billing.sweeping import reconcile
from demo import people
from demo.stripe_account import CARD, StripeAccount
from hub import grants, reading
from hub.models import Grant, Page, Product, User

DAYS = 35
FAILS_LATER = "4000000000000341"
IS_DISPUTED = "4000000000000259"


@dataclass
class Month:
    account: StripeAccount
    offers: dict[str, Offer]
    staff: dict[str, User]

    def person(self, name: str) -> User:
        return User.objects.get(email=people.address_of(name))

    def newest_subscription(self, name: str) -> Subscription:
        return Subscription.objects.filter(user=self.person(name)).latest("created")

    def portal_of(self, name: str) -> str:
        customer = self.newest_subscription(name).customer_id
        return portal.open_portal(self.person(name), customer=customer)


Deed = Callable[[Month], None]


def live_through(account: StripeAccount, *, offers: dict[str, Offer], staff: dict[str, User]) -> None:
    """Does every deed at its time, and arrives at the present."""
    month = Month(account, offers, staff)
    first_day = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    for day, time, deed in STORY:
        hour, minute = time.split(":")
        _go_on(account, until=first_day + timedelta(days=day, hours=int(hour), minutes=int(minute)))
        deed(month)
        _follow(account)
    _go_on(account, until=timezone.now() - timedelta(minutes=1))
    account.catch_up_with_real_time()
    _follow(account)
    sweep()
    reconcile.catch_up()
    reconcile.full_pass()


def _go_on(account: StripeAccount, *, until: datetime) -> None:
    """From one thing that is due at Stripe to the next, so that the site learns of each when it happens."""
    while (due := account.next_due()) is not None and due < until:
        account.move_to(due)
        _follow(account)
    account.move_to(until)


def _follow(account: StripeAccount) -> None:
    """What worker and beat do all the time."""
    account.wait_for_the_post()
    drain()
    while deliver_due(now=timezone.now()):
        pass


def buys(name: str, offer: str, *, card: str = CARD) -> Deed:
    """From the payment link the first time; a known person is signed in and buys as the same customer."""

    def do(month: Month) -> None:
        on_sale = month.offers[offer]
        user = User.objects.filter(email=people.address_of(name)).first()
        if user is None:
            month.account.pay_link(
                on_sale.payment_link_id, email=people.address_of(name), name=people.BUYERS[name], card=card
            )
        else:
            month.account.pay_session(checkout.start(user, on_sale), card=card, name=people.BUYERS[name])

    return do


def starts_a_trial(name: str, offer: str, *, days: int) -> Deed:
    """A subscription that the owner makes in Stripe's dashboard: whatever is sold there opens the product too."""

    def do(month: Month) -> None:
        month.account.subscribe(
            email=people.address_of(name),
            name=people.BUYERS[name],
            price=month.offers[offer].price_id,
            trial_days=days,
        )

    return do


def cancels(name: str, *, because: str) -> Deed:
    def do(month: Month) -> None:
        subscription = month.newest_subscription(name).stripe_id
        month.account.in_portal(month.portal_of(name), "cancel", subscription=subscription, feedback=because)

    return do


def changes_their_mind(name: str) -> Deed:
    def do(month: Month) -> None:
        subscription = month.newest_subscription(name).stripe_id
        month.account.in_portal(month.portal_of(name), "resume", subscription=subscription)

    return do


def updates_card(name: str) -> Deed:
    return lambda month: month.account.in_portal(month.portal_of(name), "update_card", card=CARD)


def is_refunded(name: str, *, cents: int | None = None) -> Deed:
    """The newest purchase, in part or whole."""

    def do(month: Month) -> None:
        order = Order.objects.filter(user=month.person(name)).latest("created")
        month.account.refund(order.payment_intent, cents=cents)

    return do


def is_given(name: str, slug: str, *, by: str, reason: str, days: int | None = None) -> Deed:
    def do(month: Month) -> None:
        now = clock.now()
        grants.give(
            month.person(name),
            Product.objects.get(slug=slug),
            actor=month.staff[by],
            reason=reason,
            now=now,
            ends_at=now + timedelta(days=days) if days else None,
        )

    return do


def is_taken_back(name: str, slug: str, *, by: str, reason: str) -> Deed:
    def do(month: Month) -> None:
        grant = Grant.objects.get(
            user=month.person(name), product__slug=slug, source=Grant.Source.MANUAL, state__in=Grant.OPEN
        )
        grants.revoke(grant, actor=month.staff[by], reason=reason, now=clock.now())

    return do


def signs_up(name: str, *, full_name: str) -> Deed:
    def do(_month: Month) -> None:
        people.sign_up(name, full_name=full_name)

    return do


def visits(name: str, slug: str = "", *, finishes: int = 0, opens: int = 0) -> Deed:
    """Signs in, finishes the next pages of a product, and perhaps opens the one after."""

    def do(month: Month) -> None:
        user, now = month.person(name), clock.now()
        people.sign_in(user, ip=f"203.0.113.{user.pk % 250 + 1}")
        entries = reading.outline_of(Product.objects.get(slug=slug), user=user).entries if slug else []
        unread = [entry for entry in entries if not entry.is_done]
        for entry in unread[:finishes]:
            now += timedelta(minutes=entry.page.minutes or 5)
            reading.mark_complete(_whole(entry.page), user=user, now=now)
        for entry in unread[finishes : finishes + opens]:
            reading.mark_opened(_whole(entry.page), user=user, seen=entry, now=now + timedelta(minutes=1))

    return do


def _whole(page: Page) -> Page:
    return Page.objects.select_related("product").get(pk=page.pk)


STORY: tuple[tuple[int, str, Deed], ...] = (
    (0, "09:12", buys("ada", "studio-membership:month")),
    (0, "09:31", visits("ada", "glaze-atlas", finishes=1)),
    (0, "18:40", buys("fern", "studio-membership:year")),
    (1, "10:05", buys("cleo", "slip-and-line:month")),
    (1, "11:20", buys("pia", "studio-membership:month", card=FAILS_LATER)),
    (1, "20:31", buys("sam", "studio-membership:month")),
    (2, "08:55", buys("ben", "studio-membership:month", card=FAILS_LATER)),
    (2, "12:02", buys("uma", "the-wheel-from-zero:once")),
    (2, "19:44", visits("ben", "open-studio-live", finishes=1, opens=1)),
    (3, "19:18", buys("viktor", "slip-and-line:year")),
    (3, "19:40", visits("viktor", "slip-and-line", finishes=1, opens=1)),
    (4, "13:47", buys("ada", "the-wheel-from-zero:once")),
    (4, "14:02", visits("ada", "the-wheel-from-zero", finishes=1)),
    (5, "09:26", buys("lena", "the-wheel-from-zero:once")),
    (5, "16:10", buys("june", "raku-weekend:once")),
    (5, "16:31", visits("june", "raku-weekend", finishes=1, opens=1)),
    (6, "11:38", buys("otis", "slip-and-line:month")),
    (6, "21:03", visits("uma", "the-wheel-from-zero", finishes=2)),
    (7, "18:22", visits("ada", "the-wheel-from-zero", finishes=2)),
    (8, "10:40", is_refunded("lena")),
    (9, "08:31", is_given("otis", "glaze-atlas", by="owner", reason="Thanks for mending the big kiln")),
    (9, "15:09", buys("tove", "studio-membership:month")),
    (9, "15:20", visits("tove", "open-studio-live", opens=1)),
    (9, "19:50", buys("kofi", "raku-weekend:once")),
    (10, "12:14", buys("hana", "studio-membership:month")),
    (10, "20:26", visits("hana", "glaze-atlas", finishes=2)),
    (11, "17:33", buys("milo", "raku-weekend:once")),
    (12, "09:05", is_refunded("milo", cents=4500)),
    (12, "20:48", signs_up("dan", full_name="Dan Okafor")),
    (13, "10:11", buys("quinn", "studio-membership:month")),
    (14, "18:57", visits("ada", "the-wheel-from-zero", finishes=2)),
    (15, "11:25", buys("quinn", "slip-and-line:month")),
    (15, "14:30", starts_a_trial("gus", "slip-and-line:month", days=14)),
    (16, "21:16", cancels("cleo", because="unused")),
    (17, "13:08", buys("nadia", "the-wheel-from-zero:once", card=IS_DISPUTED)),
    (18, "10:52", buys("ivo", "raku-weekend:once")),
    (18, "11:04", visits("ivo", "raku-weekend", opens=1)),
    (18, "20:20", visits("fern", "glaze-atlas", finishes=3, opens=1)),
    (19, "15:41", buys("rosa", "studio-membership:year")),
    (19, "16:02", visits("rosa", "studio-membership", finishes=1)),
    (20, "09:33", buys("zoe", "studio-membership:month")),
    (21, "19:07", visits("sam", "open-studio-live", finishes=2)),
    (22, "12:29", buys("wren", "slip-and-line:year")),
    (22, "12:55", visits("wren", "slip-and-line", finishes=1)),
    (23, "10:15", is_given("wren", "the-wheel-from-zero", by="admin", reason="Prize of the spring raffle")),
    (23, "10:48", is_taken_back("wren", "the-wheel-from-zero", by="admin", reason="Meant for another Wren")),
    (
        24,
        "16:36",
        is_given("kofi", "the-wheel-from-zero", by="owner", reason="Swapped for a day in the studio", days=60),
    ),
    (25, "18:44", visits("kofi", "the-wheel-from-zero", finishes=2, opens=1)),
    (26, "20:12", cancels("zoe", because="too_expensive")),
    (27, "09:54", starts_a_trial("yusuf", "slip-and-line:month", days=14)),
    (27, "20:15", buys("bram", "studio-membership:month", card=FAILS_LATER)),
    (28, "11:03", cancels("hana", because="switched_service")),
    (28, "19:26", cancels("tove", because="unused")),
    (29, "08:17", changes_their_mind("tove")),
    (29, "21:12", visits("june", "raku-weekend", finishes=2)),
    (30, "19:35", visits("ada", "the-wheel-from-zero", finishes=1)),
    (31, "20:05", visits("quinn", "slip-and-line", finishes=2, opens=1)),
    (33, "10:22", updates_card("pia")),
    (34, "09:40", visits("uma", "the-wheel-from-zero", finishes=3)),
    (34, "18:51", visits("ada", "the-wheel-from-zero", finishes=1, opens=1)),
    (34, "20:30", visits("dan")),
)
