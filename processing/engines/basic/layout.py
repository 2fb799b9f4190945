"""Lines of text, and how they belong together: paragraphs, columns, and the order in which they are read."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_VALUE_LENGTH = 6  # of "1,204" or "40%": a bare figure above or below words is a value, not the next line
_LEAST_TICKS = 3  # on an axis
_UNEVEN = 1.25  # times as far apart: no longer even
_PLAIN = re.compile(r"-?\d+(?:[.,]\d+)?")
_THOUSANDS = re.compile(r"-?\d{1,3}(?:[,.\s]\d{3})+")
_NUMBER = re.compile(r"[\d.,:%+()/\s\u2212-]*\d[\d.,:%+()/\s\u2212-]*")
_RIGHT_TO_LEFT = frozenset({"R", "AL"})  # classes of Unicode's rules for writing directions


@dataclass(frozen=True)
class Line:
    """One line of text: its box in pixels, upright around whatever slant it has."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def begins_right(self) -> bool:
        """Whether it is written from right to left: most of its letters are Arabic or Hebrew."""
        letters = [unicodedata.bidirectional(character) for character in self.text if character.isalpha()]
        return 2 * sum(letter in _RIGHT_TO_LEFT for letter in letters) > len(letters)


def blocks(lines: list[Line]) -> list[list[Line]]:
    """Lines that belong together (a paragraph, a column's entry), in reading order: down, then along the row."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.top, line.left)):
        home = next((block for block in found if _continues(block[-1], line)), None)
        if home is None:
            found.append([line])
        else:
            home.append(line)
    return _in_reading_order(found)


def _in_reading_order(found: list[list[Line]]) -> list[list[Line]]:
    """Blocks whose first lines stand at about the same height are a row: read as most of its lines are written."""
    rows: list[list[list[Line]]] = []
    for block in sorted(found, key=lambda block: block[0].top):
        if rows and block[0].top < rows[-1][0][0].top + rows[-1][0][0].height / 2:
            rows[-1].append(block)
        else:
            rows.append([block])
    return [block for row in rows for block in _along(row)]


def _along(row: list[list[Line]]) -> list[list[Line]]:
    lines = [line for block in row for line in block]
    if 2 * sum(line.begins_right for line in lines) > len(lines):
        return sorted(row, key=lambda block: -block[0].right)
    return sorted(row, key=lambda block: block[0].left)


def is_number(text: str) -> bool:
    """Whether a line holds figures and nothing else: a value, an axis tick, a date."""
    return bool(_NUMBER.fullmatch(text))


def axis(lines: Sequence[Line]) -> list[Line]:
    """The ticks of an upright axis, from the top: three numbers or more below each other that fall evenly.

    Numbered lines and calendars rise downwards, prices do not change evenly.
    """
    numbers = sorted((line for line in lines if _value(line.text) is not None), key=lambda line: line.top)
    for edge in (_right, _left, _middle):
        for first in numbers:
            column = [line for line in numbers if abs(edge(line) - edge(first)) < first.height / 2]
            if len(column) >= _LEAST_TICKS and _fall_evenly(column):
                return column
    return []


def label_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Rows of three lines or more at the same height and evenly apart, as the labels below the bars of a chart."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=_left):
        row = next((row for row in rows if abs(row[0].bottom - line.bottom) < row[0].height / 2), None)
        if row is None:
            rows.append([line])
        else:
            row.append(line)
    return [row for row in rows if len(row) >= _LEAST_TICKS and _are_even([_middle(line) for line in row])]


def _left(line: Line) -> float:
    return line.left


def _right(line: Line) -> float:
    return line.right


def _middle(line: Line) -> float:
    return (line.left + line.right) / 2


def _fall_evenly(column: Sequence[Line]) -> bool:
    """Whether the values fall downwards, each by as much as the place says; a tick that was not read leaves a gap."""
    values = [_value(line.text) or 0.0 for line in column]
    places = [(line.top + line.bottom) / 2 for line in column]
    falls = [(one - other) / max(1.0, low - high) for one, other, high, low in _pairs(values, places)]
    return min(falls) > 0 and max(falls) < min(falls) * _UNEVEN


def _are_even(places: Sequence[float]) -> bool:
    gaps = [after - before for before, after in pairwise(places)]
    return min(gaps) > 0 and max(gaps) < min(gaps) * _UNEVEN


def _pairs(values: Sequence[float], places: Sequence[float]) -> Iterator[tuple[float, float, float, float]]:
    """Each value with the next, and their places."""
    for (one, other), (high, low) in zip(pairwise(values), pairwise(places), strict=True):
        yield one, other, high, low


def _value(text: str) -> float | None:
    """The number that a line consists of, "1,500" and "0,5" too; None if it is none."""
    plain = text.replace("\u2212", "-").removesuffix("%").strip()
    if _THOUSANDS.fullmatch(plain):
        plain = re.sub(r"[,.\s]", "", plain)
    return float(plain.replace(",", ".")) if _PLAIN.fullmatch(plain) else None


def _continues(above: Line, below: Line) -> bool:
    """Whether `below` is the next line of the paragraph that ends with `above`."""
    size = min(above.height, below.height)
    value = is_number(above.text) != is_number(below.text) and min(len(above.text), len(below.text)) <= _VALUE_LENGTH
    alike = max(above.height, below.height) < size * 1.4 and not value
    near = -size / 2 < below.top - above.bottom < size * 0.4
    if above.begins_right and below.begins_right:
        starts_alike = abs(above.right - below.right) < size * 1.5
    else:
        starts_alike = abs(above.left - below.left) < size * 1.5
    centred = abs(above.left + above.right - below.left - below.right) < size * 3
    return alike and near and (starts_alike or centred)
