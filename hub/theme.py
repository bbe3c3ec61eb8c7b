"""The owner's accent as a set of shades that are readable in the light and in the dark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from hub.colour import Oklch, contrast

READABLE = 4.5
WHITE = "#ffffff"
# The lightest and darkest grounds that static/css/tokens.css puts text on.
LIGHT_GROUNDS = ("#ffffff", "#f6f2ec")
DARK_GROUNDS = ("#161310", "#2b2621")


@dataclass(frozen=True)
class Shades:
    """`#rrggbb` each: a fill, the fill under a pointer, text on both, accent-coloured text, a tinted ground."""

    fill: str
    fill_strong: str
    on_fill: str
    text: str
    soft: str


@dataclass(frozen=True)
class Palette:
    light: Shades
    dark: Shades


def make_palette(accent: str) -> Palette:
    """Both themes' shades of `#rrggbb`: text on a fill, and accent text on any ground, contrast at least 4.5:1."""
    colour = Oklch.from_hex(accent)
    light_soft = replace(colour, lightness=0.95, chroma=min(colour.chroma, 0.03)).to_hex()
    dark_soft = replace(colour, lightness=0.29, chroma=min(colour.chroma, 0.045)).to_hex()
    light_fill = _step(colour, by=-0.01, until=lambda shade: contrast(shade, LIGHT_GROUNDS[1]) >= 1.4)
    dark_fill = replace(colour, lightness=max(colour.lightness, 0.72))
    return Palette(
        light=_shades(light_fill, grounds=(*LIGHT_GROUNDS, light_soft), soft=light_soft, by=-0.01),
        dark=_shades(dark_fill, grounds=(*DARK_GROUNDS, dark_soft), soft=dark_soft, by=0.01),
    )


def stylesheet(accent: str) -> str:
    """The custom properties of `make_palette`, for `:root` and for a dark screen."""
    palette = make_palette(accent)
    return (
        f"@layer tokens {{\n:root {{ {_properties(palette.light)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_properties(palette.dark)} }} }}\n}}\n"
    )


def _shades(fill: Oklch, *, grounds: tuple[str, ...], soft: str, by: float) -> Shades:
    ink = Oklch(0.2, min(fill.chroma, 0.03), fill.hue).to_hex()
    on_fill = WHITE if contrast(fill.to_hex(), WHITE) >= contrast(fill.to_hex(), ink) else ink
    away = -0.01 if on_fill == WHITE else 0.01
    fill = _step(fill, by=away, until=lambda shade: contrast(shade, on_fill) >= READABLE)
    strong = replace(fill, lightness=min(max(fill.lightness + 5 * away, 0.0), 1.0))
    text = _step(fill, by=by, until=lambda shade: all(contrast(shade, ground) >= READABLE for ground in grounds))
    return Shades(fill.to_hex(), strong.to_hex(), on_fill, text.to_hex(), soft)


def _step(colour: Oklch, *, by: float, until: Callable[[str], bool]) -> Oklch:
    """Moves lightness by steps until the shade satisfies, or black or white is reached."""
    while not until(colour.to_hex()) and 0 <= colour.lightness + by <= 1:
        colour = replace(colour, lightness=colour.lightness + by)
    return colour


def _properties(shades: Shades) -> str:
    return (
        f"--accent: {shades.fill}; --accent-strong: {shades.fill_strong}; --on-accent: {shades.on_fill}; "
        f"--accent-text: {shades.text}; --accent-soft: {shades.soft};"
    )
