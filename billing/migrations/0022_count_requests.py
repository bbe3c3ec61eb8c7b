from django.db import migrations, models


def count_them(apps, schema_editor):
    apps.get_model("billing", "Subject").objects.filter(look_again=True).update(requests=1)


class Migration(migrations.Migration):
    dependencies = [("billing", "0021_endpoint_as_seen")]

    operations = [
        migrations.AddField(
            model_name="subject",
            name="requests",
            field=models.PositiveIntegerField(
                default=0, help_text="To fetch everything, and answered by no look yet."
            ),
        ),
        migrations.RunPython(count_them, migrations.RunPython.noop),
        migrations.RemoveIndex(model_name="subject", name="subjects_to_look_at"),
        migrations.RemoveField(model_name="subject", name="look_again"),
        migrations.AddIndex(
            model_name="subject",
            index=models.Index(
                condition=models.Q(("requests__gt", 0)), fields=["id"], name="subjects_asked_about"
            ),
        ),
    ]
