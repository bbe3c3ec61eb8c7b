"""The Stripe account, and the owner's knobs."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Coalesce

from billing import sealed
from hub.models import Product


class Connection(models.Model):
    """One Stripe account in one mode. Key and signing secrets are encrypted at rest."""

    class State(models.TextChoices):
        OK = "ok", "Connected"
        REFUSED = "refused", "Stripe refuses our key"
        UNREACHABLE = "unreachable", "Stripe does not answer"
        OFF = "off", "Disconnected"

    account_id = models.CharField(max_length=255, blank=True)
    account_name = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State, default=State.OK)
    sealed_key = models.TextField(blank=True)
    key_hint = models.CharField(max_length=12, blank=True)
    sealed_webhook_secrets = models.TextField(blank=True)
    webhook_uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    webhook_endpoint_id = models.CharField(max_length=255, blank=True)
    old_endpoint_id = models.CharField(max_length=255, blank=True)
    old_secret_until = models.DateTimeField(
        null=True, blank=True, help_text="The second of two signing secrets is good until then."
    )
    endpoint_problems = models.JSONField(default=list, blank=True)
    endpoint_seen_at = models.DateTimeField(null=True, blank=True)
    portal_configuration_id = models.CharField(max_length=255, blank=True)
    privacy_url = models.URLField(blank=True)
    terms_url = models.URLField(blank=True)
    members_may_cancel = models.BooleanField(default=True)
    cursor = models.DateTimeField(null=True, blank=True, help_text="Events up to here are listed and stored.")
    other_cursor = models.DateTimeField(
        null=True, blank=True, help_text="The same, of the events that no access depends on."
    )
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    swept_at = models.DateTimeField(null=True, blank=True)
    full_pass_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(Value(1), condition=~Q(state="off"), name="one_connection_in_use")]

    def __str__(self) -> str:
        return f"{self.account_name or self.account_id} ({'live' if self.livemode else 'test'})"

    @property
    def key(self) -> str:
        return sealed.open_text(self.sealed_key)

    @key.setter
    def key(self, value: str) -> None:
        self.sealed_key = sealed.seal_text(value)
        self.key_hint = value[-4:]
        self.livemode = "_live_" in value

    @property
    def webhook_secrets(self) -> list[str]:
        """The present secret, and while it is being rolled the one before it, which is good until a time."""
        return sealed.open_text(self.sealed_webhook_secrets).split() if self.sealed_webhook_secrets else []

    @webhook_secrets.setter
    def webhook_secrets(self, values: list[str]) -> None:
        self.sealed_webhook_secrets = sealed.seal_text(" ".join(values))

    @property
    def secret_hint(self) -> str:
        """The end of the present signing secret."""
        return self.webhook_secrets[0][-4:] if self.webhook_secrets else ""

    def valid_secrets(self, *, now: datetime) -> list[str]:
        secrets = self.webhook_secrets
        return secrets[:1] if self.old_secret_until and self.old_secret_until <= now else secrets


class AccessPolicy(models.Model):
    """The owner's knobs: one row for the site (no product), and one for each product that differs."""

    product = models.OneToOneField(
        Product, on_delete=models.CASCADE, null=True, blank=True, related_name="access_policy"
    )
    knobs = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "access policies"
        constraints = [
            models.UniqueConstraint(Coalesce("product", 0), name="one_policy_per_product_and_one_for_the_site")
        ]

    def __str__(self) -> str:
        return f"Access policy {self.version} of {self.product or 'the site'}"
