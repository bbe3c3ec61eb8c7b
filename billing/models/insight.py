from django.db import models

from billing.models.purchases import Subscription


class RecurringLine(models.Model):
    """What one item of a subscription brings in a month. Only of subscriptions that count: `billing.insight.recurring`.

    `millionths` of the currency's minor unit: whole numbers add up exactly, and are rounded when they are shown.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="recurring_lines")
    stripe_product = models.CharField(max_length=255)
    currency = models.CharField(max_length=3)
    millionths = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["stripe_product", "currency", "millionths"], name="recurring_by_product")]

    def __str__(self) -> str:
        return f"{self.stripe_product} of {self.subscription}"
