"""Covers drawn for products that have no picture: four quiet landscapes in the product's own hue."""

from dataclasses import dataclass

from hub.colour import Oklch

MOTIFS = (
    # Hills under a low sun.
    (
        ("circle", {"cx": "232", "cy": "66", "r": "26"}),
        ("path", {"d": "M0 118C52 84 96 92 142 112s106 22 178-18v86H0z"}),
        ("path", {"d": "M0 150c70-36 132-14 190-6s92-4 130-22v58H0z"}),
    ),
    # Arches of a colonnade.
    (
        ("path", {"d": "M196 180V92a44 44 0 0 1 88 0v88z"}),
        ("path", {"d": "M214 180v-84a26 26 0 0 1 52 0v84z"}),
        ("path", {"d": "M104 180v-52a34 34 0 0 1 68 0v52z"}),
    ),
    # Rings in water.
    (
        ("circle", {"cx": "248", "cy": "58", "r": "104"}),
        ("circle", {"cx": "248", "cy": "58", "r": "70"}),
        ("circle", {"cx": "248", "cy": "58", "r": "36"}),
    ),
    # Leaves of paper.
    (
        ("path", {"d": "M150 0h170v180h-60z"}),
        ("path", {"d": "M206 0h114v180h-22z"}),
        ("path", {"d": "M262 0h58v104z"}),
    ),
)


@dataclass(frozen=True, slots=True)
class Shape:
    tag: str
    attributes: dict[str, str]
    fill: str
    opacity: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A 320 × 180 picture: a ground running from `top` to `bottom`, with shapes upon it."""

    top: str
    bottom: str
    shapes: tuple[Shape, ...]


def draw_cover(*, hue: int, seed: int) -> Drawing:
    """The same picture for the same hue (0 to 359) and seed. White text on its lower half stays readable."""
    fills = (
        Oklch(0.74, 0.09, (hue + 18) % 360).to_hex(),
        Oklch(0.5, 0.085, (hue + 352) % 360).to_hex(),
        Oklch(0.38, 0.07, (hue + 340) % 360).to_hex(),
    )
    shapes = tuple(
        Shape(tag, dict(attributes), fill, opacity)
        for (tag, attributes), fill, opacity in zip(
            MOTIFS[seed % len(MOTIFS)], fills, ("0.45", "0.6", "0.75"), strict=True
        )
    )
    return Drawing(
        top=Oklch(0.6, 0.095, hue).to_hex(),
        bottom=Oklch(0.37, 0.075, (hue + 340) % 360).to_hex(),
        shapes=shapes,
    )
