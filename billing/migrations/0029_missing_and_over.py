from django.db import migrations, models
from django.db.models import F


def free_what_is_over(apps, schema_editor):
    """These were settled by machines, which let them be asked anew."""
    settled = apps.get_model("billing", "Attention").objects.filter(resolved_at__isnull=False)
    settled.filter(kind__in=["missing", "unknown_status", "twice"]).update(over_at=F("resolved_at"))


class Migration(migrations.Migration):
    dependencies = [("billing", "0028_payments_as_asked")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="missing_since",
            field=models.DateTimeField(blank=True, help_text="Stripe does not know it, by list or by id.", null=True),
        ),
        migrations.AddField(
            model_name="attention", name="over_at", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.RunPython(free_what_is_over, migrations.RunPython.noop),
        migrations.AlterField(model_name="attention", name="key", field=models.CharField(max_length=255)),
        migrations.AddConstraint(
            model_name="attention",
            constraint=models.UniqueConstraint(
                condition=models.Q(("over_at__isnull", True)), fields=("key",), name="asked_once_while_it_lasts"
            ),
        ),
    ]
