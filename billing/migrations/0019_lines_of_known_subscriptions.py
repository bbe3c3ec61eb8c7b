from django.db import migrations


def write_lines_of_known_subscriptions(apps, schema_editor):
    from django.utils import timezone

    from billing.insight.recurring import COUNTED, lines_of

    Subscription, RecurringLine = (apps.get_model("billing", name) for name in ("Subscription", "RecurringLine"))
    for row in Subscription.objects.filter(status__in=COUNTED).iterator(chunk_size=500):
        RecurringLine.objects.bulk_create(
            RecurringLine(
                subscription=row,
                stripe_product=line.stripe_product,
                currency=line.currency,
                millionths=line.millionths,
            )
            for line in lines_of(row.data, now=timezone.now())
        )


class Migration(migrations.Migration):

    dependencies = [("billing", "0018_recurring_lines")]

    operations = [migrations.RunPython(write_lines_of_known_subscriptions, migrations.RunPython.noop)]
