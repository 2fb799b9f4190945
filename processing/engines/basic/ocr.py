"""Reading text in pictures with the PP-OCRv6 models that lie in rapidocr's wheel: no download, no server.

The settings are those measured best on two cores: 19 of 20 pictures exact at 0.7 seconds each. They find text in any
script and read Latin, Japanese and Chinese; what is left goes to `scripts`.
"""

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from processing.engines.basic import twins
from processing.engines.basic.codes import Area
from processing.engines.basic.layout import Line
from processing.engines.basic.scripts import UNKNOWN, Unread, read_other_scripts
from vedfolnir.lib.text import clean_alt_text

MIN_SCORE = 0.9  # below it, what the model cannot read (Greek, Korean, Arabic …) comes out as garbage
_FLECK_LENGTH = 2  # a line of so few characters …
_FLECK_AREA = 0.02  # … on so much of the picture is a shape, not text: a cup is read as "8"
_TRACE_AREA = 0.003  # of the picture, from which on text that could not be read is worth a word
_LEAST_HEIGHT = 10  # pixels
_LEAST_MARKS = 2  # letters or their parts in a box: the edge of a band, or a single stroke, is none
_SPECK = 0.004  # of a line's height squared: what is smaller is grain
_EVEN = 24  # of 255: how much the ground between the letters of a short word may vary
_STROKES = "\u4e00Il1"  # what a ruled line is read as

