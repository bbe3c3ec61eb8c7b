from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse

from hub.models.pictures import Picture


class Category(models.Model):
    name = models.CharField(max_length=60)
    slug = models.SlugField(max_length=60, unique=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "categories"
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="one_category_of_a_name",
                violation_error_message="There is a category of this name already.",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    class Kind(models.TextChoices):
        STANDARD = "standard", "Standard"
        COLLECTION = "collection", "Collection"

    class Visibility(models.TextChoices):
        ACCESS = "access", "People with access"
        MEMBERS = "members", "Every signed-in member"
        PUBLIC = "public", "Everyone"

    class Purchase(models.TextChoices):
        NONE = "none", "Not for sale"
        SALES_PAGE = "sales_page", "Sales page, then checkout"
        CHECKOUT = "checkout", "Straight to checkout"
        EXTERNAL = "external", "Another address"

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=120, unique=True)
    summary = models.CharField(max_length=240, blank=True)
    description = models.TextField(blank=True, help_text="Markdown.")
    cover = models.ForeignKey(Picture, on_delete=models.PROTECT, null=True, blank=True, related_name="products")
    pictures = models.ManyToManyField(
        Picture, related_name="used_in", blank=True, help_text="On its pages: shown to whoever may read them."
    )
    hue = models.PositiveSmallIntegerField(default=60, help_text="0 to 359: colours the cover.")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.STANDARD)
    contains_all = models.BooleanField(default=False, help_text="A collection of every standard product.")
    contents = models.ManyToManyField(
        "self", through="CollectionItem", symmetrical=False, related_name="collections", blank=True
    )
    categories = models.ManyToManyField(Category, related_name="products", blank=True)
    is_live = models.BooleanField(default=False)
    archived_at = models.DateTimeField(null=True, blank=True)
    visibility = models.CharField(max_length=10, choices=Visibility, default=Visibility.ACCESS)
    purchase = models.CharField(max_length=10, choices=Purchase, default=Purchase.NONE)
    external_url = models.URLField(blank=True)
    show_locked = models.BooleanField(default=True, help_text="Show a locked card to people without access.")
    send_access_email = models.BooleanField(default=True)
    access_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="A one-off purchase opens the product for this many days. Empty: for ever.",
    )
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(contains_all=False) | Q(kind="collection"), name="only_a_collection_contains_all"
            ),
            models.CheckConstraint(
                condition=Q(access_days__isnull=True) | Q(access_days__gt=0), name="days_are_positive"
            ),
            models.CheckConstraint(condition=Q(hue__lt=360), name="hue_is_an_angle"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("hub:product", args=[self.slug])


class FormerAddress(models.Model):
    """Where a product was found before: links to it lead on. A product that has the address now comes first."""

    slug = models.SlugField(max_length=120, unique=True)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="former_addresses")

    class Meta:
        verbose_name_plural = "former addresses"

    def __str__(self) -> str:
        return f"{self.slug}, now {self.product.slug}"


class CollectionItem(models.Model):
    """One product inside one collection. Its access is found at the gate, never copied into grants."""

    collection = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="item_of")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "product"], name="once_in_a_collection"),
            models.CheckConstraint(condition=~Q(collection=F("product")), name="no_collection_in_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.product} in {self.collection}"
