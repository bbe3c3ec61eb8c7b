from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def keep(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    subscriptions = apps.get_model("billing", "Subscription").objects
    for pk, invoice in subscriptions.exclude(refunded_invoice="").values_list("pk", "refunded_invoice"):
        subscriptions.filter(pk=pk).update(refunded_invoices=[invoice])


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_paid_twice")]

    operations = [
        migrations.AddField(
            model_name="subscription",
            name="refunded_invoices",
            field=models.JSONField(blank=True, default=list, help_text="Whose payment was wholly given back."),
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
        migrations.RemoveField(model_name="subscription", name="refunded_invoice"),
    ]
