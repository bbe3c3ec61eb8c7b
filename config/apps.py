from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Where the parts are joined that must not know one another."""

    name = "config"

    def ready(self) -> None:
        from activities import sentences
        from config import checks  # noqa: F401
        from hub import reasons

        sentences.learn_reasons(reasons.say)
