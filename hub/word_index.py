"""The index by which PostgreSQL finds a word in names and addresses, wherever it stands in them.

Pieces of three letters, as pg_trgm has them: in plain SQL, because not every server has that extension, nor every
owner of a database the right to add it. SQLite reads the people one by one.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

from activities.naming import INDEXED, PIECES

NAME = "people_by_pieces"


def make(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor != "postgresql":
        return
    indexed = INDEXED.format(pieces=PIECES, email="email", name="name")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""CREATE OR REPLACE FUNCTION {PIECES}(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
            $$ SELECT coalesce(array_agg(DISTINCT substr($1, place, 3)), '{{}}')
            FROM generate_series(1, length($1) - 2) place $$"""  # noqa: S608  our own name alone is put into the text
        )
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {NAME} ON hub_user USING gin ({indexed})")


def drop(connection: BaseDatabaseWrapper) -> None:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {NAME}")
        cursor.execute(f"DROP FUNCTION IF EXISTS {PIECES}(text)")