# Scripts that the model reads well. It reads no others, and what looks like them in its answers is invented.
_COVERED = ("LATIN", "CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "FULLWIDTH")
_VOWEL = re.compile("[aeiouy]")
_IDEOGRAPH = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_IDEOGRAPHS = re.compile("[\u3041-\u30ff\u3400-\u9fff]{2}")
_ICONS = re.compile("[\u2190-\u2bff]|^\\( ")  # arrows, circled digits, shapes: what icons are read as
_STRAY = " :;,|>"  # before a line: what is left of an icon


@dataclass(frozen=True)
class Found:
    """One line as it was found: `corners` (4 x 2) clockwise from the top left of the text; `score` from 0 to 1."""

    line: Line
    corners: npt.NDArray[np.float32]
    score: float


@dataclass(frozen=True)
class Reading:
    """The lines that can be quoted, those where text seems to be that cannot, and the scripts of these: "Arabic"."""

    lines: list[Line]
    unreadable: list[Line]
    scripts: tuple[str, ...] = ()  # "unknown" for what cannot be named; empty only if `unreadable` is


def read(rgb: npt.NDArray[np.uint8], codes: Sequence[Area] = (), language: str = "") -> Reading:
    """Read a height x width x 3 picture. Without a single real word nothing counts as text.

    What seems to be text within one of `codes` is a part of that code and none. `language` is the post's, for letters
    that several scripts share. Loads the models at the first call of
    the process (about a second).
    """
    found = [each for each in _Reader.shared().read(rgb) if not any(_is_within(each.line, area) for area in codes)]
    quotable = [each for each in found if each.score >= MIN_SCORE and _quotable(each.line, rgb)]
    if not any(_IDEOGRAPHS.search(each.line.text) for each in quotable):  # one alone is an icon: a bell, a battery
        quotable = [each for each in quotable if not _IDEOGRAPH.search(each.line.text)]
    has_words = any(_has_word(each.line.text) for each in quotable)
    read_well = {id(each) for each in quotable} if has_words else set()
    missed = [each for each in found if id(each) not in read_well and _may_be_text(each.line, rgb)]
    other = read_other_scripts(rgb, [_unread(each, rgb) for each in missed])
    lines = _settled(rgb, quotable, other.lines, language) if has_words else []
    doubtful = [line for line in lines if not line.text]
    return Reading(
        [*(line for line in lines if line.text), *other.lines],
        [*doubtful, *other.unreadable],
        other.scripts or ((UNKNOWN,) if doubtful else ()),
    )


def _settled(rgb: npt.NDArray[np.uint8], quotable: list[Found], beside: list[Line], language: str) -> list[Line]:
    """The lines in the script that they are of; without their text where that cannot be told."""
    doubtful = [each for each in quotable if twins.is_doubtful(each.line.text)]
    wanted = twins.main_script([line.text for line in beside]) or twins.script_of_language(language)
    said = twins.settle(rgb, [each.line.text for each in doubtful], [each.corners for each in doubtful], wanted)
    texts = {id(each): text for each, text in zip(doubtful, said, strict=True)}
    return [replace(each.line, text=texts.get(id(each), each.line.text)) for each in quotable]


def _is_within(line: Line, area: Area) -> bool:
    across, down = (line.left + line.right) / 2, (line.top + line.bottom) / 2
    return area[0] < across < area[2] and area[1] < down < area[3]


def _quotable(line: Line, rgb: npt.NDArray[np.uint8]) -> bool:
    letters = [character for character in line.text if character.isalnum()]
    if len(line.text) <= _FLECK_LENGTH and _area(line, rgb) > _FLECK_AREA:
        return False
    if not letters or (len(letters) == 1 and not letters[0].isdigit() and not _IDEOGRAPH.match(letters[0])):
        return False  # a letter alone is an icon, or tells nothing
    return all(_covered(character) for character in letters)


def _is_trace(line: Line, rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether there seems to be text where none was read: several marks side by side, a short word on even ground."""
    is_stroke = len(line.text) == 1 and (line.text in _STROKES or not line.text.isalnum())
    if is_stroke or _area(line, rgb) <= _TRACE_AREA or line.right - line.left <= line.height:
        return False
    marks, unevenness = _marks(line, rgb)
    elongated = line.right - line.left > 2.5 * line.height
    return marks >= _LEAST_MARKS and (elongated or unevenness <= _EVEN)


def _marks(line: Line, rgb: npt.NDArray[np.uint8]) -> tuple[int, float]:
    """How many separate marks are in the line's box, and how far apart the greys of the ground around them are."""
    rows, columns = (
        slice(max(0, int(line.top)), int(line.bottom) + 1),
        slice(max(0, int(line.left)), int(line.right) + 1),
    )
    grey = np.asarray(cv2.cvtColor(rgb[rows, columns], cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    _level, light = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    edge = np.concatenate([light[0], light[-1], light[:, 0], light[:, -1]])
    ink = light if edge.mean() < 127 else cv2.bitwise_not(light)
    _count, _names, facts, _centres = cv2.connectedComponentsWithStats(ink)
    found = facts[1:]
    letters = (found[:, cv2.CC_STAT_AREA] > _SPECK * line.height**2) & (
        found[:, cv2.CC_STAT_WIDTH] < 0.9 * ink.shape[1]
    )
    low, high = np.percentile(grey[np.asarray(ink) == 0], [10, 90]) if (np.asarray(ink) == 0).any() else (0, 255)
    return int(letters.sum()), float(high - low)


def _may_be_text(line: Line, rgb: npt.NDArray[np.uint8]) -> bool:
    """Whether it is worth a try with other scripts."""
    return line.right - line.left > line.height >= _LEAST_HEIGHT and _area(line, rgb) > _TRACE_AREA / 2


def _unread(each: Found, rgb: npt.NDArray[np.uint8]) -> Unread:
    return Unread(each.line, each.corners, is_ours=_is_ours(each.line), is_trace=_is_trace(each.line, rgb))


def _is_ours(line: Line) -> bool:
    """Whether it is a script that the model reads, although this line was read badly."""
    is_covered = all(_covered(character) for character in line.text)
    return is_covered and _has_word(line.text) and not twins.is_doubtful(line.text)


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

    def read(self, rgb: npt.NDArray[np.uint8]) -> list[Found]:
        """The lines found; where no letter was made out, empty ones of score 0."""
        bgr = np.ascontiguousarray(rgb[:, :, ::-1])  # as OpenCV has it
        with self._lock:
            places: Any = self._ocr(bgr, use_rec=False)
            if places.boxes is None:
                return []
            # Asked for both steps at once it leaves out the lines that it found and could not read.
            read: Any = self._ocr.recognize_txt(self._ocr.crop_text_regions(bgr, places.boxes))
        found = zip(read.txts, places.boxes, read.scores, strict=True)
        return [_found(text, np.asarray(corners, dtype=np.float32), float(score)) for text, corners, score in found]


def _found(text: str, corners: npt.NDArray[np.float32], score: float) -> Found:
    left, top = (float(value) for value in corners.min(axis=0))
    right, bottom = (float(value) for value in corners.max(axis=0))
    clean = " ".join(_ICONS.sub(" ", clean_alt_text(text)).split()).lstrip(_STRAY)
    return Found(Line(clean, left, top, right, bottom), corners, score)
