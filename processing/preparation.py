"""From the bytes of a picture file to the one form that every engine gets.

Whatever comes in, out goes a JPEG in sRGB, upright, at most 1024 pixels on its long edge and without metadata: a place
or a camera's serial number has no business at a remote engine. Nothing here needs Django.
"""

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass

from PIL import Image, ImageCms, UnidentifiedImageError

MAX_BYTES = 40 * 1024 * 1024  # GoToSocial's default limit, the largest that we know of
MAX_PIXELS = 50_000_000  # Mastodon's own limit is 33.2 million
LONG_EDGE = 1024
JPEG_QUALITY = 85
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})  # the frames of the others are pages or previews
_DARK = (48, 48, 48)  # behind a transparent picture that is itself white
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
# First bytes of files that no reader took although they look like a supported format.
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"RIFF": "WEBP",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
# ISO media files name their kind in bytes 8 to 12.
_CONTAINERS = {
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"isom": "Video",
    b"iso2": "Video",
    b"mp41": "Video",
    b"mp42": "Video",
    b"qt  ": "Video",
}
# What Pillow's readers raise on damaged files (found by flipping bits and cutting files of every format).
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
)

# Pillow warns on standard error of large pictures and odd metadata; what matters of that is a PictureRefused here.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PictureRefused(Exception):
    """This file cannot be described, now or later. `reason` is one line for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class PreparedImage:
    """A picture ready for an engine, with what is known of the original file."""

    jpeg: bytes  # sRGB, quality 85, long edge at most 1024 pixels, first frame, no metadata
    width: int  # of the original, in pixels, after its orientation was applied
    height: int
    format: str  # of the original: one of FORMATS
    frames: int  # 1 unless the original is an animation
    sha256: str  # of the original bytes, 64 hex digits
    perceptual_hash: str  # dHash of what is seen, 16 hex digits; near-duplicates differ in a few bits
    more_frames: tuple[bytes, ...] = ()  # of an animation: the middle and the last frame, as `jpeg`


def prepare(data: bytes) -> PreparedImage:
    """Check and convert the file `data`. Raises PictureRefused; sizes are checked before anything is decoded."""
    image = _open(data)
    picture_format = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with a second view behind it
    try:
        orientation = _orientation(image)
        width, height = image.size[::-1] if orientation >= 5 else image.size
        frames = _count_frames(image, picture_format)
        picture = _to_srgb(_first_frame(image))
    except MemoryError as error:
        raise PictureRefused("The picture needs more memory than there is.") from error
    except _DAMAGED as error:
        raise PictureRefused(f"The {picture_format} file is damaged or cut short.") from error
    finally:
        image.close()

    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    return PreparedImage(
        jpeg=_jpeg(picture),
        width=width,
        height=height,
        format=picture_format,
        frames=frames,
        sha256=hashlib.sha256(data).hexdigest(),
        perceptual_hash=difference_hash(picture),
    )


def difference_hash(image: Image.Image) -> str:
    """The 64-bit dHash as 16 hex digits, bit for bit that of the ImageHash library.

    Each bit says whether a point of a 9 x 8 miniature is brighter than its left neighbour.
    """
    miniature = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            left = row * 9 + column
            bits = bits << 1 | (miniature[left + 1] > miniature[left])
    return f"{bits:016x}"


def _open(data: bytes) -> Image.Image:
    """Read the header only. Raises PictureRefused for what must never be decoded."""
    if not data:
        raise PictureRefused("The file is empty.")
    if len(data) > MAX_BYTES:
        raise PictureRefused(f"The file is larger than {MAX_BYTES // 1024**2} MiB.")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRefused(f"The picture has too many pixels (the limit is {MAX_PIXELS:,}).") from error
    except UnidentifiedImageError as error:
        raise PictureRefused(_why_unreadable(data)) from error
    except _DAMAGED as error:
        raise PictureRefused("The file is damaged or cut short.") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise PictureRefused(f"The picture has too many pixels: {width:,} x {height:,} (the limit is {MAX_PIXELS:,}).")
    return image


def _why_unreadable(data: bytes) -> str:
    """One line on a file that no reader took, from its first bytes."""
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return f"The {name} file is damaged or cut short, or of a kind that is not supported."
    if start[4:12] in {b"ftypavif", b"ftypavis"}:
        return "The AVIF file is damaged or cut short."
    if start[4:8] == b"ftyp" and start[8:12] in _CONTAINERS:
        return f"{_CONTAINERS[start[8:12]]} files are not supported: give one of {', '.join(FORMATS)}."
    lowered = start.lower()
    if b"<svg" in lowered:
        return f"SVG drawings are not supported: give one of {', '.join(FORMATS)}."
    if lowered.startswith((b"<!doctype html", b"<html")):
        return "This is a web page, not a picture."
    return f"The file is not a picture in a supported format ({', '.join(FORMATS)})."


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if there is none or the metadata is broken (the picture may be fine)."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except _DAMAGED:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _count_frames(image: Image.Image, picture_format: str) -> int:
    """How many frames an animation has, without decoding them; those before the cut if the file is cut short."""
    return int(getattr(image, "n_frames", 1)) if picture_format in _ANIMATED else 1


def _first_frame(image: Image.Image) -> Image.Image:
    """Decode the first frame, no larger than needed, in a mode that resizing and colour conversion understand."""
    image.draft(None, (LONG_EDGE, LONG_EDGE))  # JPEG: decode at a fraction of the size, twice as fast and more
    image.load()
    if image.mode in {"1", "P", "PA", "LA", "La", "RGBa"} or (
        image.mode in {"L", "RGB"} and image.has_transparency_data
    ):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I;16"):
        # 16 bits to 8. Pillow's own conversion cuts at 255, which makes such a picture all white.
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")
    elif image.mode in {"I", "F"}:
        image = _stretch_to_grey(image)
    image.thumbnail((LONG_EDGE, LONG_EDGE), Image.Resampling.LANCZOS)
    return image


def _stretch_to_grey(image: Image.Image) -> Image.Image:
    """Map 32-bit measurements, which have no agreed white, from their own darkest and brightest value to 0 and 255."""
    low, high = (float(value) for value in image.convert("F").getextrema())  # type: ignore[arg-type]
    scale = 255 / (high - low) if high > low else 0.0
    return image.convert("F").point(lambda value: value * scale + -low * scale).convert("L")


def _to_srgb(image: Image.Image) -> Image.Image:
    """Convert to sRGB, by the embedded profile if it is usable. Behind transparency lies white, or dark if need be."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    profile = image.info.get("icc_profile")
    opaque = image.convert("RGB") if alpha else image
    converted = _by_profile(opaque, profile) if profile else None
    if converted is None:
        converted = _from_lab(opaque) if opaque.mode == "LAB" else opaque.convert("RGB")
    if alpha is None:
        return converted
    paper = Image.new("RGB", converted.size, _DARK if _is_white_where_visible(converted, alpha) else "white")
    paper.paste(converted, mask=alpha)
    return paper


def _is_white_where_visible(image: Image.Image, alpha: Image.Image) -> bool:
    """Whether white paper would make the picture vanish: a white logo made for dark pages."""
    grey = image.convert("L")
    visible = grey.histogram(alpha.point(lambda value: 255 if value > 32 else 0))
    return sum(visible) > 0 and sum(visible[:230]) < 0.02 * sum(visible) and min(alpha.tobytes()) <= 32


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """None if the profile is broken or meant for another colour mode: the plain conversion is close enough then."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


def _from_lab(image: Image.Image) -> Image.Image:
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    if converted is None:
        raise ValueError("no conversion from LAB")
    return converted


def _jpeg(image: Image.Image) -> bytes:
    clean = Image.frombytes("RGB", image.size, image.tobytes())  # a fresh image carries no metadata along
    buffer = io.BytesIO()
    clean.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
