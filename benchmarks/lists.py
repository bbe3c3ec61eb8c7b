"""How fast the console's lists are, beside the bare query of the same rows. `python -m benchmarks.lists [PEOPLE]`

A site of 100,000 people with three grants each and ten activities each, and one deed that touched them all, on
PostgreSQL. Each list is asked for as a browser asks (routing, session, query, template), and timed from the request to
the answer in one process; beside it the same rows by hand-written SQL, fetched and nothing done with them. What counts
is the processor time of site and database together, the steadiest figure on a machine that others use: with nothing
else to do it is what the clock says. Averages of fifteen, after two that warm up.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.ground import cpu_seconds, database_pid, ground

ROUNDS, WARM = 15, 2
MOST_MS = 100
GRANTS_EACH, ACTIVITIES_EACH = 3, 10


@dataclass(frozen=True)
class List:
    """A page of the console, and the SQL that brings the rows it shows."""

    name: str
    path: str
    sql: str


PEOPLE = """
select u.*, g.* from (select * from hub_user u where {where} order by {order} limit 51) u
left join lateral (select g.*, p.name from hub_grant g join hub_product p on p.id = g.product_id where g.user_id = u.id
and g.state in ('active', 'grace') and (g.ends_at is null or g.ends_at > now())) g on true
"""
NEWEST = "joined_at desc, id desc"
HAS = "exists (select 1 from hub_grant g where g.user_id = u.id and g.state in ('active', 'grace') and {0})"
FEED = """
select a.*, u.*, p.*, x.* from (select * from activities_activity a where {where} order by at desc, id desc limit 51) a
left join hub_user u on u.id = a.user_id left join hub_product p on p.id = a.product_id
left join hub_user x on x.id = a.actor_id
"""


def people(where: str = "true", order: str = NEWEST) -> str:
    return PEOPLE.format(where=where, order=order)


def feed(where: str = "not is_folded") -> str:
    return FEED.format(where=where)


def lists(count: int) -> list[List]:
    middle = f"(joined_at, id) < (select joined_at, id from hub_user where email = 'person{count // 2}@example.org')"
    named = "(position('{0}' in email) > 0 or name ilike '%{0}%')"
    subscribed = "exists (select 1 from billing_subscription s where s.user_id = u.id and s.status = '{}')"
    url = "/console/people/"
    return [
        List("people", url, people()),
        List("people, in the middle", f"{url}?after=MIDDLE", people(middle)),
        List("people by name", f"{url}?order=name", people(order="lower(coalesce(nullif(name, ''), email)), id")),
        List("people by last visit", f"{url}?order=seen", people(order="coalesce(last_seen, 'epoch') desc, id desc")),
        List("search, one found", f"{url}?q=person{count - 7}@", people(named.format(f"person{count - 7}@"))),
        List("search, nobody found", f"{url}?q=zzzz", people(named.format("zzzz"))),
        List("search, two words", f"{url}?q=ada+77", people(f"{named.format('ada')} and {named.format('77')}")),
        List("with access", f"{url}?state=open", people(HAS.format("true"))),
        List("in grace", f"{url}?state=grace", people(HAS.format("g.state = 'grace'"))),
        List("on trial", f"{url}?state=trial", people(HAS.format("g.reason = 'trial'"))),
        List("cancelled, ending", f"{url}?state=ending", people(HAS.format("g.reason = 'ending'"))),
        List(
            "had access once",
            f"{url}?state=ended",
            people("exists (select 1 from hub_grant g where g.user_id = u.id) and not " + HAS.format("true")),
        ),
        List(
            "never had access",
            f"{url}?state=never",
            people("role = 'member' and not exists (select 1 from hub_grant g where g.user_id = u.id)"),
        ),
        List("with a rare product", f"{url}?product=RARE", people(HAS.format("g.product_id = RARE"))),
        List("deactivated", f"{url}?state=inactive", people("not is_active")),
        List("staff", f"{url}?role=staff", people("role <> 'member'")),
        List("payment failed", f"{url}?stage=past_due", people(subscribed.format("past_due"))),
        List("unpaid", f"{url}?stage=unpaid", people(subscribed.format("unpaid"))),
        List(
            "never paid",
            f"{url}?stage=none",
            people(
                "not exists (select 1 from billing_subscription s where s.user_id = u.id) and "
                "not exists (select 1 from billing_order o where o.user_id = u.id and o.state = 'paid')"
            ),
        ),
        List(
            "not here for 30 days",
            f"{url}?seen=not30",
            people("last_seen is null or last_seen < now() - interval '30 days'"),
        ),
        List("never here", f"{url}?seen=never", people("last_seen is null")),
        List(
            "joined in one week",
            f"{url}?since=2026-03-02&until=2026-03-08",
            people("joined_at >= '2026-03-02' and joined_at < '2026-03-09'"),
        ),
        List(
            "a person",
            f"{url}PERSON/",
            "select * from activities_activity where user_id = PERSON order by at desc, id desc limit 50",
        ),
        List("activity", "/console/activity/?live=0", feed()),
        List(
            "activity, what one deed did",
            "/console/activity/?of=HEAD&live=0",
            feed("fold = (select fold from activities_activity where id = HEAD)"),
        ),
        List("activity of one kind", "/console/activity/?verb=refunded&live=0", feed("verb = 'refunded'")),
        List(
            "activity of three kinds",
            "/console/activity/?verb=refunded&verb=disputed&verb=signed_in&live=0",
            feed("verb in ('refunded', 'disputed', 'signed_in')"),
        ),
        List("activity of a product", "/console/activity/?product=RARE&live=0", feed("product_id = RARE")),
        List(
            "activity of a person",
            f"/console/activity/?q=person{count - 7}@&live=0",
            feed(f"user_id in (select id from hub_user where email like 'person{count - 7}@%')"),
        ),
        List(
            "activity of nobody",
            "/console/activity/?q=zzzz&live=0",
            feed("user_id in (select id from hub_user where email like '%zzzz%')"),
        ),
        List("what was new in the feed", "/console/activity/?newer=NEWEST", feed("id > NEWEST")),
        List(
            "overview", "/console/", feed("not is_folded and verb not in ('signed_in', 'page_completed', 'email_sent')")
        ),
        List(
            "products",
            "/console/products/",
            "select p.*, (select count(distinct user_id) from hub_grant g where "
            "g.product_id = p.id and state in ('active', 'grace')) from hub_product p",
        ),
        List("past changes", "/console/people/together/", "select * from hub_batch order by id desc limit 50"),
    ]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with ground() as folder:
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        places = seed(count)
        slow = [found.name for found in lists(count) if show(found, places, database=database_pid(folder)) > MOST_MS]
    if slow:
        raise SystemExit(f"Over {MOST_MS} ms: {', '.join(slow)}")


def seed(count: int) -> dict[str, str]:
    """The rows, made by the database itself. What the paths and queries above call MIDDLE, RARE, PERSON and NEWEST."""
    from django.db import connection

    from activities.models import Activity
    from billing.models import Connection
    from hub.models import Product, User

    Connection.objects.create(account_id="acct_1")
    started = time.perf_counter()
    for number in range(20):
        Product.objects.create(name=f"Course {number}", slug=f"course-{number}", is_live=True)
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement.format(count=count, grants=GRANTS_EACH, activities=ACTIVITIES_EACH))
        cursor.execute("analyze")
        cursor.execute("select max(id) - 3 from activities_activity")
        newest = cursor.fetchone()[0]
    middle = User.objects.get(email=f"person{count // 2}@example.org")
    rare = Product.objects.get(slug="course-19")
    print(f"seeded in {time.perf_counter() - started:.0f} s", flush=True)
    return {
        "MIDDLE": f"{middle.joined_at.isoformat().replace('+00:00', 'Z')}_{middle.pk}",
        "RARE": str(rare.pk),
        "PERSON": str(middle.pk),
        "NEWEST": str(newest),
        "HEAD": str(Activity.objects.exclude(fold="").get(is_folded=False).pk),
    }


# One in a hundred in grace, two in a hundred on trial, one in fifty ending; two thirds of the grants are open.
STATEMENTS = (
    """insert into hub_user (password, email, name, role, timezone, is_active, joined_at, last_seen)
    select '!', 'person' || n || '@example.org', (array['Ada', 'Ben', 'Cleo', 'Dan', 'Eve', 'Ida'])[1 + n % 6] || ' ' ||
    (array['Lind', 'Kato', 'Marsh', 'Ruiz', 'Sander'])[1 + n % 5], 'member', '', n % 500 <> 0,
    timestamptz '2026-11-20' - n * interval '5 minutes',
    case when n % 3 = 0 then null else timestamptz '2026-11-20' - (n % 9000) * interval '20 minutes' end
    from generate_series(1, {count}) n""",
    """insert into hub_grant (user_id, product_id, source, source_ref, state, reason, starts_at, until, ends_at,
    closed_at, close_reason, note, batch)
    select u.id, (select min(id) from hub_product) + case when u.id % 900 = 0 and g = 1 then 19 else
    (u.id + g) % 19 end, 'subscription', 'sub_' || u.id || '_' || g,
    case when g = 3 or u.id % 10 = 0 then 'ended' when g = 1 and u.id % 101 = 0 then 'grace' else 'active' end,
    case when g = 1 and u.id % 47 = 0 then 'trial' when g = 1 and u.id % 53 = 0 then 'ending' else 'active' end,
    u.joined_at, null, timestamptz '2027-06-01',
    case when g = 3 or u.id % 10 = 0 then timestamptz '2026-11-20' end,
    case when g = 3 or u.id % 10 = 0 then 'canceled' else '' end, '', ''
    from hub_user u, generate_series(1, {grants}) g where u.id % 20 <> 7""",
    """insert into hub_ledger (grant_id, from_state, to_state, reason, rule, policy_version, starts_at, until, ends_at,
    true_at, learned_at, cause, note, batch)
    select id, '', state, reason, 'subscription:10', 1, starts_at, until, ends_at, starts_at, starts_at, 'evt', '', ''
    from hub_grant""",
    """insert into billing_subscription (stripe_id, connection_id, customer_id, user_id, status, data,
    last_paid_invoice, refunded_invoices, disputes, created, reasons, fetched_at, period_end)
    select 'sub_' || id || '_1', (select min(id) from billing_connection), 'cus_' || id, id,
    case when id % 101 = 0 then 'past_due' when id % 7001 = 0 then 'unpaid' when id % 10 = 0 then 'canceled'
    when id % 47 = 0 then 'trialing' else 'active' end, '{{}}', '', '[]', '{{}}', joined_at, '{{}}', now(),
    timestamptz '2027-01-01' from hub_user where id % 20 <> 7""",
    """insert into activities_activity (verb, at, recorded_at, user_id, product_id, actor_id, cause, details, imported,
    key, fold, is_folded)
    select (array['signed_in', 'page_completed', 'email_sent', 'subscription_renewed', 'access_granted',
    'payment_failed', 'signed_in', 'page_completed', 'signed_in', 'product_purchased'])[g],
    timestamptz '2026-11-20' - (u.id * 10 + g) * interval '17 seconds', timestamptz '2026-11-20', u.id,
    case when g in (4, 5, 6, 10) then (select min(id) from hub_product) + case when u.id % 900 = 0 then 19 else
    u.id % 19 end end, null, 'seed', '{{}}', false, 'seed:' || u.id || ':' || g, '', false
    from hub_user u, generate_series(1, {activities}) g""",
    "update activities_activity set verb = 'refunded' where id % 5000 = 0",
    """insert into activities_activity (verb, at, recorded_at, user_id, product_id, actor_id, cause, details, imported,
    key, fold, is_folded)
    select 'access_removed', timestamptz '2026-11-20 12:00' + n * interval '8 milliseconds',
    timestamptz '2026-11-20 12:00', id, (select min(id) from hub_product), null, 'batch-1', '{{"reason": "revoked"}}',
    false, 'batch-1:' || id, 'batch-1:access_removed:1:20261120120:revoked', n > 1
    from (select id, row_number() over (order by id) n from hub_user) numbered""",
    "update hub_user set role = 'support' where id % 30000 = 0",
)


def show(found: List, places: dict[str, str], *, database: int) -> float:
    """Prints a line; returns the milliseconds of the page. `database`: the process id of PostgreSQL."""
    from django.db import connection
    from django.test import Client

    from hub.models import User

    path, sql = found.path, found.sql
    for name, value in places.items():
        path, sql = path.replace(name, value), sql.replace(name, value)
    owner, _ = User.objects.get_or_create(email="owner@example.org", defaults={"role": User.Role.OWNER})
    browser = Client()
    browser.force_login(owner)

    def ask() -> None:
        answer = browser.get(path)
        if answer.status_code not in {200, 204}:
            raise SystemExit(f"{path}: {answer.status_code}")

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.fetchall()

    queries = 0

    def count_it(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(*args)

    ask()
    with connection.execute_wrapper(count_it):
        ask()
    page, took = timed(ask, database=database)
    rows, _ = timed(bare, database=database)
    times = page / max(rows, 0.1)  # a clock of processor time has steps of ten milliseconds
    print(
        f"{found.name:26} {page:6.1f} ms ({took:6.1f} by the clock), {rows:6.1f} ms bare, {times:5.1f} x,"
        f" {queries:2} queries",
        flush=True,
    )
    return page


def timed(work: Callable[[], None], *, database: int) -> tuple[float, float]:
    """Milliseconds: of the processors, ours and the database's, on average; and by the clock, the median."""
    for _ in range(WARM):
        work()
    busy, took = cpu_seconds(os.getpid(), database), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    return (cpu_seconds(os.getpid(), database) - busy) * 1000 / ROUNDS, statistics.median(took)


if __name__ == "__main__":
    main()
