"""Django's PostgreSQL, with a pool that is well again as soon as its server is.

psycopg's pool tries one dead connection after the other, and waits twice as long after each: after a restart of the
server, a pool of ten keeps people waiting for longer than they do.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection[Any]:
        """From the pool. Where the first that it gives is dead, all others are looked at before the next is taken."""
        connection: Connection[Any] = super().get_new_connection(conn_params)
        if self.pool is None:
            return connection
        try:
            ConnectionPool.check_connection(connection)
        except OperationalError:
            self.pool.putconn(connection)
            self.pool.check()
            connection = super().get_new_connection(conn_params)
        return connection
