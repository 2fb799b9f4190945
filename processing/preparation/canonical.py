"""The one form of a picture: decode no more than is needed, turn it upright, shrink it, convert it, leave the rest."""

import hashlib
import io
from dataclasses import replace

from PIL import Image

from processing.preparation.animation import count_frames, frames_to_show
from processing.preparation.colours import to_srgb
from processing.preparation.model import DAMAGED, LONG_EDGE, PictureRefused, PreparedImage
from processing.preparation.opening import format_of, open_header

JPEG_QUALITY = 85
# A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, which costs less than to decode and shrink it. Where that gives
# a long edge between these two it is taken as it is: 1008 pixels of the 4032 of a telephone's picture.
LONG_EDGE_ENOUGH = 1000

_ORIENTATION = 0x0112  # EXIF tag; the values below are those of the EXIF 2.3 specification
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def prepare(data: bytes) -> PreparedImage:
    """Check and convert the file `data`. Raises PictureRefused; sizes are checked before anything is decoded."""
    return replace(convert(data), sha256=hashlib.sha256(data).hexdigest())


def convert(data: bytes) -> PreparedImage:
    """`prepare` without the digest of the file, which whoever holds the bytes can make meanwhile."""
    image = open_header(data)
    picture_format = format_of(image)
    try:
        orientation = _orientation(image)
        width, height = image.size[::-1] if orientation >= 5 else image.size
        frames = count_frames(image, picture_format, data)
        picture = _upright(to_srgb(_decoded(image)), orientation)
        more = _more_frames(image, frames_to_show(frames, image.size), orientation) if frames > 1 else ()
    except MemoryError as error:
        raise PictureRefused("The picture needs more memory than there is.") from error
    except (Image.DecompressionBombError, *DAMAGED) as error:
        raise PictureRefused(f"The {picture_format} file is damaged or cut short.") from error
    finally:
        image.close()
    return PreparedImage(
        jpeg=_jpeg(picture),
        width=width,
        height=height,
        format=picture_format,
        frames=frames,
        sha256="",
        perceptual_hash=difference_hash(picture),
        more_frames=more,
    )


def difference_hash(image: Image.Image) -> str:
    """The 64-bit dHash as 16 hex digits: that of the ImageHash library, but for a bit here and there that is a tie.

    Each bit says whether a point of a 9 x 8 miniature is brighter than its left neighbour. The picture is averaged down
    to 16 times the miniature before, in a quarter of the time.
    """
    miniature = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS, reducing_gap=16.0).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            left = row * 9 + column
            bits = bits << 1 | (miniature[left + 1] > miniature[left])
    return f"{bits:016x}"


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or the metadata is broken (the picture may be fine)."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except DAMAGED:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _more_frames(image: Image.Image, numbers: list[int], orientation: int) -> tuple[bytes, ...]:
    """Later frames of an animation, as far as they can be read: what is cut short shows what there is."""
    found = []
    try:
        for number in numbers:
            image.seek(number)
            found.append(_jpeg(_upright(to_srgb(_decoded(image)), orientation)))
    except (MemoryError, Image.DecompressionBombError, *DAMAGED):
        return tuple(found)
    return tuple(found)


def _decoded(image: Image.Image) -> Image.Image:
    """Decode the present frame into a new, small picture, in a mode that colour conversion understands."""
    image.draft(None, draft_size(image.size))  # JPEG only
    image.load()
    if image.mode.startswith("I;16"):
        # 16 bits to 8. Pillow's own conversion cuts at 255, which makes such a picture all white.
        return _shrunk(image).convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")
    if image.mode in {"I", "F"}:
        return _stretched_to_grey(image)
    if image.mode in {"1", "P", "PA", "LA", "La", "RGBa"} or (
        image.mode in {"L", "RGB"} and image.has_transparency_data
    ):
        return _shrunk(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    return _shrunk(image)


def draft_size(size: tuple[int, int]) -> tuple[int, int]:
    """The smallest size at which a JPEG can be decoded and is large enough."""
    scale = next((scale for scale in (8, 4, 2) if max(size) / scale >= LONG_EDGE_ENOUGH), 1)
    return max(1, size[0] // scale), max(1, size[1] // scale)


def _shrunk(image: Image.Image) -> Image.Image:
    """A new picture that is no longer than LONG_EDGE; the given one, from which frames may still be read, stays."""
    longest = max(image.size)
    if longest <= LONG_EDGE:
        return image.copy()
    width, height = (max(1, round(length * LONG_EDGE / longest)) for length in image.size)
    gap = None if image.mode.startswith("I;16") else 3.0  # Pillow cannot reduce those
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=gap)


def _stretched_to_grey(image: Image.Image) -> Image.Image:
    """Map 32-bit measurements, which have no agreed white, from their own darkest and brightest value to 0 and 255."""
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    scale = 255 / (high - low) if high > low else 0.0
    return _shrunk(image).convert("F").point(lambda value: value * scale + -low * scale).convert("L")


def _jpeg(image: Image.Image) -> bytes:
    clean = Image.new("RGB", image.size)  # a fresh image carries no metadata along
    clean.paste(image)
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
