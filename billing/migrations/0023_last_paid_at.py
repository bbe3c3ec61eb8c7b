from datetime import UTC, datetime

from django.db import migrations, models


def date_the_last_payments(apps, schema_editor):
    """By the invoice, where it is still the latest; else by when the subscription began."""
    Subscription = apps.get_model("billing", "Subscription")
    for row in Subscription.objects.exclude(last_paid_invoice="").iterator(chunk_size=500):
        latest = row.data.get("latest_invoice")
        is_latest = isinstance(latest, dict) and latest.get("id") == row.last_paid_invoice
        row.last_paid_at = datetime.fromtimestamp(latest["created"], UTC) if is_latest else row.created
        row.save(update_fields=["last_paid_at"])


class Migration(migrations.Migration):

    dependencies = [("billing", "0022_count_requests")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="last_paid_at",
            field=models.DateTimeField(blank=True, help_text="When that invoice was made.", null=True),
        ),
        migrations.RunPython(date_the_last_payments, migrations.RunPython.noop),
    ]
