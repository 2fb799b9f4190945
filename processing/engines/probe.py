"""The built-in picture that a health check has described: a blue square on white."""

import hashlib
import io
from functools import cache

from PIL import Image, ImageDraw

from processing.engines.base import EngineRequest
from processing.preparation import PreparedImage

SIDE = 224  # pixels; what the smallest vision models take, and nothing for any other

PROBE_REQUEST = EngineRequest(language="en", max_length=300)


@cache
def probe_picture() -> PreparedImage:
    """Drawn once in each process."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(picture).rectangle((56, 56, 168, 168), fill=(20, 60, 220))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    jpeg = buffer.getvalue()
    return PreparedImage(
        jpeg=jpeg,
        width=SIDE,
        height=SIDE,
        format="JPEG",
        frames=1,
        sha256=hashlib.sha256(jpeg).hexdigest(),
        perceptual_hash="0" * 16,
    )
