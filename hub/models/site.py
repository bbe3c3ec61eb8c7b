from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from hub.models.catalogue import Product
from hub.models.pictures import Picture

# It stands in the header of every mail.
ONE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f]*$", "One line, please.")


class Site(models.Model):
    """The one row of what the owner decides about the whole site."""

    name = models.CharField(max_length=80, default="Foyer", validators=[ONE_LINE])
    tagline = models.CharField(max_length=160, blank=True)
    accent = models.CharField(
        max_length=7, default="#1f7a4d", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", "A colour such as #1f7a4d.")]
    )
    support_email = models.EmailField(blank=True)
    public_library = models.BooleanField(default=True)
    logo = models.ForeignKey(Picture, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    sender_name = models.CharField(max_length=80, blank=True, validators=[ONE_LINE])
    inactive_after_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="there_is_one_site")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @property
    def inactive_after(self) -> timedelta:
        return timedelta(days=self.inactive_after_days)

    @classmethod
    def load(cls) -> "Site":
        return cls.objects.get_or_create(pk=1)[0]


class SalesPage(models.Model):
    product = models.OneToOneField(Product, on_delete=models.CASCADE, related_name="sales_page")
    headline = models.CharField(max_length=160)
    lead = models.CharField(max_length=400, blank=True)
    body = models.TextField(blank=True, help_text="Markdown.")
    questions = models.JSONField(default=list, blank=True, help_text='[{"question": "…", "answer": "…"}]')
    testimonials = models.JSONField(default=list, blank=True, help_text='[{"name": "…", "words": "…"}]')
    is_live = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.headline
