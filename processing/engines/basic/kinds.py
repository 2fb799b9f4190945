"""Telling what kind of picture it looks like: rules of thumb over flatness, lines, colours and the layout of text.

The thresholds were set on about 120 pictures (photographs, wallpapers, screenshots, charts); what comes out is
"looks like", never "is". Maps and paintings are not told at all: no rule over such measures knows a map from a chart
with many labels, or a painting from a photograph.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from captions.kinds import Kind as Category
from processing.engines.basic.layout import Line, axis, is_number
from processing.engines.basic.ocr import Reading
from processing.engines.basic.shapes import (
    are_outlined,
    is_gradient,
    is_one_line,
    is_one_mark,
    is_plain,
    joined_boxes,
    panels,
)

_BLOCK = 4  # pixels on a side of the squares whose evenness is looked at
_PERCENT = re.compile(r"\d\s?%")
_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}")
_FRAME = 0.04  # of a side: what runs along the edge within it frames the picture
_MOST_LABELS = 40  # lines of text in a diagram
_LIGHT = frozenset({"white", "light grey", "beige"})


class Kind(StrEnum):
    """What a picture looks like, in finer words than the categories that are stored."""

    PHOTO = "photo"
    CUT_OUT = "cut-out"  # something, a thing or a drawing rich in tones, on one even colour
    SOFT = "soft"  # no clear edges anywhere: a blurred photograph
    GRADIENT = "gradient"
    SCREENSHOT = "screenshot"
    CHART = "chart"
    DIAGRAM = "diagram"
    COMIC = "comic"
    MEME = "meme"
    DOCUMENT = "document"  # a page of text
    TEXT = "text"  # some words on a background: a card, a slide
    LOGO = "logo"
    GRAPHIC = "graphic"
    DIVIDER = "divider"
    BLANK = "blank"

    @property
    def category(self) -> Category:
        return _CATEGORIES.get(self) or Category(self.value)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that a reader would miss."""
        return self in {Kind.BLANK, Kind.DIVIDER, Kind.GRADIENT}


_CATEGORIES = {
    Kind.CUT_OUT: Category.OTHER,
    Kind.SOFT: Category.OTHER,
    Kind.GRAPHIC: Category.DRAWING,
    Kind.GRADIENT: Category.DECORATIVE,
    Kind.DIVIDER: Category.DECORATIVE,
    Kind.BLANK: Category.DECORATIVE,
}


@dataclass(frozen=True)
class Look:
    """What the rules go by. Shares are of the picture's area, 0 to 1."""

    even: float  # squares of exactly one colour: drawn by a program rather than seen by a lens
    nearly_even: float  # squares that are almost so
    rest_even: float  # even squares among those that do not show the commonest colour
    commonest: float  # share of the commonest exact colour
    edges: float
    straight_lines: int  # long ones, upright or level, other than a frame around the picture
    is_grey: bool  # no colour but black, white and what lies between


def look_at(rgb: npt.NDArray[np.uint8]) -> Look:
    """Measure a height x width x 3 picture of at most about 1024 pixels on a side."""
    spread = _spread_in_squares(rgb)
    code = (rgb[..., 0].astype(np.int32) << 16) | (rgb[..., 1].astype(np.int32) << 8) | rgb[..., 2]
    values, counts = np.unique(code, return_counts=True)
    commonest = values[counts.argmax()]
    corner = code[: spread.shape[0] * _BLOCK : _BLOCK, : spread.shape[1] * _BLOCK : _BLOCK]
    elsewhere = (corner != commonest) | (spread > 1)
    edges = np.asarray(cv2.Canny(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), 60, 150), dtype=np.uint8)
    chroma = rgb.max(axis=2).astype(np.int16) - rgb.min(axis=2)
    return Look(
        even=float((spread <= 1).mean()),
        nearly_even=float((spread <= 14).mean()),
        rest_even=float(((spread <= 1) & elsewhere).sum() / max(1, elsewhere.sum())),
        commonest=float(counts.max() / code.size),
        edges=float((edges > 0).mean()),
        straight_lines=_straight_lines(edges),
        is_grey=float(np.percentile(chroma, 99.5)) < 12,
    )


def kind_of(
    rgb: npt.NDArray[np.uint8],
    look: Look,
    reading: Reading,
    colours: list[tuple[str, float]],
    *,
    has_code: bool = False,
) -> Kind:
    """Judge a picture by what was measured, the text read, the named colours and whether a QR or bar code is in it."""
    size = (rgb.shape[1], rgb.shape[0])
    lines, cover = reading.lines, _cover(reading.lines, size)
    drawn = _is_drawn(look)
    if not lines:
        if drawn and _cover(reading.unreadable, size) >= 0.02:
            return Kind.TEXT
        return kind_without_text(rgb, look, untouched=not (reading.unreadable or has_code), has_code=has_code)
    made = _made_of_shapes(rgb, look, lines, cover) if drawn else None
    if made:
        return made
    if _is_page(lines, cover, colours) and (look.straight_lines < 4 or cover >= 0.4):
        return Kind.DOCUMENT
    if not drawn and _is_meme(lines, size) and (look.nearly_even < 0.85 or are_outlined(rgb, lines)):
        return Kind.MEME
    return _kind_with_text(look, lines, cover, size)


def _made_of_shapes(rgb: npt.NDArray[np.uint8], look: Look, lines: list[Line], cover: float) -> Kind | None:
    """What its shapes tell of a drawn picture with text."""
    if panels(rgb) >= 2:
        return Kind.COMIC
    if _is_chart(look, lines, cover):
        return Kind.CHART
    return Kind.DIAGRAM if len(lines) <= _MOST_LABELS and joined_boxes(rgb, lines) >= 3 else None


