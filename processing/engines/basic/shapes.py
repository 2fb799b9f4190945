"""Shapes in drawn pictures that tell what they are: framed panels, joined boxes, one mark, one line, an even gradient.

Every measure takes a height x width x 3 picture of at most about 1024 pixels on a side.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from processing.engines.basic.layout import Line

_INK = 40  # of 255: how far a pixel is from the paper, in one channel at least
_DARK = 110  # grey, of a panel's frame
_FAINT = 8  # of 255: as much as squeezing does to an even ground
_BLEEDS = 16  # pixels: as far as JPEG spreads the colour of a stroke
_LEAST_RUN = 24  # of 255: from the darkest to the lightest of a run of colours
_MOST_GRAIN = 1.0
_LIGHT_INK, _DARK_INK = 235, 40  # grey, of letters that stand out on anything
_LEAST_INK = 0.1  # of a line's box, for each of the two
_OUTLINE = 6  # pixels around the inside of a box that are its outline
_TOUCH = 8  # pixels from the inside of a box at which a stroke still ends at it
_THICK = 11  # pixels: whatever is thinner is a stroke and no filled box
Box = tuple[int, int, int, int]  # left, top, width, height
_BITS = 4  # of a channel, when colours are counted


def panels(rgb: npt.NDArray[np.uint8]) -> int:
    """How many framed panels stand beside and below each other, as in a comic, filling most of the picture."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    height, width = grey.shape
    found, area = 0, 0
    for top, bottom in _filled(grey, axis=1, least=height * 0.12):
        row = grey[top:bottom]
        for left, right in _filled(row, axis=0, least=width * 0.1):
            panel = row[:, left:right]
            inner = [(first, last) for first, last in _filled(panel, axis=1, least=height * 0.1)]
            if inner and _is_framed(panel[inner[0][0] : inner[-1][1]]):
                found += 1
                area += panel.size
    return found if area > grey.size * 0.5 else 0


def joined_boxes(rgb: npt.NDArray[np.uint8], lines: Sequence[Line]) -> int:
    """How many boxes with a line of text in them are joined to another by a stroke, as in a diagram."""
    ink = _ink(rgb)
    boxes = _apart(_boxes(ink, lines))
    rest = ink.copy()
    marks = np.zeros(ink.shape, dtype=np.int32)
    for number, box in enumerate(boxes, start=1):
        rest[_around(box, _OUTLINE)] = 0
        marks[_around(box, _TOUCH)] = number
    for line in lines:
        rest[int(line.top) : int(line.bottom) + 1, int(line.left) : int(line.right) + 1] = 0
    count, strokes = cv2.connectedComponents(rest, connectivity=8)
    joined: set[int] = set()
    if count <= 200:  # with more it is no drawing of boxes
        for stroke in range(1, count):
            touched, lengths = np.unique(marks[np.asarray(strokes) == stroke], return_counts=True)
            ends = set(touched.tolist()) - {0}
            if len(ends) > 1 and lengths[touched == 0].sum() >= _TOUCH:
                joined |= ends
    return len(joined)


