"""The least that a webhook can cost on this server: the same INSERT of the same event, committed, and 200.

No Django, no signature, no second thought; on as many connections as a process of the site may have.
"""

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

INSERT = """
INSERT INTO billing_inboxevent (event_id, connection_id, type, subject, facets, created, received_at, caught_up, state,
    attempts, error, done_at, payload)
VALUES (%s, (SELECT min(id) FROM billing_connection), %s, %s, 'subscriptions', %s, %s, false, 'pending', 0, '', NULL,
    %s)
ON CONFLICT (event_id) DO NOTHING RETURNING event_id, id
"""
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=10, kwargs={"autocommit": True}, open=True)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "POST":
        event = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        created = datetime.fromtimestamp(event["created"], UTC)
        subject = event["data"]["object"]["customer"]
        with pool.connection() as connection:
            values = [event["id"], event["type"], subject, created, datetime.now(UTC), Jsonb(event)]
            connection.execute(INSERT, values, prepare=False)
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
