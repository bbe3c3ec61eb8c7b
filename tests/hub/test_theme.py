"""The owner's accent stays readable, whatever it is."""

import itertools

import pytest
from django.test import Client

from hub.colour import Oklch, contrast
from hub.covers import MOTIFS, draw_cover
from hub.theme import DARK_GROUNDS, LIGHT_GROUNDS, READABLE, make_palette
from tests.hub.conftest import Studio

EVERY_SORT = [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in itertools.product(range(0, 256, 51), repeat=3)]


@pytest.mark.parametrize("accent", ["#000000", "#ffffff", "#ffe000", "#1f7a4d", "#7f7f7f"])
def test_conversion_there_and_back_keeps_the_colour(accent: str) -> None:
    assert Oklch.from_hex(accent).to_hex() == accent


def test_contrast_is_the_ratio_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_colour_no_screen_shows_loses_chroma_and_not_lightness() -> None:
    shown = Oklch.from_hex(Oklch(0.9, 0.4, 270).to_hex())
    assert shown.lightness == pytest.approx(0.9, abs=0.01)


def test_text_is_readable_on_every_fill_and_ground() -> None:
    for accent in EVERY_SORT:
        palette = make_palette(accent)
        for shades, grounds in ((palette.light, LIGHT_GROUNDS), (palette.dark, DARK_GROUNDS)):
            assert contrast(shades.fill, shades.on_fill) >= READABLE, accent
            assert contrast(shades.fill_strong, shades.on_fill) >= READABLE, accent
            assert all(contrast(shades.text, ground) >= READABLE for ground in (*grounds, shades.soft)), accent


def test_a_readable_accent_is_left_as_the_owner_chose_it() -> None:
    assert make_palette("#1f7a4d").light.fill == "#1f7a4d"


def test_white_titles_are_readable_on_every_drawn_cover() -> None:
    for hue in range(0, 360, 10):
        assert contrast(draw_cover(hue=hue, seed=hue % len(MOTIFS)).bottom, "#ffffff") >= READABLE


def test_the_stylesheet_carries_the_accent_and_is_not_sent_twice(studio: Studio, client: Client) -> None:
    studio.site.accent = "#aa3300"
    studio.site.save()
    first = client.get("/theme.css")
    assert first["Content-Type"] == "text/css; charset=utf-8"
    assert "--accent: #aa3300" in first.content.decode()
    assert "max-age=600" in first["Cache-Control"]
    assert client.get("/theme.css", HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    studio.site.accent = "#003388"
    studio.site.save()
    assert client.get("/theme.css", HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 200


def test_the_icon_is_drawn_in_the_accent(studio: Studio, client: Client) -> None:
    response = client.get("/icon.svg")
    assert response["Content-Type"] == "image/svg+xml"
    assert make_palette(studio.site.accent).light.fill in response.content.decode()
