"""Forms as they are rendered: what a screen reader finds belongs together."""

import re

import pytest
from django import forms
from django.template import Context, Template

KINDS = [("mug", "Mug"), ("bowl", "Bowl")]


class Order(forms.Form):
    kind = forms.ChoiceField(choices=KINDS, widget=forms.RadioSelect, help_text="One of them.")
    extras = forms.MultipleChoiceField(choices=KINDS, required=False, widget=forms.CheckboxSelectMultiple)
    code = forms.CharField()


def render(form: forms.Form, name: str) -> str:
    return Template("{% load fields %}{% field bound %}").render(Context({"bound": form[name]}))


@pytest.mark.parametrize(("name", "box"), [("kind", "radio"), ("extras", "checkbox")])
def test_a_choice_of_several_is_a_group_under_its_legend(name: str, box: str) -> None:
    page = render(Order(), name)
    assert page.count("<fieldset") == page.count("<legend") == 1
    assert page.count(f'type="{box}"') == page.count('<label class="choice"') == 2
    assert 'for=""' not in page
    assert 'class="input' not in page
    assert set(re.findall(r'label class="choice" for="([^"]+)"', page)) == set(
        re.findall(r'<input[^>]+id="([^"]+)', page)
    )


def test_a_group_keeps_what_was_chosen_and_says_what_is_wrong() -> None:
    page = render(Order({"kind": "jug", "extras": ["bowl"]}), "kind")
    assert 'aria-describedby="id_kind_helptext id_kind_error"' in page
    assert 'id="id_kind_error"' in page
    assert re.search(r'value="bowl"[^>]*checked', render(Order({"extras": ["bowl"]}), "extras"))


def test_a_code_can_be_typed_at_once_in_any_case() -> None:
    page = render(Order(), "code")
    for word in ("autofocus", 'autocapitalize="characters"', 'spellcheck="false"'):
        assert word in page