def _kind_with_text(look: Look, lines: list[Line], cover: float, size: tuple[int, int]) -> Kind:
    framed = len(lines) >= 2 and (look.straight_lines >= 4 or _has_status_bar(lines, size))
    if _is_drawn(look) and (framed or (len(lines) >= 6 and _columns(lines, size[0]) >= 3)):
        return Kind.SCREENSHOT
    if _is_drawn(look) or (cover >= 0.03 and look.nearly_even >= 0.85) or cover >= 0.5:
        return Kind.TEXT
    return Kind.PHOTO


def kind_without_text(rgb: npt.NDArray[np.uint8], look: Look, *, untouched: bool, has_code: bool = False) -> Kind:
    """Judge a picture in which nothing can be read; `untouched` if nothing in it even looks like text or a code."""
    if untouched and is_plain(rgb):
        return Kind.BLANK
    if untouched and look.commonest >= 0.5 and is_one_line(rgb):
        return Kind.DIVIDER
    if _is_drawn(look) and (look.rest_even >= 0.2 or look.commonest >= 0.8):
        return Kind.LOGO if look.commonest >= 0.3 and not has_code and is_one_mark(rgb) else Kind.GRAPHIC
    if untouched and look.edges <= 0.0005 and is_gradient(rgb):
        return Kind.GRADIENT
    if look.edges <= 0.003 and look.nearly_even >= 0.9:
        return Kind.SOFT
    return Kind.CUT_OUT if look.even >= 0.2 and look.commonest >= 0.2 else Kind.PHOTO


def _is_drawn(look: Look) -> bool:
    return look.even >= 0.3 and look.commonest >= 0.2


def _has_status_bar(lines: list[Line], size: tuple[int, int]) -> bool:
    """Whether the time of day stands at the very top of something upright, as on a telephone."""
    width, height = size
    return height > width and any(line.bottom < 0.06 * height and _CLOCK.fullmatch(line.text) for line in lines)


def _is_meme(lines: list[Line], size: tuple[int, int]) -> bool:
    """Large capitals in the middle of the top or the bottom, and hardly another word."""
    width, height = size
    large = [line for line in lines if line.height > 0.05 * height and _is_capitals(line.text)]
    placed = [
        line
        for line in large
        if (line.bottom < 0.35 * height or line.top > 0.65 * height)
        and abs(line.left + line.right - width) < 0.3 * width
    ]
    return bool(placed) and len(lines) <= 8 and len(placed) >= 0.6 * len(lines)


def _is_capitals(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return len(letters) >= 4 and sum(character.isupper() for character in letters) >= 0.9 * len(letters)


def _cover(lines: list[Line], size: tuple[int, int]) -> float:
    return sum((line.right - line.left) * line.height for line in lines) / (size[0] * size[1])


def _is_chart(look: Look, lines: list[Line], cover: float) -> bool:
    """Few words along straight lines, many of them numbers or some the ticks of an axis; or several percentages."""
    percentages = sum(bool(_PERCENT.search(line.text)) for line in lines)
    numbers = sum(is_number(line.text) or bool(_PERCENT.search(line.text)) for line in lines)
    few_words = 4 <= len(lines) <= 45 and cover < 0.1
    enough = numbers >= 3 and (numbers >= 0.4 * len(lines) or bool(axis(lines)))
    return few_words and enough and (look.straight_lines >= 2 or percentages >= 3)


def _is_page(lines: list[Line], cover: float, colours: list[tuple[str, float]]) -> bool:
    """Several lines that begin below each other, on something light."""
    light = sum(share for name, share in colours if name in _LIGHT)
    lefts = np.array([line.left for line in lines])
    heights = np.array([line.height for line in lines])
    aligned = float((np.abs(lefts - np.median(lefts)) < 2 * np.median(heights)).mean())
    return len(lines) >= 5 and light >= 0.6 and cover >= 0.05 and aligned >= 0.7


def _columns(lines: list[Line], width: int) -> int:
    """How many clearly different left edges the lines have, headings in the middle left out."""
    lefts = sorted(line.left for line in lines if abs(line.left + line.right - width) > 0.04 * width)
    return 1 + sum(right - left > 0.05 * width for left, right in pairwise(lefts))


def _spread_in_squares(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """The largest difference in a channel within each square of the picture; a remainder at the edges is left out."""
    height, width = max(1, rgb.shape[0] // _BLOCK), max(1, rgb.shape[1] // _BLOCK)
    used = np.resize(rgb, (height * _BLOCK, width * _BLOCK, 3)) if min(rgb.shape[:2]) < _BLOCK else rgb
    squares = used[: height * _BLOCK, : width * _BLOCK].reshape(height, _BLOCK, width, _BLOCK, 3)
    spread: npt.NDArray[np.int16] = squares.max(axis=(1, 3)).astype(np.int16) - squares.min(axis=(1, 3))
    return np.asarray(spread.max(axis=2), dtype=np.int16)


def _straight_lines(edges: npt.NDArray[np.uint8]) -> int:
    shortest = int(min(edges.shape) * 0.35)
    found = cv2.HoughLinesP(edges, 1, np.pi / 180, 80, minLineLength=shortest, maxLineGap=3)
    if found is None:
        return 0
    ends = found.reshape(-1, 2, 2)  # of each line, its two ends as x and y
    size = np.array([edges.shape[1], edges.shape[0]])
    level = np.abs(ends[:, 0] - ends[:, 1]) < 3  # in x: it stands upright
    at_edge = ((ends < _FRAME * size) | (ends > (1 - _FRAME) * size)).all(axis=1)
    return int((level & ~at_edge).any(axis=1).sum())
