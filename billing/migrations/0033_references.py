from itertools import islice

from django.db import migrations, models

AT_ONCE = 500


def write_references_of_what_is_known(apps, schema_editor):
    """Of the newest invoice of each subscription, and of the events that are still kept."""
    from billing.intake.references import keep, named_by, named_in

    Subscription, InboxEvent = (apps.get_model("billing", name) for name in ("Subscription", "InboxEvent"))
    events = InboxEvent.objects.filter(subject__regex="^(cus|pi|cs)_").exclude(payload={})
    known = (
        ((row.customer_id, named_in(row.data)) for row in Subscription.objects.iterator(chunk_size=AT_ONCE)),
        ((row.subject, named_by(row.payload)) for row in events.iterator(chunk_size=AT_ONCE)),
    )
    for found in known:
        while some := list(islice(found, AT_ONCE)):
            together = {}
            for subject, named in some:
                together.setdefault(subject, {}).update(named)
            keep(together)


class Migration(migrations.Migration):

    dependencies = [("billing", "0032_charged_without_access")]

    operations = [
        migrations.CreateModel(
            name="Reference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(max_length=255)),
                ("subject", models.CharField(db_index=True, max_length=255)),
                ("at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("ref", "subject"), name="references_once")],
            },
        ),
        migrations.RunPython(write_references_of_what_is_known, migrations.RunPython.noop),
    ]
