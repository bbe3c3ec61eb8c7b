from django.db import models
from django.urls import reverse

from hub.models.catalogue import Product
from hub.models.people import User


class Section(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="sections")
    title = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.title


class Page(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pages")
    section = models.ForeignKey(Section, on_delete=models.SET_NULL, related_name="pages", null=True, blank=True)
    title = models.CharField(max_length=160)
    slug = models.SlugField(max_length=160)
    body = models.TextField(blank=True, help_text="Markdown.")
    video_url = models.URLField(blank=True, help_text="A YouTube or Vimeo address.")
    minutes = models.PositiveSmallIntegerField(null=True, blank=True, help_text="How long it takes.")
    is_published = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["product", "slug"], name="one_page_per_address")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("hub:page", args=[self.product.slug, self.slug])


class PageProgress(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="progress")
    page = models.ForeignKey(Page, on_delete=models.CASCADE, related_name="progress")
    opened_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "page"], name="one_progress_per_page")]
        verbose_name_plural = "page progress"

    def __str__(self) -> str:
        return f"{self.user} on {self.page}"
