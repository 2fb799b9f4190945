"""What the server must know of an uploaded picture: type, size as it is shown, and a small preview."""

import io
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageOps

PREVIEW_PIXELS = 230_400  # as Mastodon: 640 x 360
MATRIX_LIMIT = 33_177_600  # pixels, as Mastodon
SIZE_LIMIT = 16 * 1024 * 1024  # bytes, as Mastodon
REMEMBERED_SIZE = 512 * 1024
TYPES = {
    "JPEG": ("image/jpeg", "jpg"),
    "MPO": ("image/jpeg", "jpg"),
    "PNG": ("image/png", "png"),
    "GIF": ("image/gif", "gif"),
    "WEBP": ("image/webp", "webp"),
}


class NotAPicture(Exception):
    """The upload is refused; the text is Mastodon's."""


@dataclass(frozen=True)
class Facts:
    """Sizes are in pixels, after turning by EXIF."""

    content_type: str
    extension: str
    width: int
    height: int
    has_alpha: bool
    preview: bytes
    preview_width: int
    preview_height: int

    @property
    def preview_extension(self) -> str:
        """The preview is a PNG where the picture may be transparent, otherwise a JPEG."""
        return "png" if self.has_alpha else "jpg"


def inspect(data: bytes) -> Facts:
    """Look at an upload. Raises NotAPicture for anything that Mastodon would refuse."""
    return _remembered(data) if len(data) <= REMEMBERED_SIZE else _inspect(data)


def _inspect(data: bytes) -> Facts:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.format not in TYPES:
                raise NotAPicture("Validation failed: File content type is invalid, File is invalid")
            if picture.width * picture.height > MATRIX_LIMIT:
                raise NotAPicture(f"{picture.width}x{picture.height} images are not supported")
            content_type, extension = TYPES[picture.format]
            shown = ImageOps.exif_transpose(picture)
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise NotAPicture("Validation failed: File content type is invalid, File is invalid") from error

    preview, has_alpha = _preview(shown)
    encoded = io.BytesIO()
    preview.save(encoded, "PNG") if has_alpha else preview.save(encoded, "JPEG", quality=85)
    return Facts(
        content_type, extension, shown.width, shown.height, has_alpha, encoded.getvalue(), preview.width, preview.height
    )


_remembered = lru_cache(maxsize=64)(_inspect)  # tests seed the same sample pictures again and again


def _preview(picture: Image.Image) -> tuple[Image.Image, bool]:
    """A copy of at most PREVIEW_PIXELS, and whether it may be transparent."""
    has_alpha = picture.has_transparency_data
    preview = picture.convert("RGBA" if has_alpha else "RGB")
    shrink = (PREVIEW_PIXELS / (preview.width * preview.height)) ** 0.5
    if shrink < 1:
        preview = preview.resize((max(1, round(preview.width * shrink)), max(1, round(preview.height * shrink))))
    return preview, has_alpha
