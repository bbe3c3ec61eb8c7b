"""Pictures that owners give: what is taken, what is kept of it, who is shown it."""

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from PIL import Image, ImageCms, PngImagePlugin

from activities.models import Activity
from billing.sweeping.retention import tidy
from hub.models import CollectionItem, Page, Picture, PictureSize, Product, User
from hub.pictures.fields import MOST_PER_MINUTE
from hub.pictures.keeping import keep
from hub.pictures.preparing import COVER, LARGEST_FILE, LOGO, PAGE, NotAPicture, prepare
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_editing import typed

Enter = Callable[[User], Client]


def picture(size: tuple[int, int] = (1600, 1200), kind: str = "JPEG", *, mode: str = "RGB", **saved: object) -> bytes:
    """Left half red, right half blue."""
    image = Image.new(mode, size, "red" if mode != "L" else 60)
    image.paste("blue" if mode != "L" else 200, (size[0] // 2, 0, *size))
    out = BytesIO()
    image.save(out, kind, **saved)
    return out.getvalue()


def shown(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def upload(content: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def give_cover(product: Product, content: bytes | None = None) -> Picture:
    product.cover = keep(prepare(BytesIO(content or picture()), purpose=COVER), now=timezone.now())
    product.save()
    return product.cover


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cover_is_cut_to_its_shape_and_kept_in_three_sizes(kind: str) -> None:
    prepared = prepare(BytesIO(picture(kind=kind)), purpose=COVER)
    assert {side: shown(content).size for side, content in prepared.sizes.items()} == {
        320: (320, 180),
        640: (640, 360),
        1280: (1280, 720),
    }
    assert {shown(content).format for content in prepared.sizes.values()} == {"WEBP"}
    assert (prepared.width, prepared.height) == (1280, 720)


def test_a_small_picture_is_not_blown_up_and_a_logo_keeps_its_shape_and_its_holes() -> None:
    assert shown(prepare(BytesIO(picture((400, 400))), purpose=COVER).sizes[1280]).size == (400, 225)
    logo = shown(prepare(BytesIO(picture((300, 100), "PNG", mode="RGBA")), purpose=LOGO).sizes[128])
    assert (logo.format, logo.mode, logo.size) == ("PNG", "RGBA", (128, 43))


def test_nothing_of_the_file_but_its_pixels_is_kept() -> None:
    notes = Image.Exif()
    notes[0x010E] = "at home"  # ImageDescription
    notes[0x0112] = 6  # to be turned by a quarter
    taken = picture((1200, 1600), exif=notes, comment=b"at home") + b"<script>at home</script>"
    prepared = prepare(BytesIO(taken), purpose=COVER)
    for content in prepared.sizes.values():
        assert b"at home" not in content
        assert not shown(content).getexif()
    red, _, blue = shown(prepared.sizes[640]).convert("RGB").getpixel((320, 20))
    assert red > 200 > 60 > blue  # the camera's top is where it was when it was held upright

    hidden = PngImagePlugin.PngInfo()
    hidden.add_text("Comment", "at home")
    logo = prepare(BytesIO(picture((64, 64), "PNG", pnginfo=hidden)), purpose=LOGO)
    assert all(b"at home" not in content for content in logo.sizes.values())


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "1"), ("PNG", "I;16")]
)
def test_pictures_of_every_kind_of_pixel_are_read(kind: str, mode: str) -> None:
    out = BytesIO()
    Image.new("L", (640, 360), 128).convert(mode if mode != "I;16" else "I").convert(mode).save(out, kind)
    assert prepare(BytesIO(out.getvalue()), purpose=COVER).sizes


def test_a_photograph_that_carries_a_second_picture_is_one() -> None:
    second = shown(picture((320, 180)))
    taken = picture(kind="MPO", save_all=True, append_images=[second])
    assert shown(taken).format == "MPO"
    assert shown(prepare(BytesIO(taken), purpose=COVER).sizes[1280]).size == (1280, 720)


# In a process of its own, where nothing else has been in memory: the highest that it was, in megabytes.
MEASURED = """
import resource, sys
from pathlib import Path
from hub.pictures.preparing import PURPOSES, prepare

def peak():
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024  # rusage's outlives an exec

prepare(open(sys.argv[1], "rb"), purpose=PURPOSES[sys.argv[2]])
before = peak()
made = prepare(open(sys.argv[3], "rb"), purpose=PURPOSES[sys.argv[2]])
print(peak() - before, made.width, made.height)
"""


@pytest.mark.parametrize(("purpose", "made", "most"), [("page", (96, 1280), 40), ("cover", (1200, 675), 130)])
def test_a_large_photograph_stands_in_memory_once_at_most(
    tmp_path: Path, purpose: str, made: tuple[int, int], most: int
) -> None:
    """The wide one is of 73 megabytes. All of its width is cut to a cover, so it cannot be read at a fraction."""
    notes = Image.Exif()
    notes[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, given in (("small.jpg", (400, 400)), ("wide.jpg", (16_000, 1_200))):
        (tmp_path / name).write_bytes(picture(given, exif=notes, icc_profile=profile))
    command = [sys.executable, "-c", MEASURED, tmp_path / "small.jpg", purpose, tmp_path / "wide.jpg"]
    here = Path(__file__).parents[2]
    measured = subprocess.run(command, check=True, capture_output=True, text=True, cwd=here).stdout
    megabytes, *size = (int(word) for word in measured.split())
    assert tuple(size) == made
    assert megabytes < most


def test_what_cannot_be_read_small_is_refused() -> None:
    with pytest.raises(NotAPicture, match=r"6000 × 4200 pixels\. At most 25 million\."):
        prepare(BytesIO(picture((6_000, 4_200), mode="L", progressive=True)), purpose=COVER)
    assert prepare(BytesIO(picture((6_000, 4_200), mode="L")), purpose=COVER).sizes


def bomb(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that claims to be of that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "no picture"),
        (b"%PDF-1.7", "no picture"),
        (picture((64, 64), "GIF"), "no picture"),
        (picture((64, 64), "BMP"), "no picture"),
        (picture()[:2000], "damaged"),
        (picture((200, 100)), "too small: 200 × 100 pixels. At least 320 × 180."),
        (bomb(50_000, 50_000), "too large"),
        (bomb(5_001, 5_000), "At most 25 million."),
        (bomb(16_001, 400), "too large"),
        (bomb(1_000, 1_000), "damaged"),
        (b"x" * (LARGEST_FILE + 1), "at most 10 MB"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(NotAPicture, match=words.replace(".", r"\.")):
        prepare(BytesIO(content), purpose=COVER)


def test_an_owner_gives_a_cover_and_takes_it_away(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/cover/"
    answer = client.post(path, {"picture": upload(picture())})
    assert (answer.status_code, answer["Location"]) == (303, f"/console/products/{studio.course.pk}/")
    cover = Picture.objects.get()
    page = Client().get("/").content.decode()
    assert f'src="/pictures/{cover.name}-640.webp"' in page
    got = Client().get(f"/pictures/{cover.name}-640.webp")
    assert (got.status_code, got["Content-Type"], got["X-Content-Type-Options"]) == (200, "image/webp", "nosniff")
    assert got["Cache-Control"] == "public, max-age=31536000, immutable"
    assert shown(got.content).size == (640, 360)
    assert Client().get(f"/pictures/{cover.name}-640.webp", headers={"If-None-Match": got["ETag"]}).status_code == 304
    told = Activity.objects.filter(product=studio.course).latest("pk")
    assert told.details["reason"] == "gave it another cover"

    client.post(path, {"remove": "1"})
    assert "/pictures/" not in Client().get("/").content.decode()


@pytest.mark.parametrize(
    ("given", "words"),
    [({}, "Choose a file first."), ({"picture": upload(b"<svg/>", "logo.svg")}, "This is no picture")],
)
def test_what_is_wrong_with_a_file_is_said_beside_it(
    studio: Studio, owner: User, signed_in: Enter, given: dict[str, object], words: str
) -> None:
    answer = signed_in(owner).post(f"/console/products/{studio.course.pk}/cover/", given)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Picture.objects.exists()


def test_a_cover_is_shown_to_whoever_its_product_is_shown_to(
    studio: Studio, ada: User, dan: User, owner: User, signed_in: Enter
) -> None:
    address = f"/pictures/{give_cover(studio.kit).name}-320.webp"
    studio.give(ada, studio.kit)

    def seen_by(*who: Client) -> list[int]:
        return [client.get(address).status_code for client in who]

    everybody = (Client(), signed_in(dan), signed_in(ada), signed_in(owner))
    assert seen_by(*everybody) == [200, 200, 200, 200]
    Product.objects.filter(pk=studio.kit.pk).update(show_locked=False)
    assert seen_by(*everybody) == [200, 200, 200, 200]  # inside a club that everybody sees
    CollectionItem.objects.all().delete()
    assert seen_by(*everybody) == [404, 404, 200, 200]
    assert signed_in(ada).get(address)["Cache-Control"] == "private, max-age=3600"
    Product.objects.filter(pk=studio.kit.pk).update(visibility=Product.Visibility.MEMBERS)
    assert seen_by(*everybody) == [404, 200, 200, 200]
    Product.objects.filter(pk=studio.kit.pk).update(is_live=False)
    assert seen_by(*everybody) == [404, 404, 404, 200]


def test_addresses_that_show_nothing(studio: Studio) -> None:
    name = give_cover(studio.course).name
    for wrong in (f"{name}-333.webp", f"{name}-320.png", f"{name[:-1]}x-320.webp", f"{name}-320.svg"):
        assert Client().get(f"/pictures/{wrong}").status_code == 404


def test_a_copy_shares_the_picture_and_the_same_picture_is_one(studio: Studio, owner: User, signed_in: Enter) -> None:
    cover = give_cover(studio.course)
    assert give_cover(studio.kit) == cover
    assert PictureSize.objects.count() == 3
    signed_in(owner).post(f"/console/products/{studio.course.pk}/duplicate/")
    assert Product.objects.get(name="Copy of The Wheel").cover == cover


def test_a_cover_is_not_touched_by_the_same_picture_put_into_a_page(studio: Studio, owner: User) -> None:
    content = picture((1280, 720))
    cover = give_cover(studio.course, content)
    Product.objects.filter(pk=studio.kit.pk).update(show_locked=False)
    put = keep(prepare(BytesIO(content), purpose=PAGE), now=timezone.now())
    studio.kit.pictures.add(put)
    assert put != cover
    assert Client().get(f"/pictures/{cover.name}-320.webp").status_code == 200
    assert Client().get(f"/pictures/{put.name}-1280.webp").status_code == 404
    give_cover(studio.course, content)
    assert Client().get(f"/pictures/{put.name}-1280.webp").status_code == 404


def test_nobody_gives_many_pictures_at_once(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, course = signed_in(owner), f"/console/products/{studio.course.pk}"
    sent: dict[str, dict[str, str]] = {f"{course}/cover/": {}, f"{course}/pages/new/": {"insert": "1"}}
    sent["/console/settings/logo/"] = {}

    def refused(path: str) -> bool:
        answer = client.post(path, {**sent[path], "picture": upload(b"<svg/>")})
        assert answer.status_code == 422
        return "Wait a minute." in answer.content.decode()

    for path in sent:  # twice as many as a minute allows, and one: a minute may end in between
        assert any(refused(path) for _ in range(2 * MOST_PER_MINUTE + 1))


def test_what_nothing_shows_is_forgotten_after_a_day(studio: Studio) -> None:
    used = give_cover(studio.course)
    unused = give_cover(studio.kit, picture((800, 800)))
    Product.objects.filter(pk=studio.kit.pk).update(cover=None)
    tidy()
    assert Picture.objects.count() == 2
    Picture.objects.update(given_at=timezone.now() - timedelta(days=2))
    tidy()
    assert list(Picture.objects.all()) == [used]
    assert not PictureSize.objects.filter(picture=unused.pk).exists()


def test_the_library_asks_nothing_more_for_covers(
    studio: Studio, dan: User, signed_in: Enter, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for product in cast.ProductFactory.create_batch(5):
        give_cover(product)
    client = signed_in(dan)
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        assert "/pictures/" in client.get("/").content.decode()


def test_a_sales_page_names_its_cover_to_whoever_shows_a_link_to_it(studio: Studio) -> None:
    cast.SalesPageFactory(product=studio.course)
    assert "og:image" not in Client().get("/buy/wheel/").content.decode()
    name = give_cover(studio.course).name
    page = Client().get("/buy/wheel/").content.decode()
    assert f'<meta property="og:image" content="http://127.0.0.1:8000/pictures/{name}-1280.webp">' in page


def test_a_picture_is_put_into_the_words_of_a_page(
    studio: Studio, ada: User, dan: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    page = studio.pages[0]
    client, path = signed_in(owner), f"/console/products/pages/{page.pk}/"
    assert 'type="file" name="picture" accept' in client.get(path).content.decode()
    assert not re.search(r"<input type=\"file\"[^>]*required", client.get(path).content.decode())
    sent = typed(client, path, body="Before it.") | {"insert": "1", "picture": upload(picture()), "shows": "A [bowl]"}
    answer = client.post(path, sent)
    kept = Picture.objects.get()
    words = f"Before it.\n\n![A bowl](/pictures/{kept.name}-1280.webp)\n"
    assert answer.status_code == 200
    assert answer.context["form"]["body"].value() == words
    assert Page.objects.get(pk=page.pk).body == "Secret of Clay."  # nothing is saved by it
    answer = client.post(path, typed(client, path, body=words))
    assert answer.status_code == 303
    shown_in = signed_in(ada).get("/products/wheel/clay/").content.decode()
    assert f'<img src="/pictures/{kept.name}-1280.webp" alt="A bowl"' in shown_in

    address = f"/pictures/{kept.name}-1280.webp"
    everybody = (Client(), signed_in(dan), signed_in(ada), signed_in(owner))
    assert [reader.get(address).status_code for reader in everybody] == [404, 404, 200, 200]
    Product.objects.filter(pk=studio.course.pk).update(visibility=Product.Visibility.PUBLIC)
    assert Client().get(address).status_code == 200
    Product.objects.filter(pk=studio.course.pk).update(visibility=Product.Visibility.ACCESS)
    sales = cast.SalesPageFactory(product=studio.course, body=f"![]({address})")
    assert Client().get(address).status_code == 200
    sales.is_live = False
    sales.save()
    assert Client().get(address).status_code == 404
    Product.objects.filter(pk=studio.course.pk).update(description=f"![]({address})")
    assert Client().get(address).status_code == 200


def test_what_is_no_picture_is_not_put_in_and_what_was_typed_stays(
    studio: Studio, owner: User, signed_in: Enter
) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/pages/new/"
    answer = client.post(path, {"title": "Kept", "body": "Typed.", "insert": "1", "picture": upload(b"<svg/>")})
    assert answer.status_code == 422
    for words in ("This is no picture", "Typed.", 'value="Kept"'):
        assert words in answer.content.decode()
    answer = client.post(path, {"body": "Typed.", "insert": "1", "picture": upload(picture())})
    assert answer.context["form"]["body"].value().startswith("Typed.\n\n![](/pictures/")
    assert studio.course.pages.count() == 4


def test_a_picture_of_a_product_is_not_forgotten(studio: Studio, owner: User, signed_in: Enter) -> None:
    client, path = signed_in(owner), f"/console/products/{studio.course.pk}/pages/new/"
    answer = client.post(path, {"title": "x", "insert": "1", "picture": upload(picture())})
    client.post(path, {"title": "x", "body": answer.context["form"]["body"].value()})
    client.post(f"/console/products/{studio.course.pk}/duplicate/")
    Picture.objects.update(given_at=timezone.now() - timedelta(days=2))
    tidy()
    kept = Picture.objects.get()
    assert {product.name for product in kept.used_in.all()} == {"The Wheel", "Copy of The Wheel"}
