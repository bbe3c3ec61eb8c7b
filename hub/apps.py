from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class HubConfig(AppConfig):
    name = "hub"
    verbose_name = "Portal"

    def ready(self) -> None:
        post_migrate.connect(_keep_the_ledger_append_only, sender=self)


def _keep_the_ledger_append_only(using: str, **_kwargs: Any) -> None:
    """SQLite alters a table by making another one, which has no triggers."""
    from hub.append_only import TABLE, forbid_changes

    if TABLE in connections[using].introspection.table_names():
        forbid_changes(connections[using])
