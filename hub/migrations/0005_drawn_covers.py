from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hub", "0004_people_lists")]

    operations = [
        migrations.RemoveField("product", "cover"),
        migrations.AlterField(
            "product",
            "hue",
            models.PositiveSmallIntegerField(default=60, help_text="0 to 359: colours the cover."),
        ),
    ]
