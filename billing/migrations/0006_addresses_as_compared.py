"""Customers' addresses in the form in which addresses are compared."""

from typing import Any

from django.db import migrations

from hub.addresses import usable_address


def normalise(apps: Any, schema_editor: Any) -> None:
    customers = apps.get_model("billing", "StripeCustomer").objects
    for key, email in customers.exclude(email="").values_list("pk", "email").iterator():
        address = usable_address(email)
        if address not in {"", email}:
            customers.filter(pk=key).update(email=address)


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_linked_at_business_time")]
    operations = [migrations.RunPython(normalise, migrations.RunPython.noop)]
