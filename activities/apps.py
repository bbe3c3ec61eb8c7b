from django.apps import AppConfig


class ActivitiesConfig(AppConfig):
    name = "activities"
    verbose_name = "Activity"

    def ready(self) -> None:
        from activities import signals  # noqa: F401
