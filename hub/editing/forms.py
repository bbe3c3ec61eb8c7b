"""The forms of a product and its pages. Each notices when somebody else saved what it shows, and overwrites nothing."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django import forms
from django.forms.models import model_to_dict

from activities.forms import FilterForm
from hub.content import embed
from hub.editing.addresses import keep_former_address
from hub.editing.categories import find_or_make_category
from hub.editing.collections import eligible
from hub.editing.listing import STATE_WORDS, Filters
from hub.figures import MARKS
from hub.models import Category, Page, Product, SalesPage, Section
from hub.pictures.fields import PictureField, PictureForm
from hub.pictures.preparing import COVER, PAGE


class EditForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that sends back a mark of what it was filled with: `seen`.

    Where the row says something else by then, `is_outdated`: it is shown again with what was typed, beside what is
    there now, and saves when it is sent once more. `also_seen`: lists in the row that the page edits otherwise, and
    the keys of their rows, whose order PostgreSQL does not keep.
    """

    also_seen: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_saved = False
        shown = (*(self._meta.fields or ()), *self.also_seen)
        self.stored = model_to_dict(self.instance, fields=shown) if self.instance.pk else {}
        mark = _mark(self.stored)
        self.initial["seen"] = mark
        self.is_outdated = self.is_bound and bool(self.instance.pk) and self.data.get(self.add_prefix("seen")) != mark
        if self.is_outdated:
            self.data = typed = self.data.copy()  # type: ignore[attr-defined]
            typed[self.add_prefix("seen")] = mark

    @property
    def may_save(self) -> bool:
        return self.is_valid() and not self.is_outdated

    @property
    def status(self) -> int:
        """Of the answer that shows it."""
        if self.is_outdated:
            return 409
        return 422 if self.errors else 200

    def others(self) -> Iterator[tuple[str, str]]:
        """Label and present value of each field in which the row differs from what was typed."""
        for name in self.changed_data:
            if name in self.stored and name in self.fields:
                yield str(self[name].label), _in_words(self.stored[name], self.fields[name])
        for name, keys in self.also_seen.items():
            if rows := self.stored.get(name):
                yield name.capitalize(), "\n\n".join("\n".join(row.get(key, "") for key in keys) for row in rows)

    def changes(self) -> str:
        """The labels of what was changed, for the feed: "name, address"."""
        return ", ".join(str(self[name].label).lower() for name in self.changed_data if name != "seen")


class ProductsForm(FilterForm):
    """The filters of the list of products, as they stand in its address."""

    q = forms.CharField(
        label="Name",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "data-key": "/"}),
    )
    category = forms.ModelChoiceField(Category.objects.all(), required=False, empty_label="Every category")
    state = forms.ChoiceField(label="State", required=False, choices=[("", "All but archived"), *STATE_WORDS.items()])
    stripe = forms.ChoiceField(label="Stripe", required=False, choices=[("", "Linked or not"), *MARKS.items()])

    def filters(self) -> Filters:
        is_misread, given = not self.is_valid(), self.cleaned_data
        return Filters(
            is_misread=is_misread,
            words=given.get("q") or "",
            category_id=category.pk if (category := given.get("category")) else None,
            state=given.get("state") or "",
            mark=given.get("stripe") or "",
        )

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


class NewProductForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Product
        fields = ("name", "kind", "summary")
        widgets = {"kind": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs |= {"autofocus": True}
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            (Product.Kind.STANDARD, "A product with pages of its own"),
            (Product.Kind.COLLECTION, "A collection: opens other products, as a membership or a bundle does"),
        ]
        self.fields["summary"].help_text = "One sentence, for its card in the library."


