from django.db import migrations, models


def forget_what_nobody_chose(apps, schema_editor):
    apps.get_model("hub", "User").objects.filter(timezone="UTC").update(timezone="")


class Migration(migrations.Migration):
    dependencies = [("hub", "0006_plain_addresses")]

    operations = [
        migrations.AlterField("user", "timezone", models.CharField(blank=True, default="", max_length=64)),
        migrations.RunPython(forget_what_nobody_chose, migrations.RunPython.noop),
    ]
