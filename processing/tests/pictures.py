"""Pictures that the tests of this package draw for themselves."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from processing.preparation import PreparedImage, prepare


def encoded(image: Image.Image, picture_format: str = "PNG", **options: Any) -> bytes:
    """`image` as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, picture_format, **options)
    return buffer.getvalue()


def card(
    text: str, *, background: str = "white", ink: str = "black", size: tuple[int, int] = (900, 500)
) -> Image.Image:
    """Some lines of large text on an even background."""
    image = Image.new("RGB", size, background)
    ImageDraw.Draw(image).multiline_text((60, 80), text, fill=ink, font=ImageFont.load_default(56), spacing=20)
    return image


def bar_chart() -> Image.Image:
    image = Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(image)
    draw.text((200, 20), "Instances by software", fill="black", font=ImageFont.load_default(36))
    draw.line((100, 520, 860, 520), fill="black", width=3)
    draw.line((100, 80, 100, 520), fill="black", width=3)
    for index, (name, value) in enumerate([("Mastodon", 40), ("Pixelfed", 30), ("Pleroma", 20)]):
        left = 150 + index * 240
        draw.rectangle((left, 520 - value * 10, left + 130, 520), fill=("red", "green", "blue")[index])
        draw.text((left, 535), name, fill="black", font=ImageFont.load_default(28))
        draw.text((left + 40, 480 - value * 10), str(value), fill="black", font=ImageFont.load_default(30))
    for tick in range(0, 41, 10):
        draw.text((50, 505 - tick * 10), str(tick), fill="black", font=ImageFont.load_default(24))
    return image


def gradient(size: tuple[int, int] = (300, 200)) -> Image.Image:
    """Dark at the left, light at the right: turning and mirroring it shows."""
    return Image.linear_gradient("L").rotate(90).resize(size).convert("RGB")


def noise(size: tuple[int, int] = (300, 200)) -> Image.Image:
    return Image.effect_noise(size, 60).convert("RGB")


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no picture: whoever decodes it, or allocates for it, is found out."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def prepared(image: Image.Image) -> PreparedImage:
    return prepare(encoded(image))
