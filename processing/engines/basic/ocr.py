"""Reading text in pictures with the PP-OCRv6 models that lie in rapidocr's wheel: no download, no server.

The settings are those measured best on two cores: 19 of 20 pictures exact at 0.7 seconds each.
"""

import re
import threading
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vedfolnir.lib.text import clean_alt_text

MIN_SCORE = 0.9  # below it, what the model cannot read (Greek, Korean, Arabic …) comes out as garbage
_FLECK_LENGTH = 2  # a line of so few characters …
_FLECK_AREA = 0.02  # … on so much of the picture is a shape, not text: a cup is read as "8"
_VALUE_LENGTH = 6  # of "1,204" or "40%": a bare figure above or below words is a value, not the next line
_TRACE_AREA = 0.003  # of the picture, from which on text that could not be read is worth a word

# Scripts that the model reads well. It reads no others, and what looks like them in its answers is invented.
_COVERED = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH")
_VOWEL = re.compile("[aeiouy]")
_IDEOGRAPH = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_IDEOGRAPHS = re.compile("[\u3041-\u30ff\u3400-\u9fff]{2}")
_ICONS = re.compile("[\u2190-\u2bff]|^\\( ")  # arrows, circled digits, shapes: what icons are read as
_STRAY = " :;,|>"  # before a line: what is left of an icon
_NUMBER = re.compile(r"[\d.,:%+()/\s\u2212-]*\d[\d.,:%+()/\s\u2212-]*")


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


@dataclass(frozen=True)
class Reading:
    """The lines that can be quoted, and those where text seems to be that cannot."""

    lines: list[Line]
    unreadable: list[Line]


def read(rgb: npt.NDArray[np.uint8]) -> Reading:
    """Read a height x width x 3 picture. Without a single real word nothing counts as text.

    Loads the models at the first call of the process (about a second).
    """
    found = _Reader.shared().read(rgb)
    lines = [line for line, score in found if score >= MIN_SCORE and _quotable(line, rgb)]
    if not any(_IDEOGRAPHS.search(line.text) for line in lines):
        lines = [line for line in lines if not _IDEOGRAPH.search(line.text)]  # one alone is an icon: a bell, a battery
    if not any(_has_word(line.text) for line in lines):
        lines = []
    read_well = {id(line) for line in lines}
    missed = [line for line, _score in found if id(line) not in read_well]
    return Reading(lines, [line for line in missed if _is_trace(line, rgb)])


def blocks(lines: list[Line]) -> list[list[Line]]:
    """Lines that belong together (a paragraph, a column's entry), in reading order: down, then to the right."""
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.top, line.left)):
        home = next((block for block in found if _continues(block[-1], line)), None)
        if home is None:
            found.append([line])
        else:
            home.append(line)
    return _in_reading_order(found)


def _in_reading_order(found: list[list[Line]]) -> list[list[Line]]:
    """Blocks whose first lines stand at about the same height are read from left to right."""
    rows: list[list[list[Line]]] = []
    for block in sorted(found, key=lambda block: block[0].top):
        if rows and block[0].top < rows[-1][0][0].top + rows[-1][0][0].height / 2:
            rows[-1].append(block)
        else:
            rows.append([block])
    return [block for row in rows for block in sorted(row, key=lambda block: block[0].left)]


def is_number(text: str) -> bool:
    """Whether a line holds figures and nothing else: a value, an axis tick, a date."""
    return bool(_NUMBER.fullmatch(text))


def _continues(above: Line, below: Line) -> bool:
    """Whether `below` is the next line of the paragraph that ends with `above`."""
    size = min(above.height, below.height)
    value = is_number(above.text) != is_number(below.text) and min(len(above.text), len(below.text)) <= _VALUE_LENGTH
    alike = max(above.height, below.height) < size * 1.4 and not value
    near = -size / 2 < below.top - above.bottom < size * 0.4
    starts_alike = abs(above.left - below.left) < size * 1.5
    centred = abs(above.left + above.right - below.left - below.right) < size * 3
    return alike and near and (starts_alike or centred)


def _quotable(line: Line, rgb: npt.NDArray[np.uint8]) -> bool:
    letters = [character for character in line.text if character.isalnum()]
    if len(line.text) <= _FLECK_LENGTH and _area(line, rgb) > _FLECK_AREA:
        return False
    if not letters or (len(letters) == 1 and not letters[0].isdigit() and not _IDEOGRAPH.match(letters[0])):
        return False  # a letter alone is an icon, or tells nothing
    return all(_covered(character) for character in letters)


def _is_trace(line: Line, rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether there seems to be text where none was read: something long and not too small."""
    elongated = line.right - line.left > 2.5 * line.height
    return elongated and _area(line, rgb) > _TRACE_AREA and len(line.text) != 1


def _area(line: Line, rgb: npt.NDArray[np.uint8]) -> float:
    """The line's share of the picture, 0 to 1."""
    return (line.right - line.left) * line.height / float(rgb.shape[0] * rgb.shape[1])


def _covered(character: str) -> bool:
    return not character.isalpha() or unicodedata.name(character, "").startswith(_COVERED)


def _has_word(text: str) -> bool:
    """Whether `text` holds a word: three letters with a vowel among them, or two ideographs or kana."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    words = re.findall(r"[^\W\d_]{3,}", plain)
    return any(_VOWEL.search(word) for word in words) or bool(_IDEOGRAPHS.search(text))


class _Reader:
    """rapidocr behind a lock: its object keeps state between steps."""

    _instance: "_Reader | None" = None
    _creating = threading.Lock()

    @classmethod
    def shared(cls) -> "_Reader":
        with cls._creating:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def __init__(self) -> None:
        import rapidocr  # loads onnxruntime and OpenCV: only where text is really read

        models = Path(rapidocr.__file__).parent / "models"
        self._lock = threading.Lock()
        self._ocr = rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",  # it logs to a console handler of its own
                "Global.use_cls": False,
                "Det.limit_type": "max",
                "Det.limit_side_len": 960,
                # Named files are used as they are; without a name it would try to download what it misses.
                "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
                "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def read(self, rgb: npt.NDArray[np.uint8]) -> list[tuple[Line, float]]:
        """The lines found, with scores from 0 to 1; where no letter was made out, empty lines of score 0."""
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])  # as OpenCV has it
        with self._lock:
            result: Any = self._ocr(bgr, use_rec=True)
            texts = result.txts or ()
            if any(character.isalnum() for text in texts for character in text):
                found = zip(texts, result.boxes, result.scores, strict=True)
                return [(_line(text, box), float(score)) for text, box, score in found]
            places: Any = self._ocr(bgr, use_rec=False)  # what came out empty was left out above
        return [(_line("", box), 0.0) for box in places.boxes] if places.boxes is not None else []


def _line(text: str, box: npt.NDArray[np.float32]) -> Line:
    left, top = (float(value) for value in box.min(axis=0))
    right, bottom = (float(value) for value in box.max(axis=0))
    return Line(" ".join(_ICONS.sub(" ", clean_alt_text(text)).split()).lstrip(_STRAY), left, top, right, bottom)
