from datetime import timedelta

from django.db import migrations

CHUNK = 500


def keep_days_as_bought(apps, schema_editor):
    """Each order's days as its grant shows them; a second purchase counts from the end of the first."""
    Order, Grant = apps.get_model("billing", "Order"), apps.get_model("hub", "Grant")
    found, chain, end = {}, None, None
    grants = Grant.objects.filter(source="order").order_by("user", "product", "starts_at", "pk")
    for grant in grants.select_related("product").iterator(chunk_size=CHUNK):
        if chain != (grant.user_id, grant.product_id):
            chain, end = (grant.user_id, grant.product_id), None
        days = None
        if grant.until is not None:
            bought = grant.until - max(grant.starts_at, end or grant.starts_at)
            days = round(bought / timedelta(days=1)) or grant.product.access_days
            if grant.state in {"active", "grace"} or grant.close_reason == "time_over":
                end = grant.until
        found.setdefault(grant.source_ref, {})[str(grant.product_id)] = days
    keys = sorted(found)
    for start in range(0, len(keys), CHUNK):
        orders = list(Order.objects.filter(key__in=keys[start : start + CHUNK]))
        for order in orders:
            order.access_days = found[order.key]
        Order.objects.bulk_update(orders, ["access_days"])


class Migration(migrations.Migration):

    dependencies = [("billing", "0024_days_of_orders"), ("hub", "0020_people_by_pieces")]

    operations = [migrations.RunPython(keep_days_as_bought, migrations.RunPython.noop)]
