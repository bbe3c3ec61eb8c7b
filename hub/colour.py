"""Colour arithmetic in OKLCH, where equal steps of lightness look equal.

Conversions by Björn Ottosson (https://bottosson.github.io/posts/oklab/); contrast by WCAG 2.2 §1.4.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Oklch:
    """Lightness 0 to 1, chroma 0 to about 0.37, hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    @classmethod
    def from_hex(cls, colour: str) -> Oklch:
        """From `#rrggbb`."""
        red, green, blue = (_linear(channel) for channel in _channels(colour))
        l_ = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
        m_ = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
        s_ = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
        lightness = 0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_
        a = 1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_
        b = 0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_
        return cls(lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360)

    def to_hex(self) -> str:
        """The nearest `#rrggbb` of the same hue and lightness: chroma gives way where a screen cannot show it."""
        colour = self
        while colour.chroma > 0.001 and not _is_shown(colour._linear_rgb()):
            colour = replace(colour, chroma=colour.chroma * 0.96)
        return "#" + "".join(f"{_byte(channel):02x}" for channel in colour._linear_rgb())

    def _linear_rgb(self) -> tuple[float, float, float]:
        a = self.chroma * math.cos(math.radians(self.hue))
        b = self.chroma * math.sin(math.radians(self.hue))
        l_ = (self.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        m_ = (self.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        s_ = (self.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        return (
            4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_,
            -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_,
            -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_,
        )


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two `#rrggbb` colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    return int(colour[1:3], 16) / 255, int(colour[3:5], 16) / 255, int(colour[5:7], 16) / 255


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _byte(linear: float) -> int:
    linear = min(max(linear, 0.0), 1.0)
    return round(255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055))


def _is_shown(linear_rgb: tuple[float, float, float]) -> bool:
    return all(-0.0005 <= channel <= 1.0005 for channel in linear_rgb)
