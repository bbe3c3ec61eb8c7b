"""The ledger is append-only in the database itself: triggers refuse UPDATE and DELETE, whoever asks."""

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "hub_ledger"
WORDS = "the ledger is append-only"


def forbid_changes(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"""CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$"""
            )
            cursor.execute(
                f"""CREATE OR REPLACE TRIGGER {TABLE}_append_only BEFORE UPDATE OR DELETE ON {TABLE}
                FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()"""
            )
        else:
            for verb in ("UPDATE", "DELETE"):
                cursor.execute(
                    f"""CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{verb.lower()} BEFORE {verb} ON {TABLE}
                    BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"""
                )


def permit_changes(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_append_only ON {TABLE}")
        else:
            for verb in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER IF EXISTS {TABLE}_no_{verb}")
