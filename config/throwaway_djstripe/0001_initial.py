"""dj-stripe's tables as its models have them now, for databases that are thrown away: see THROWAWAY_SCHEMA."""

from typing import Any

from django.apps import apps
from django.db import migrations


def create_tables(_state: Any, editor: Any) -> None:
    for model in apps.get_app_config("djstripe").get_models():
        editor.create_model(model)


class Migration(migrations.Migration):
    initial = True
    dependencies = [("hub", "0001_initial")]
    operations = [migrations.RunPython(create_tables, migrations.RunPython.noop)]
