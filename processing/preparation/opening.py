"""The header of a picture file: what it is, and whether it may be decoded at all."""

import io
import warnings
from importlib.util import find_spec

from PIL import Image, UnidentifiedImageError

from processing.preparation.model import DAMAGED, FORMATS, HEIC, MAX_BYTES, MAX_PIXELS, PictureRefused

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
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_VIDEO_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"M4V ", b"qt  "}
_NAMES = {"MPO": "JPEG", "HEIF": HEIC}  # what Pillow calls them; MPO: a JPEG with a second view behind it

# Pillow warns on standard error of large pictures and odd metadata; what matters of that is a PictureRefused here.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_header(data: bytes) -> Image.Image:
    """Read the header only. Raises PictureRefused for what must never be decoded."""
    if not data:
        raise PictureRefused("The file is empty.")
    if len(data) > MAX_BYTES:
        raise PictureRefused(f"The file is larger than {MAX_BYTES // 1024**2} MiB.")
    try:
        image = Image.open(io.BytesIO(data), formats=_formats_for(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureRefused(f"The picture has too many pixels (the limit is {MAX_PIXELS:,}).") from error
    except UnidentifiedImageError as error:
        raise PictureRefused(_why_unreadable(data)) from error
    except MemoryError as error:
        raise PictureRefused("The picture needs more memory than there is.") from error
    except DAMAGED as error:
        raise PictureRefused("The file is damaged or cut short.") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise PictureRefused(f"The picture has too many pixels: {width:,} x {height:,} (the limit is {MAX_PIXELS:,}).")
    return image


def format_of(image: Image.Image) -> str:
    """One of FORMATS, or HEIC."""
    return _NAMES.get(str(image.format), str(image.format))


def can_read_heic() -> bool:
    """Whether the optional package is installed."""
    return find_spec("pillow_heif") is not None


def _formats_for(data: bytes) -> tuple[str, ...]:
    """The readers that may look at the file. That of HEIC, which takes time to load, only at what says it is one."""
    if not _is_heic(data) or not can_read_heic():
        return FORMATS
    import pillow_heif  # optional, and slow to load

    pillow_heif.options.DECODE_THREADS = 1  # threads would not fit under the memory limit of the worker
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def _why_unreadable(data: bytes) -> str:
    """One line on a file that no reader took, from its first bytes."""
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return f"The {name} file is damaged or cut short, or of a kind that is not supported."
    if start[4:8] == b"ftyp":
        return _why_no_container(start[8:12])
    lowered = start.lower()
    if b"<svg" in lowered:
        return f"SVG drawings are not supported: give one of {', '.join(FORMATS)}."
    if lowered.startswith((b"<!doctype html", b"<html")):
        return "This is a web page, not a picture."
    return f"The file is not a picture in a supported format ({', '.join(FORMATS)})."


def _why_no_container(brand: bytes) -> str:
    """The same for an ISO media file of this brand."""
    if brand in _AVIF_BRANDS:
        return "The AVIF file is damaged or cut short."
    if brand in _HEIC_BRANDS and can_read_heic():
        return "The HEIC file is damaged or cut short."
    if brand in _HEIC_BRANDS:
        return (
            f"HEIC files are not supported here: give one of {', '.join(FORMATS)}, or have the operator install "
            "requirements-heic.txt."
        )
    if brand in _VIDEO_BRANDS:
        return f"Video files are not supported: give one of {', '.join(FORMATS)}."
    return f"The file is not a picture in a supported format ({', '.join(FORMATS)})."
