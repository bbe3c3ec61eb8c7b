from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Stripe"

    def ready(self) -> None:
        from billing.why import reasons_of
        from hub.access import further_reasons

        further_reasons.append(reasons_of)
