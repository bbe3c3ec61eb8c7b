from django.db import migrations

from hub import append_only


class Migration(migrations.Migration):
    dependencies = [("hub", "0001_initial")]
    operations = [
        migrations.RunPython(
            lambda _apps, editor: append_only.forbid_changes(editor.connection),
            lambda _apps, editor: append_only.permit_changes(editor.connection),
        )
    ]
