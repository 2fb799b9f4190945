"""Files that are made to do harm to whoever opens them, each small and quickly made, and what is to become of them."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from processing.tests.pictures import encoded, gradient, noise, png_header

REFUSED, PREPARED, EITHER = "refused", "prepared", "either"


@dataclass(frozen=True)
class Hostile:
    name: str
    make: Callable[[], bytes]
    becomes: str  # REFUSED; PREPARED where it is a picture all the same, of which only our own copy goes on
    says: str = ""  # part of the reason, in a refusal


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, *before: bytes, bits: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [_chunk(b"IHDR", header), *before, _chunk(b"IDAT", data), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _zeros(count: int) -> bytes:
    """So many zeros, packed as small as it gets."""
    packer, block = zlib.compressobj(1), bytes(1024**2)
    packed = [packer.compress(block[: min(len(block), count - start)]) for start in range(0, count, len(block))]
    return b"".join([*packed, packer.flush()])


def _png_flood(side: int) -> bytes:
    """A whole picture of one colour: tiny as a file, and every byte of it is there."""
    return _png(side, side, data=_zeros(side * (3 * side + 1)))


def _png_text_bomb() -> bytes:
    bomb = b"Comment\x00\x00" + _zeros(200 * 1024**2)
    return _png(8, 8, *[_chunk(b"zTXt", bomb)] * 4, data=zlib.compress(bytes(8 * 25)))


def _png_profile_bomb() -> bytes:
    return _png(8, 8, _chunk(b"iCCP", b"profile\x00\x00" + _zeros(300 * 1024**2)), data=zlib.compress(bytes(8 * 25)))


def _png_too_much_data() -> bytes:
    """Eight pixels wide, and two hundred megabytes for them."""
    return _png(8, 8, data=_zeros(200 * 1024**2))


def _apng_that_lies(frames: int) -> bytes:
    return _png(64, 64, _chunk(b"acTL", struct.pack(">II", frames, 0)), data=zlib.compress(bytes(64 * 193)))


def _gif(width: int, height: int, frames: int, size: int = 1) -> bytes:
    """An animation of so many frames, each of `size` x `size` pixels on a screen of another size."""
    one = b"\x21\xf9\x04\x09\x01\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, size, size, 0)
    data = b"\x02\x02\x44\x01\x00"  # LZW: a clear code, one pixel, the end
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + (one + data) * frames + b"\x3b"


def _gif_that_grows() -> bytes:
    """A small first frame, and a second one that is said to lie far outside."""
    first = _gif(8, 8, 1)[:-1]
    return first + b"\x2c" + struct.pack("<HHHHB", 60_000, 60_000, 5_000, 5_000, 0) + b"\x02\x02\x44\x01\x00\x3b"


def _frames(picture_format: str, count: int, size: tuple[int, int] = (32, 32)) -> bytes:
    frames = [Image.new("RGB", size, (number % 256, number // 256, 90)) for number in range(count)]
    return encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=20)


def _avif_without_clock() -> bytes:
    """Frames whose times count in parts of no second: a division by zero in Pillow's reader."""
    data = bytearray(_frames("AVIF", 3))
    for box in (b"mvhd", b"mdhd"):
        start = data.index(box) + 4
        times = 8 if data[start] else 4  # bytes, of the two dates before it
        clock = start + 4 + 2 * times
        data[clock : clock + 4] = bytes(4)
    return bytes(data)