class InfoForm(EditForm):
    new_category = forms.CharField(
        label="A new category", required=False, max_length=60, help_text="Made, and put on this product, when you save."
    )

    class Meta:
        model = Product
        fields = ("name", "slug", "summary", "description", "categories", "hue")
        widgets = {
            "description": forms.Textarea(attrs={"rows": 8}),
            "categories": forms.CheckboxSelectMultiple,
            "hue": forms.NumberInput(attrs={"type": "range", "min": 0, "max": 359}),
        }
        labels = {"slug": "Address", "hue": "Colour of the drawn cover"}
        error_messages = {"slug": {"unique": "Another product has this address."}}
        help_texts = {
            "slug": "The last part of its pages’ addresses. Links to the old one lead here.",
            "summary": "One sentence, for its card in the library.",
            "description": "Shown on its page. Markdown: **bold**, [a link](https://…), ## a heading, - a list.",
            "hue": "For as long as it has no picture.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not Category.objects.exists():
            del self.fields["categories"]
        self.order_fields(["name", "slug", "summary", "description", "categories", "new_category"])

    def save(self, commit: bool = True) -> Any:
        product = super().save(commit)
        if "slug" in self.changed_data:
            keep_former_address(product, before=self.stored["slug"])
        if name := self.cleaned_data["new_category"]:
            product.categories.add(find_or_make_category(name))
        return product


class CoverForm(PictureForm):
    """Another cover."""

    picture = PictureField(
        purpose=COVER,
        help_text="JPEG, PNG or WebP, up to 10 MB. It is cut to 16 by 9 around its middle; 1280 pixels wide is best.",
    )


class ContentsForm(forms.Form):
    """What a collection opens."""

    contains_all = forms.BooleanField(
        label="Every product",
        required=False,
        help_text="Those that you make later too. Other collections are not in it.",
    )
    products = forms.ModelMultipleChoiceField(
        Product.objects.none(), label="Or these", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: Any = None, *, collection: Product) -> None:
        chosen = [item.product_id for item in collection.items.all()]
        super().__init__(data, initial={"contains_all": collection.contains_all, "products": chosen})
        self.fields["products"].queryset = eligible(collection)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or {}
        if not given.get("contains_all") and not given.get("products") and "products" not in self.errors:
            self.add_error("products", "Choose at least one, or every product.")
        return given


class SettingsForm(EditForm):
    class Meta:
        model = Product
        fields = ("visibility", "purchase", "external_url", "show_locked", "send_access_email", "access_days")
        widgets = {"visibility": forms.RadioSelect, "purchase": forms.RadioSelect}
        labels = {
            "visibility": "Who can read it",
            "purchase": "How it is bought",
            "external_url": "The other address",
            "show_locked": "Show a locked card to people without access",
            "send_access_email": "Write to people when they get access",
            "access_days": "Days of access",
        }
        help_texts = {
            "external_url": "Where people buy it, if that is neither here nor at Stripe.",
            "show_locked": "Off: whoever does not have it, and cannot buy it, does not learn that it exists.",
            "send_access_email": "And when they lose it without having asked for it.",
            "access_days": "A one-off purchase opens it for so many days. Empty: for ever. "
            "Purchases that were made before keep what they were given.",
        }

    def clean(self) -> dict[str, Any] | None:
        given = super().clean() or {}
        if given.get("purchase") == Product.Purchase.EXTERNAL and not given.get("external_url"):
            self.add_error("external_url", "Say where people buy it.")
        return given


class SectionForm(EditForm):
    class Meta:
        model = Section
        fields = ("title",)


class CategoryForm(EditForm):
    class Meta:
        model = Category
        fields = ("name",)


class PageForm(EditForm):
    class Meta:
        model = Page
        fields = ("title", "section", "body", "video_url", "minutes", "slug")
        widgets = {"body": forms.Textarea(attrs={"rows": 18})}
        labels = {"video_url": "Video", "minutes": "Minutes it takes", "slug": "Address"}
        help_texts = {
            "body": "Markdown: ## a heading, **bold**, [a link](https://…), - a list, > a quote, "
            "> [!TIP] a call-out, ``` code.",
            "video_url": "A YouTube or Vimeo address.",
            "minutes": "",
            "slug": "The last part of its address. Empty: made of the title. Links to the old one stop working.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False
        sections = self.instance.product.sections.all()
        self.fields["section"].queryset = sections  # type: ignore[attr-defined]
        self.fields["section"].empty_label = "No section"  # type: ignore[attr-defined]
        if not sections:
            del self.fields["section"]

    def clean_slug(self) -> str:
        """Kept where it is emptied; a new page's is made of its title when it is saved."""
        slug: str = self.cleaned_data["slug"] or self.instance.slug
        if self.instance.product.pages.filter(slug=slug).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("Another page of this product has this address.")
        return slug

    def clean_video_url(self) -> str:
        address: str = self.cleaned_data["video_url"]
        if address and embed(address) is None:
            raise forms.ValidationError("Give the address of a video on YouTube or Vimeo.")
        return address


class PagePictureForm(PictureForm):
    """A picture to be put into a page's words. It stands in the page's own form, which is sent without one too."""

    use_required_attribute = False

    picture = PictureField(purpose=PAGE, help_text="JPEG, PNG or WebP, up to 10 MB.")
    shows = forms.CharField(
        label="What it shows",
        required=False,
        max_length=200,
        help_text="For people who cannot see it. Empty, if it only decorates.",
    )


class SalesPageForm(EditForm):
    also_seen = {"questions": ("question", "answer"), "testimonials": ("words", "name")}

    class Meta:
        model = SalesPage
        fields = ("headline", "lead", "body")
        widgets = {
            "lead": forms.Textarea(attrs={"rows": 3}),
            "body": forms.Textarea(attrs={"rows": 12}),
        }
        labels = {"lead": "Below the headline", "body": "What you say about it"}
        help_texts = {
            "headline": "What people will be able to do, in a few words.",
            "body": "Markdown: ## a heading, **bold**, [a link](https://…), - a list, > a quote.",
        }


class QuestionForm(forms.Form):
    question = forms.CharField(max_length=200, required=False)
    answer = forms.CharField(max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean(self) -> dict[str, Any]:
        return _both_or_none(self, "question", "answer")


class TestimonialForm(forms.Form):
    name = forms.CharField(label="Who says so", max_length=120, required=False)
    words = forms.CharField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def clean(self) -> dict[str, Any]:
        return _both_or_none(self, "words", "name")


def _both_or_none(form: forms.Form, *names: str) -> dict[str, Any]:
    given = form.cleaned_data
    missing = [name for name in names if not given.get(name)]
    if len(missing) == 1 and missing[0] not in form.errors:
        form.add_error(missing[0], "Fill in both, or empty both to leave it out.")
    return given


def _mark(values: Mapping[str, Any]) -> str:
    words = json.dumps(values, sort_keys=True, default=lambda value: getattr(value, "pk", str(value)))
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _in_words(value: Any, field: forms.Field) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "nothing"
    if isinstance(value, bool):
        return "on" if value else "off"
    choices = {str(key): str(label) for key, label in getattr(field, "choices", ())}
    return choices.get(str(value)) or ("nothing" if value is None else str(value) or "nothing")
