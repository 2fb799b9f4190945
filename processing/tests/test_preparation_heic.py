"""HEIC, where the optional package of requirements-heic.txt is installed; and what is said where it is not."""

import io
from unittest import mock

import pytest
from PIL import Image, ImageDraw

from processing.preparation import PictureRefused, opening, pool, prepare

try:
    import pillow_heif
except ImportError:
    pillow_heif = None

with_package = pytest.mark.skipif(pillow_heif is None, reason="pillow-heif is not installed (requirements-heic.txt)")
HEADER = b"\x00\x00\x00\x18ftypheic" + bytes(40)


def heic() -> bytes:
    """A turned picture, red where its top left is seen, with a camera's name."""
    pillow_heif.register_heif_opener()
    image = Image.new("RGB", (2000, 1000), "white")
    ImageDraw.Draw(image).rectangle((0, 0, 400, 200), fill="red")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "canary", 6
    buffer = io.BytesIO()
    image.save(buffer, "HEIF", exif=exif.tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_without_the_package_it_says_what_to_install(brand: bytes) -> None:
    with mock.patch.object(opening, "can_read_heic", return_value=False), pytest.raises(PictureRefused) as caught:
        prepare(HEADER.replace(b"heic", brand))
    assert "requirements-heic.txt" in caught.value.reason


@with_package
def test_it_becomes_the_same_jpeg_as_everything_else() -> None:
    data = heic()
    assert b"canary" in data
    picture = pool.prepare(data)
    assert (picture.format, picture.width, picture.height, picture.frames) == ("HEIC", 1000, 2000, 1)
    assert b"canary" not in picture.jpeg
    with Image.open(io.BytesIO(picture.jpeg)) as image:
        assert image.size == (512, 1024)
        corner = image.convert("RGB").getpixel((500, 10))
    assert isinstance(corner, tuple)
    assert corner[0] > 200 > 100 > corner[1]


@with_package
def test_one_that_is_cut_short_is_refused() -> None:
    data = heic()
    with pytest.raises(PictureRefused, match="HEIC file is damaged or cut short"):
        pool.prepare(data[: len(data) // 2])
    with pytest.raises(PictureRefused, match="HEIC file is damaged or cut short"):
        pool.prepare(HEADER)
