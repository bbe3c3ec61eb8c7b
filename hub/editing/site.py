"""What the owner says of the whole site, and in which words its letters speak."""

from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction

from activities.letter_texts import BUTTON, Letter, Stray, Unknown, check
from activities.models import LetterText
from activities.record import record_deed
from hub.addresses import NO_ADDRESS
from hub.editing.forms import EditForm
from hub.models import Site, User
from hub.pictures.fields import PictureField, PictureForm
from hub.pictures.keeping import keep
from hub.pictures.preparing import LOGO, Prepared


class SiteForm(EditForm):
    class Meta:
        model = Site
        fields = (
            "name",
            "tagline",
            "accent",
            "support_email",
            "sender_name",
            "public_library",
            "inactive_after_days",
        )
        widgets = {"accent": forms.TextInput(attrs={"type": "color"})}
        labels = {
            "accent": "Colour",
            "support_email": "Support address",
            "sender_name": "Sender of e-mails",
            "public_library": "Visitors see what there is",
            "inactive_after_days": "Days until inactive",
        }
        error_messages = {"support_email": {"invalid": NO_ADDRESS}}
        help_texts = {
            "tagline": "One line below the name, in the library and at the foot of every page.",
            "accent": "Of buttons and links. Where it would be hard to read, it is made a little lighter or darker.",
            "support_email": "Where members ask for help, and where answers to e-mails go.",
            "sender_name": "Empty: the site’s name.",
            "public_library": "Otherwise the library asks everybody to sign in first.",
            "inactive_after_days": "Who has not been here for as long is called inactive.",
        }


class LogoForm(PictureForm):
    """Another logo."""

    picture = PictureField(
        purpose=LOGO,
        label="Picture",
        help_text="JPEG, PNG or WebP, up to 10 MB. It keeps its shape, and is shown 28 pixels high.",
    )


class LetterForm(forms.Form):
    """The owner's words. A name in braces that the letter does not know is refused, and named."""

    subject = forms.CharField(max_length=150)
    body = forms.CharField(
        label="Text",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="An empty line begins a paragraph. The greeting and the foot are added to it.",
    )

    def __init__(self, *args: Any, letter: Letter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.letter = letter

    def clean_subject(self) -> str:
        return self._checked(" ".join(self.cleaned_data["subject"].split()), with_button=False)

    def clean_body(self) -> str:
        words = self._checked(self.cleaned_data["body"], with_button=True)
        if self.letter.button and f"{{{BUTTON}}}" not in words:
            raise forms.ValidationError("Leave {button} in it: without it nobody finds the way.")
        if words.count(f"{{{BUTTON}}}") > 1:
            raise forms.ValidationError("There is one button in a letter: leave one {button} in it.")
        return words

    def _checked(self, words: str, *, with_button: bool) -> str:
        try:
            check(words, letter=self.letter, with_button=with_button)
        except Unknown as error:
            known = ", ".join(f"{{{name}}}" for name in self.letter.known if with_button or name != BUTTON)
            raise forms.ValidationError(f"There is no {{{error.name}}} here. There are: {known}.") from error
        except Stray as error:
            raise forms.ValidationError("Braces stand around a name, one on each side, and nowhere else.") from error
        return words


@transaction.atomic
def save_site(form: SiteForm, *, actor: User, now: datetime) -> None:
    """What a valid form says; who changed what is kept in the feed."""
    if form.changed_data:
        form.save()
        record_deed(f"changed the site: {form.changes()}", actor_id=actor.pk, now=now)


@transaction.atomic
def change_logo(prepared: Prepared | None, *, actor: User, now: datetime) -> None:
    """None: the drawn one."""
    logo = keep(prepared, now=now) if prepared else None
    site = Site.load()
    if site.logo != logo:
        site.logo = logo
        site.save(update_fields=["logo"])
        deed = "gave the site another logo" if logo else "took the site's logo away"
        record_deed(deed, actor_id=actor.pk, now=now)


@transaction.atomic
def reword(letter: Letter, *, subject: str, body: str, actor: User, now: datetime) -> None:
    """From the next one that is sent."""
    given = {"subject": subject, "body": body, "changed_at": now}
    LetterText.objects.update_or_create(notice=letter.kind, defaults=given)
    record_deed(f"reworded the letter “{letter.label}”", actor_id=actor.pk, now=now)


@transaction.atomic
def reset(letter: Letter, *, actor: User, now: datetime) -> None:
    """Foyer's own words again."""
    deleted, _ = LetterText.objects.filter(notice=letter.kind).delete()
    if deleted:
        record_deed(f"gave the letter “{letter.label}” its first words again", actor_id=actor.pk, now=now)
