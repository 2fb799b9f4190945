"""All that the basic engine finds in one picture."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from captions.kinds import Kind as Category
from processing.engines.base import EngineRefused, Examination
from processing.engines.basic.codes import Code, find_codes, read_codes
from processing.engines.basic.colours import colour_shares
from processing.engines.basic.faces import count_faces
from processing.engines.basic.kinds import Kind, Look, kind_of, kind_without_text, look_at
from processing.engines.basic.layout import Line, axis, blocks, label_rows
from processing.engines.basic.ocr import read
from processing.preparation import PreparedImage

_LEAST_SHARE = 0.15  # of the picture, for a colour to be named
_LEAST_SIDE = 32  # pixels, so that every library has something to work on


@dataclass(frozen=True)
class Seen:
    """What was found. `paragraphs` are in reading order; `unreadable` are scripts, "Arabic" or "unknown"."""

    kind: Kind
    is_grey: bool
    colours: list[str]
    faces: int
    paragraphs: list[str]
    unreadable: tuple[str, ...]
    codes: list[Code]

    @property
    def is_decorative(self) -> bool:
        """Whether a reader would miss nothing. Never with text, a code, or anything that might be a thing."""
        return self.kind.is_empty and not (self.paragraphs or self.unreadable or self.codes)


def see(image: PreparedImage, language: str = "") -> Seen:
    """Look at a picture; most of the time goes into reading. `language` is the post's, or the one wanted.

    Raises EngineRefused if the libraries cannot work on it.
    """
    try:
        return _see(_pixels(image.jpeg), language)
    except cv2.error as error:
        raise EngineRefused("The basic engine cannot work on a picture of this shape.") from error


def recall(image: PreparedImage, examined: Examination) -> Seen:
    """What `see` found in this picture before, from its examination: nothing is read again.

    Raises as `see` does.
    """
    rgb = _pixels(image.jpeg)
    try:
        look = look_at(rgb)
        codes = read_codes(rgb)
        return Seen(
            kind=_kind_again(rgb, look, examined, has_code=bool(codes)),
            is_grey=look.is_grey,
            colours=list(examined.colours),
            faces=examined.faces,
            paragraphs=examined.visible_text.splitlines(),
            unreadable=examined.unreadable,
            codes=codes,
        )
    except cv2.error as error:
        raise EngineRefused("The basic engine cannot work on a picture of this shape.") from error


def _see(rgb: npt.NDArray[np.uint8], language: str) -> Seen:
    codes = find_codes(rgb)
    reading = read(rgb, [area for _code, area in codes], language)
    shares = colour_shares(rgb)
    look = look_at(rgb)
    kind = kind_of(rgb, look, reading, shares, has_code=bool(codes))
    return Seen(
        kind=kind,
        is_grey=look.is_grey,
        colours=[name for name, share in shares[:2] if share >= _LEAST_SHARE],
        faces=count_faces(rgb) if kind in {Kind.PHOTO, Kind.MEME} else 0,  # elsewhere faces are found that are none
        paragraphs=[" ".join(line.text for line in block) for block in _blocks(reading.lines, kind)],
        unreadable=reading.scripts,
        codes=list(dict.fromkeys(code for code, _area in codes)),
    )


def _blocks(lines: list[Line], kind: Kind) -> list[list[Line]]:
    """In reading order; of a chart the title and the legend first, then each of what stands along its axes."""
    if kind is not Kind.CHART:
        return blocks(lines)
    along = [line for row in (*label_rows(lines), axis(lines)) for line in row]
    return [*blocks([line for line in lines if line not in along]), *([line] for line in along)]


def _kind_again(rgb: npt.NDArray[np.uint8], look: Look, examined: Examination, *, has_code: bool) -> Kind:
    """The finer kind: several of them share a category only where there is no text."""
    if examined.kind in {Category.PHOTO, Category.OTHER, Category.DRAWING, Category.DECORATIVE}:
        untouched = not (examined.visible_text or examined.unreadable or has_code)
        kind = kind_without_text(rgb, look, untouched=untouched, has_code=has_code)
        if kind.category == examined.kind:
            return kind
    same = (kind for kind in Kind if kind.category == examined.kind)
    return next(same, Kind.PHOTO)


def _pixels(jpeg: bytes) -> npt.NDArray[np.uint8]:
    """Height x width x 3. A sliver is widened with its own edge, so that every library has something to work on."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        rgb = np.asarray(picture.convert("RGB"))
    missing = [max(0, _LEAST_SIDE - side) for side in rgb.shape[:2]]
    if any(missing):
        rgb = np.pad(rgb, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return rgb
