"""An uploaded file made into a picture of ours: only its pixels are kept, in sizes and a format of our choosing.

Nothing of the file itself is ever served: no place or time of a photograph, no script in it, no second meaning.
"""

import warnings
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from threading import Lock
from typing import IO

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

FORMATS = ("JPEG", "PNG", "WEBP")
LARGEST_FILE = 10 * 1024 * 1024
# What may stand in memory at once. A photograph may be larger: it is read at a fraction of its size.
MOST_PIXELS = 25_000_000
MOST_OF_A_PHOTOGRAPH = 60_000_000
LONGEST_SIDE = 16_000
ON_THEIR_SIDE = range(5, 9)  # the orientations that swap width and height

# One at a time in a process: several large ones at once would need several times the memory.
_at_work = Lock()


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
    with _at_work:
        image = _read(content, purpose=purpose)
        sizes = {side: _encode(_within(image, side), purpose=purpose) for side in purpose.sides}
    # Who may see it hangs on its purpose: the same pixels for another one are another picture.
    name = sha256(purpose.name.encode() + b"\0" + sizes[purpose.sides[-1]]).hexdigest()[:32]
    return Prepared(purpose, name, image.width, image.height, sizes)


def _read(content: bytes, *, purpose: Purpose) -> Image.Image:
    """The pixels at the purpose's largest size and in its shape, upright, in sRGB."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we have bounds of our own, and check them before anything is unpacked
            with Image.open(BytesIO(content), formats=FORMATS) as found:
                _check_size(found, purpose=purpose)
                _draft(found, purpose=purpose)
                found.load()
                return _in_srgb(ImageOps.exif_transpose(_shrink(found, purpose=purpose)))
    except NotAPicture:
        raise
    except UnidentifiedImageError as error:
        raise NotAPicture("This is no picture that can be used here: give a JPEG, PNG or WebP file.") from error
    except Image.DecompressionBombError as error:
        raise NotAPicture("The picture is too large.") from error
    except Exception as error:  # whatever a broken or hostile file makes a decoder say
        raise NotAPicture("This file is damaged and cannot be read.") from error


def _check_size(image: Image.Image, *, purpose: Purpose) -> None:
    width, height = image.size
    # A progressive one is kept whole while it is read, however small it is wanted.
    is_read_smaller = isinstance(image, JpegImageFile) and "progressive" not in image.info
    most = MOST_OF_A_PHOTOGRAPH if is_read_smaller else MOST_PIXELS
    if width * height > most or max(width, height) > LONGEST_SIDE:
        raise _too_large(image.size, most=most)
    if width < purpose.smallest[0] or height < purpose.smallest[1]:
        least = " × ".join(str(side) for side in purpose.smallest)
        raise NotAPicture(f"The picture is too small: {width} × {height} pixels. At least {least}.")


def _draft(image: Image.Image, *, purpose: Purpose) -> None:
    """Has a photograph read at a half, a quarter or an eighth, if twice the largest size is left. Others stay."""
    width, height = image.size
    spare = int(max(_kept(image, purpose=purpose))) // (purpose.sides[-1] * 2)
    if spare > 1:
        image.draft("RGB", (max(width // spare, 1), max(height // spare, 1)))
    if image.width * image.height > MOST_PIXELS:
        raise _too_large((width, height), most=MOST_PIXELS)


def _too_large(size: tuple[int, int], *, most: int) -> NotAPicture:
    width, height = size
    return NotAPicture(f"The picture is too large: {width} × {height} pixels. At most {most // 1_000_000} million.")


def _kept(image: Image.Image, *, purpose: Purpose) -> tuple[float, float]:
    """Width and height of what the purpose keeps of it, before it is turned upright."""
    width, height = image.size
    if purpose.ratio is None:
        return width, height
    is_on_its_side = image.getexif().get(ExifTags.Base.Orientation) in ON_THEIR_SIDE
    ratio = 1 / purpose.ratio if is_on_its_side else purpose.ratio
    return min(width, height * ratio), min(height, width / ratio)


def _shrink(image: Image.Image, *, purpose: Purpose) -> Image.Image:
    """Cut around the middle, and small, before anything is done that needs a copy of the whole."""
    width, height = _kept(image, purpose=purpose)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    scale = min(purpose.sides[-1] / max(width, height), 1)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    if image.mode not in {"L", "RGB", "RGBA", "CMYK"} or "transparency" in image.info:
        image = _flat(image)  # a palette's numbers cannot be blended
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


def _flat(image: Image.Image) -> Image.Image:
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "RGB")


def _in_srgb(image: Image.Image) -> Image.Image:
    profile, flat = image.info.get("icc_profile"), _flat(image)
    if not profile or image.mode not in {"RGB", "RGBA"}:
        return flat
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        turned = ImageCms.profileToProfile(flat, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return flat  # a profile that says nothing: the numbers are taken as they are
    return turned or flat


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