def is_one_mark(rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether one compact thing in two or three flat colours stands in the middle of an even ground."""
    ink = _ink(rgb)
    height, width = ink.shape
    left, top, across, down = cv2.boundingRect(ink)
    centred = abs(left + across / 2 - width / 2) < width * 0.1 and abs(top + down / 2 - height / 2) < height * 0.1
    free = left > width * 0.03 and top > height * 0.03 and left + across < width * 0.97 and top + down < height * 0.97
    compact = across > 0 and down > 0 and 0.4 < across / down < 2.5 and across * down > width * height * 0.08
    return centred and free and compact and _colours(rgb) <= 3


def is_plain(rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether it is all of one colour, without the smallest or faintest thing on it."""
    return bool((_off_paper(rgb) <= _FAINT).all())


def is_one_line(rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether nothing but one level line or bar, of one colour all along, stands on an even ground: a divider."""
    ink = _ink(rgb)
    if not ink.any():
        return False
    left, top, across, down = cv2.boundingRect(ink)
    long = across > 12 * down and across > ink.shape[1] * 0.4 and down < max(12, ink.shape[0] * 0.2)
    rest = _off_paper(rgb)
    rest[_around((left, top, across, down), _BLEEDS)] = 0
    along = rgb[top + down // 2, left + 3 : left + across - 3].astype(np.int16)
    changes = np.abs(along - np.median(along, axis=0)).max() if along.size else 0
    return bool(long and changes <= _INK and (rest <= _FAINT).all())


def are_outlined(rgb: npt.NDArray[np.uint8], lines: Sequence[Line]) -> bool:
    """Whether most lines of text are light letters with a dark edge, on a ground that is neither."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    outlined = 0
    for line in lines:
        rows = slice(max(0, int(line.top)), int(line.bottom) + 1)
        box = grey[rows, max(0, int(line.left)) : int(line.right) + 1]
        edges = np.concatenate([box[0], box[-1]])
        light, dark = (box > _LIGHT_INK).mean(), (box < _DARK_INK).mean()
        ground = ((edges <= _LIGHT_INK) & (edges >= _DARK_INK)).mean()
        outlined += bool(min(light, dark) > _LEAST_INK and ground > 0.5)
    return 2 * outlined > len(lines)


def is_gradient(rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether the colours run into each other so evenly that a curve of the second degree says all of them."""
    small = np.asarray(cv2.resize(rgb, (48, 48), interpolation=cv2.INTER_AREA), dtype=np.float64).reshape(-1, 3)
    y, x = (axis.ravel() / 24 - 1 for axis in np.mgrid[0:48, 0:48])
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    curve, *_rest = np.linalg.lstsq(terms, small, rcond=None)
    most = np.ptp(small, axis=0).max()  # of less than that nobody sees that it is one, and any dark photograph is
    is_curve = float(np.abs(terms @ curve - small).max()) < min(6, most * 0.1)
    return is_curve and most >= _LEAST_RUN and _grain(rgb) < _MOST_GRAIN


def _grain(rgb: npt.NDArray[np.uint8]) -> float:
    """What differs between neighbours, in steps of 255: a lens leaves some, a program none."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float32)
    return float(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 2)).mean())


def _off_paper(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    """How far each pixel is from the colour at the picture's border, in the channel where it is farthest."""
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    paper = np.median(border, axis=0).astype(np.int16)
    return np.asarray(np.abs(rgb.astype(np.int16) - paper).max(axis=2), dtype=np.int16)


def _ink(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """255 where a pixel is not of the colour that stands at the picture's border."""
    return np.asarray(_off_paper(rgb) > _INK, dtype=np.uint8) * np.uint8(255)


def _colours(rgb: npt.NDArray[np.uint8]) -> int:
    """How many colours cover at least one part in a hundred each, beside what the edges between them blend to."""
    reduced = (rgb >> (8 - _BITS)).astype(np.int32)
    codes = (reduced[..., 0] << 2 * _BITS) | (reduced[..., 1] << _BITS) | reduced[..., 2]
    _values, counts = np.unique(codes, return_counts=True)
    return int((counts > codes.size * 0.01).sum())


def _filled(grey: npt.NDArray[np.uint8], axis: int, least: float) -> Iterator[tuple[int, int]]:
    """The stretches of rows (axis 1) or columns (axis 0) that are not light all along, if at least so long."""
    drawn = (grey < 200).sum(axis=axis) > 2
    ends = np.flatnonzero(np.diff(np.concatenate([[False], drawn, [False]]).astype(np.int8)))
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        if end - start >= least:
            yield int(start), int(end)


def _is_framed(panel: npt.NDArray[np.uint8]) -> bool:
    """Whether dark runs along all four sides, within the few pixels at each of them."""
    sides = (panel[:5], panel[-5:], panel[:, :5].T, panel[:, -5:].T)
    return all(float((side.min(axis=0) < _DARK).mean()) > 0.9 for side in sides)


def _boxes(ink: npt.NDArray[np.uint8], lines: Sequence[Line]) -> list[Box]:
    """Rectangles, ovals and rhombs with text in them: the insides of outlined ones, and filled ones."""
    solid = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((_THICK, _THICK), np.uint8))
    shapes = list(cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0])
    outlines, tree = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    shapes += [outline for outline, links in zip(outlines, tree[0], strict=True) if links[3] >= 0] if outlines else []
    least, most = ink.size * 0.004, ink.size * 0.3
    even = [_rectangle(shape) for shape in shapes if least < cv2.contourArea(shape) < most and _is_even(shape)]
    kept: list[Box] = []
    for box in sorted(set(even), key=lambda box: box[2] * box[3]):
        if any(_within(line, box) for line in lines) and not any(_overlaps(box, other) for other in kept):
            kept.append(box)
    return kept


def _rectangle(shape: cv2.typing.MatLike) -> Box:
    left, top, width, height = cv2.boundingRect(shape)
    return left, top, width, height


def _is_even(shape: cv2.typing.MatLike) -> bool:
    """Without dents; a rectangle fills its box, an oval three quarters of it, a rhombus half."""
    _left, _top, width, height = _rectangle(shape)
    area = cv2.contourArea(shape)
    without_dents = area > 0.9 * cv2.contourArea(cv2.convexHull(shape))
    return without_dents and area > 0.45 * width * height and min(width, height) > 16


def _around(box: Box, margin: int) -> tuple[slice, slice]:
    left, top, width, height = box
    rows = slice(max(0, top - margin), top + height + margin)
    return rows, slice(max(0, left - margin), left + width + margin)


def _overlaps(box: Box, other: Box) -> bool:
    across = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    down = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    return across > 0 and down > 0


def _apart(boxes: list[Box]) -> list[Box]:
    """Those without a close neighbour: the others are cells of a table, or buttons side by side."""
    near = 2 * _OUTLINE
    grown = [(left - near, top - near, width + 2 * near, height + 2 * near) for left, top, width, height in boxes]
    return [
        box
        for number, box in enumerate(boxes)
        if not any(_overlaps(grown[number], other) for place, other in enumerate(boxes) if place != number)
    ]


def _within(line: Line, box: Box) -> bool:
    across, down = (line.left + line.right) / 2, (line.top + line.bottom) / 2
    return box[0] < across < box[0] + box[2] and box[1] < down < box[1] + box[3]