def _webp_header(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little")
    body += (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _jpeg_header(width: int, height: int) -> bytes:
    """A JPEG that says in its header that it is larger than it is."""
    data = encoded(gradient((64, 64)), "JPEG")
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def _jpeg_of_many_scans() -> bytes:
    """A progressive JPEG whose last scan is there three hundred times: each is decoded all over the picture."""
    data = encoded(noise((400, 400)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 300 + data[-2:]


def _bmp(width: int, height: int, compression: int = 0) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + header + bytes(1024) + b"\x00\x01" * 200


def _tiff(*tags: tuple[int, int, int, int]) -> bytes:
    """A little-endian TIFF of these entries: tag, type, count, value."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\x00" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + bytes(4) + bytes(64)


def _tiff_of(width: int, height: int, *more: tuple[int, int, int, int]) -> bytes:
    plain = ((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
    return _tiff(*plain, *more)


def _tiff_that_turns_back() -> bytes:
    """Its second page is its first one again."""
    data = bytearray(encoded(gradient((40, 40)), "TIFF"))
    start = struct.unpack_from("<I", data, 4)[0]
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    return bytes(data)


def _html_in_jpeg() -> bytes:
    return encoded(gradient(), "JPEG", comment=b"<html><script>alert(1)</script></html>")


def _zip_behind_png() -> bytes:
    return encoded(gradient()) + b"PK\x03\x04" + bytes(200) + b"<?php system($_GET['c']); ?>"


def _bad_profile() -> bytes:
    """A colour profile that says it has four billion entries."""
    profile = struct.pack(">I", 200) + b"lcms" + struct.pack(">I", 0x02100000) + b"mntrRGB XYZ " + bytes(104)
    return encoded(gradient(), "JPEG", icc_profile=profile + b"\xff\xff\xff\xff" + bytes(68))


def _exif_bomb() -> bytes:
    """EXIF whose only entry claims to be four gigabytes long and whose directory points at itself."""
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x010E, 2, 0xFFFFFFF0, 8)
    exif = b"Exif\x00\x00II*\x00" + struct.pack("<I", 8) + struct.pack("<H", 2) + entry + struct.pack("<I", 8)
    return encoded(gradient(), "JPEG", exif=exif)


def _half(picture_format: str) -> bytes:
    data = encoded(noise(), picture_format)
    return data[: len(data) // 2]


SVG = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'
_FLOOD, _BROKEN = "too many pixels", "damaged or cut short"

CORPUS = (
    Hostile("PNG of 10,000 x 10,000", lambda: _png_flood(10_000), REFUSED, _FLOOD),
    Hostile("PNG of 196 million pixels", lambda: _png_flood(14_000), REFUSED, _FLOOD),
    Hostile("PNG that claims 2,147,483,647 x 1", lambda: png_header(2**31 - 1, 1), REFUSED, _FLOOD),
    Hostile("PNG of 0 x 0", lambda: png_header(0, 0), REFUSED),
    Hostile("PNG with gigabytes of comment", _png_text_bomb, EITHER),
    Hostile("PNG with a colour profile of 300 MB", _png_profile_bomb, EITHER),
    Hostile("PNG with 200 MB for 64 pixels", _png_too_much_data, EITHER),
    Hostile("PNG of 16 bits, 20,000 x 20,000", lambda: _png(20_000, 20_000, bits=16, colour=6), REFUSED, _FLOOD),
    Hostile("APNG of four billion frames that are not there", lambda: _apng_that_lies(2**32 - 1), EITHER),
    Hostile("APNG of 2,000 frames", lambda: _frames("PNG", 2000), PREPARED),
    Hostile("GIF of 1,000,000 frames", lambda: _gif(64, 64, 1_000_000), PREPARED),
    Hostile("GIF of 5,000 frames on 7,000 x 7,000", lambda: _gif(7000, 7000, 5000), PREPARED),
    Hostile("GIF of 65,535 x 65,535", lambda: _gif(65_535, 65_535, 2), REFUSED, _FLOOD),
    Hostile("GIF whose second frame is far outside", _gif_that_grows, EITHER),
    Hostile("WebP of 1,000 frames", lambda: _frames("WEBP", 1000), PREPARED),
    Hostile("WebP of 16,777,216 x 256", lambda: _webp_header(2**24, 256), REFUSED),
    Hostile("WebP of 16,383 x 16,383", lambda: _webp_header(16_383, 16_383), REFUSED),
    Hostile("AVIF of 300 frames", lambda: _frames("AVIF", 300), PREPARED),
    Hostile("AVIF whose frames count in no time", _avif_without_clock, REFUSED, _BROKEN),
    Hostile("JPEG that claims 65,500 x 65,500", lambda: _jpeg_header(65_500, 65_500), REFUSED, _FLOOD),
    Hostile("JPEG that claims 7,000 x 7,000", lambda: _jpeg_header(7_000, 7_000), EITHER),
    Hostile("JPEG of three hundred scans", _jpeg_of_many_scans, EITHER),
    Hostile("BMP of 2,147,483,647 x 2,147,483,647", lambda: _bmp(2**31 - 1, 2**31 - 1), REFUSED),
    Hostile("BMP of 7,000 x 7,000 in 2 kB", lambda: _bmp(7_000, 7_000), REFUSED, _BROKEN),
    Hostile("BMP of 7,000 x 7,000, run-length encoded", lambda: _bmp(7_000, 7_000, compression=1), EITHER),
    Hostile("TIFF of 4,294,967,295 x 4,294,967,295", lambda: _tiff_of(2**32 - 1, 2**32 - 1), REFUSED),
    Hostile("TIFF with a tag of four billion values", lambda: _tiff_of(64, 64, (273, 4, 2**32 - 1, 8)), REFUSED),
    Hostile("TIFF with four billion rows in a strip", lambda: _tiff_of(64, 64, (278, 4, 1, 2**32 - 1)), REFUSED),
    Hostile("TIFF with 65,535 samples in a pixel", lambda: _tiff_of(64, 64, (277, 3, 1, 65_535)), REFUSED),
    Hostile("TIFF without anything", _tiff, REFUSED),
    Hostile("TIFF whose pages go round in a circle", _tiff_that_turns_back, PREPARED),
    *(
        Hostile(f"half a {picture_format}", partial(_half, picture_format), REFUSED, _BROKEN)
        for picture_format in ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF")
    ),
    Hostile("SVG that calls itself a PNG", lambda: SVG, REFUSED, "SVG drawings"),
    Hostile("SVG with the first bytes of a PNG", lambda: b"\x89PNG\r\n\x1a\n" + SVG, REFUSED),
    Hostile("web page that calls itself a picture", lambda: b"<html><script>alert(1)</script>", REFUSED, "web page"),
    Hostile("web page inside a JPEG", _html_in_jpeg, PREPARED),
    Hostile("archive and PHP behind a PNG", _zip_behind_png, PREPARED),
    Hostile("colour profile with four billion entries", _bad_profile, PREPARED),
    Hostile("EXIF of four gigabytes that points at itself", _exif_bomb, PREPARED),
    Hostile("PostScript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n", REFUSED),
    Hostile("packed zeros", lambda: _zeros(10 * 1024**3 // 1024), REFUSED),
    Hostile("a megabyte of zeros", lambda: bytes(1024**2), REFUSED),
    Hostile("nothing", lambda: b"", REFUSED, "empty"),
    Hostile("one byte", lambda: b"\xff", REFUSED),
    Hostile("forty megabytes and a byte", lambda: bytes(40 * 1024**2 + 1), REFUSED, "larger than"),
)
