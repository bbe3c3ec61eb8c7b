"""A form field that takes a picture."""

from typing import Any

from django import forms

from hub.models import User
from hub.pictures.preparing import NotAPicture, Prepared, Purpose, prepare
from hub.throttling import happens_too_often

MOST_PER_MINUTE = 20


class PictureField(forms.FileField):
    """Cleans to a `Prepared` picture, or None where none was given. What is wrong with a file is said at the field."""

    default_error_messages = {"required": "Choose a file first."}

    def __init__(self, *, purpose: Purpose, **kwargs: Any) -> None:
        super().__init__(widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}), **kwargs)
        self.purpose = purpose
        self.giver: User | None = None

    def clean(self, data: Any, initial: Any = None) -> Prepared | None:
        file = super().clean(data, initial)
        if not file:
            return None
        if self.giver and happens_too_often(str(self.giver.pk), what="picture", per_minute=MOST_PER_MINUTE):
            raise forms.ValidationError("That were many pictures at once. Wait a minute.")
        try:
            return prepare(file, purpose=self.purpose)
        except NotAPicture as error:
            raise forms.ValidationError(str(error)) from error


class PictureForm(forms.Form):
    """A form with one picture. `giver`: whoever sends it, and may not send too many at once."""

    def __init__(self, *args: Any, giver: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, PictureField):
                field.giver = giver
