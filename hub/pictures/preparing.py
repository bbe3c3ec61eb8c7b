"""An uploaded file made into a picture of ours: only its pixels are kept, in sizes and a format of our choosing.

Nothing of the file itself is ever served: no place or time of a photograph, no script in it, no second meaning.
"""

import warnings
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import IO

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP")
LARGEST_FILE = 10 * 1024 * 1024
# A photograph is read at a fraction of its size where that is enough; everything else stands in memory as it is.
MOST_PIXELS = {"JPEG": 60_000_000, "PNG": 25_000_000, "WEBP": 25_000_000}
LONGEST_SIDE = 16_000


class NotAPicture(ValueError):
    """Why it is not taken, in words for whoever gave it."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a picture is for. `ratio`: width by height, cut around the middle; None keeps its own.

    `sides`: the longest side of each size that is kept, in pixels, smallest first; none is ever blown up.
    """

    name: str
    format: str
    sides: tuple[int, ...]
    ratio: float | None
    smallest: tuple[int, int]


COVER = Purpose("cover", "WEBP", (320, 640, 1280), 16 / 9, (320, 180))
# E-mail programs show PNG, and not all of them WebP.
LOGO = Purpose("logo", "PNG", (64, 128, 512), None, (32, 32))
PAGE = Purpose("page", "WEBP", (640, 1280), None, (16, 16))
PURPOSES = {purpose.name: purpose for purpose in (COVER, LOGO, PAGE)}


@dataclass(frozen=True, slots=True)
class Prepared:
    """`sizes`: the bytes of each side of the purpose. `name` is the same for the same picture alone."""

    purpose: Purpose
    name: str
    width: int
    height: int
    sizes: dict[int, bytes]


def prepare(file: IO[bytes], *, purpose: Purpose) -> Prepared:
    """Reads the file once. Raises NotAPicture for what is no picture, or too large or too small a one."""
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise NotAPicture(f"The file is too large: at most {LARGEST_FILE // 1024 // 1024} MB.")
    image = _read(content, purpose=purpose)
    sizes = {side: _encode(_within(image, side), purpose=purpose) for side in purpose.sides}
    largest = sizes[purpose.sides[-1]]
    width, height = _within(image, purpose.sides[-1]).size
    return Prepared(purpose, sha256(largest).hexdigest()[:32], width, height, sizes)


def _read(content: bytes, *, purpose: Purpose) -> Image.Image:
    """The pixels, upright, in sRGB, cut to the purpose's shape."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we have bounds of our own, and check them before anything is unpacked
            with Image.open(BytesIO(content), formats=FORMATS) as found:
                _check_size(found, purpose=purpose)
                found.draft("RGB", (purpose.sides[-1] * 2,) * 2)
                found.load()
                image = _in_srgb(ImageOps.exif_transpose(found))
    except NotAPicture:
        raise
    except UnidentifiedImageError as error:
        raise NotAPicture("This is no picture that can be used here: give a JPEG, PNG or WebP file.") from error
    except Image.DecompressionBombError as error:
        raise NotAPicture("The picture is too large.") from error
    except Exception as error:  # whatever a broken or hostile file makes a decoder say
        raise NotAPicture("This file is damaged and cannot be read.") from error
    if purpose.ratio is None:
        return image
    return _cut(image, ratio=purpose.ratio)


def _check_size(image: Image.Image, *, purpose: Purpose) -> None:
    width, height = image.size
    most = MOST_PIXELS[image.format or "PNG"]
    if width * height > most or max(width, height) > LONGEST_SIDE:
        raise NotAPicture(f"The picture is too large: {width} × {height} pixels. At most {most // 1_000_000} million.")
    if width < purpose.smallest[0] or height < purpose.smallest[1]:
        least = " × ".join(str(side) for side in purpose.smallest)
        raise NotAPicture(f"The picture is too small: {width} × {height} pixels. At least {least}.")


def _in_srgb(image: Image.Image) -> Image.Image:
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    profile = image.info.get("icc_profile")
    flat = image.convert("RGBA" if has_alpha else "RGB")
    if not profile or image.mode not in {"RGB", "RGBA"}:
        return flat
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        turned = ImageCms.profileToProfile(flat, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return flat  # a profile that says nothing: the numbers are taken as they are
    return turned or flat


def _cut(image: Image.Image, *, ratio: float) -> Image.Image:
    width, height = image.size
    if width > height * ratio:
        width = round(height * ratio)
    else:
        height = round(width / ratio)
    return ImageOps.fit(image, (width, height), method=Image.Resampling.LANCZOS)


def _within(image: Image.Image, side: int) -> Image.Image:
    scale = min(side / max(image.size), 1)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)


def _encode(image: Image.Image, *, purpose: Purpose) -> bytes:
    """Without anything but pixels: a copy carries no notes of the file that it came from."""
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    out = BytesIO()
    if purpose.format == "WEBP":
        bare.save(out, "WEBP", quality=82, method=4)
    else:
        bare.save(out, purpose.format, optimize=True)
    return out.getvalue()
