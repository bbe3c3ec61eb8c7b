"""`python -m demo.seed PORT`: makes the demo's database and fills the site, through the product's own doors.

Runs while the site and the sandbox are up: every webhook is really posted and every grant comes from Stripe's
answers. Writes what the demo tells about itself to var/demo/shop.json at the very end.
"""

import json
import os
import sys
import time

import django
from django.core.management import call_command

from demo.place import KEY, Place
from demo.processes import PATIENCE, answers
from demo.stripe_account import StripeAccount


def main(port: int) -> None:
    place = Place(port=port)
    os.environ.update(place.environment())
    django.setup()
    call_command("migrate", verbosity=0)
    from activities import clock
    from billing.connection import connect
    from demo import catalogue, history, people

    _wait_for(f"{place.sandbox}/sandbox/health", f"{place.site}/healthz")
    account = StripeAccount(place.sandbox)
    account.call_itself(catalogue.SITE["name"])
    staff = people.hire()
    products = catalogue.fill()
    connection = connect(KEY, actor=None, now=clock.now(), site_url=place.site)
    offers = catalogue.put_on_sale(products, account=account, actor=staff["owner"])
    history.live_through(account, offers=offers, staff=staff)
    place.shop.write_text(
        json.dumps(
            {
                "port": port,
                "webhook_path": f"/stripe/webhook/{connection.webhook_uuid}/",
                "products": catalogue.describe_links(),
                "people": people.WHO_TO_SIGN_IN_AS,
            },
            indent=2,
        )
    )


def _wait_for(*urls: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not all(answers(url) for url in urls):
        if time.monotonic() > deadline:
            raise TimeoutError("the site or the sandbox does not answer")
        time.sleep(0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
