"""One account at a time: where a live and a test account were both connected, the test account is disconnected."""

from typing import Any

from django.db import migrations, models


def disconnect_test_beside_live(apps: Any, schema_editor: Any) -> None:
    used = apps.get_model("billing", "Connection").objects.exclude(state="off")
    if used.filter(livemode=True).exists():
        used.filter(livemode=False).update(state="off", sealed_key="", key_hint="", last_error="")


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_pace")]
    operations = [
        migrations.RemoveConstraint(model_name="connection", name="one_connection_per_mode"),
        migrations.RunPython(disconnect_test_beside_live, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="connection",
            constraint=models.UniqueConstraint(
                models.Value(1), condition=models.Q(("state", "off"), _negated=True), name="one_connection_in_use"
            ),
        ),
    ]
