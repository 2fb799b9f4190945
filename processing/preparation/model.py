"""What preparation takes, gives and raises. Standard library only."""

import struct
import zlib
from dataclasses import dataclass

MAX_BYTES = 40 * 1024 * 1024  # GoToSocial's default limit, the largest that we know of
MAX_PIXELS = 50_000_000  # Mastodon's own limit is 33.2 million
LONG_EDGE = 1024  # pixels, at most
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")
# Read as well where the pillow-heif package is installed (requirements-heic.txt).
HEIC = "HEIC"

# What Pillow's readers raise on damaged files (found by flipping bits and cutting files of every format).
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


class PictureRefused(Exception):
    """This file cannot be described, now or later. `reason` is one line for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PreparationUnavailable(Exception):
    """Again later: nothing is known to be wrong with the picture. `reason` is one line for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class PreparedImage:
    """A picture ready for an engine, with what is known of the original file."""

    jpeg: bytes  # sRGB, quality 85, long edge at most 1024 pixels, first frame, no metadata
    width: int  # of the original, in pixels, after its orientation was applied
    height: int
    format: str  # of the original: one of FORMATS, or HEIC
    frames: int  # 1 unless the original is an animation; those of very long ones are not counted to the end
    sha256: str  # of the original bytes, 64 hex digits
    perceptual_hash: str  # dHash of what is seen, 16 hex digits; near-duplicates differ in a few bits
    more_frames: tuple[bytes, ...] = ()  # of an animation: the middle and the last frame, as `jpeg`
