"""A form field that takes a picture."""

from typing import Any

from django import forms

from hub.pictures.preparing import NotAPicture, Prepared, Purpose, prepare


class PictureField(forms.FileField):
    """Cleans to a `Prepared` picture, or None where none was given. What is wrong with a file is said at the field."""

    default_error_messages = {"required": "Choose a file first."}

    def __init__(self, *, purpose: Purpose, **kwargs: Any) -> None:
        super().__init__(widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"}), **kwargs)
        self.purpose = purpose

    def clean(self, data: Any, initial: Any = None) -> Prepared | None:
        file = super().clean(data, initial)
        if not file:
            return None
        try:
            return prepare(file, purpose=self.purpose)
        except NotAPicture as error:
            raise forms.ValidationError(str(error)) from error
