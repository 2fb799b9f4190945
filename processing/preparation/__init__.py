"""From the bytes of a picture file to the one form that every engine gets.

Whatever comes in, out goes a JPEG in sRGB, upright, at most 1024 pixels on its long edge and without metadata: a place
or a camera's serial number has no business at a remote engine. Nothing here needs Django.

`prepare` works in this process and is for files that we made ourselves. What strangers made goes to a process of its
own, with limits: `processing.preparation.pool.prepare`.
"""

from processing.preparation.canonical import difference_hash, prepare
from processing.preparation.model import (
    FORMATS,
    LONG_EDGE,
    MAX_BYTES,
    MAX_PIXELS,
    PictureRefused,
    PreparationUnavailable,
    PreparedImage,
)

__all__ = [
    "FORMATS",
    "LONG_EDGE",
    "MAX_BYTES",
    "MAX_PIXELS",
    "PictureRefused",
    "PreparationUnavailable",
    "PreparedImage",
    "difference_hash",
    "prepare",
]
