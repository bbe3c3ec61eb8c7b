from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("hub", "0002_ledger_is_append_only")]

    operations = [
        migrations.CreateModel(
            name="CodeMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", models.CharField(max_length=64)),
                (
                    "code",
                    models.CharField(
                        blank=True, help_text="A keyed hash; empty once it has let somebody in.", max_length=64
                    ),
                ),
                ("sent_at", models.DateTimeField(db_index=True)),
            ],
            options={"indexes": [models.Index(fields=["address", "sent_at"], name="code_mails_by_address")]},
        ),
    ]
