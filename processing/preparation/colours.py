"""From every mode and colour space that the readers give to opaque sRGB."""

import io

from PIL import Image, ImageCms

_DARK = (48, 48, 48)  # behind a transparent picture that is itself white


def to_srgb(image: Image.Image) -> Image.Image:
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
