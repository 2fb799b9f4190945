"""Lines of text, and how they belong together: paragraphs, columns, and the order in which they are read."""

import re
import unicodedata
from dataclasses import dataclass

_VALUE_LENGTH = 6  # of "1,204" or "40%": a bare figure above or below words is a value, not the next line
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
