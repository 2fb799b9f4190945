"""Reading the lines whose script the models in the wheel do not know, and naming the scripts that nobody here reads."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from processing.engines.basic.cutting import cut_line
from processing.engines.basic.layout import Line
from processing.engines.basic.tesseract import PACKS, ReadLine, packs, read_lines, script_of
from vedfolnir.lib.text import clean_line

UNKNOWN = "unknown"
# On sixty pictures right readings come with 0.51 to 0.97, those by the wrong pack with at most 0.84, and two of the
# latter at different sizes never agree.
MIN_CONFIDENCE = 0.85
_AGREED = 0.6  # enough for a text that came out the same at two sizes
_HEIGHTS = (36, 44, 64)  # pixels of a line: which is read best depends on the font, so the doubtful get all three
_CLEAR = 0.945  # a word that its pack knows: what was read with so much confidence is not read again
_HOPELESS = 0.3  # what is read with less is not tried again
_MOST_LINES = 24  # a picture with more of them is a page; its largest are tried
_SHORTEST = {"Korean": 2, "Thai": 2}  # letters of a word; 3 elsewhere
_NAMES = {"HANGUL": "Korean"}  # Unicode's name of a letter begins with its script
_NAMED = frozenset(PACKS.values())
_NAMED_BY_LETTERS = frozenset({"Greek"})  # tesseract takes other scripts for it; the letters found tell better
_MICRO = str.maketrans("\u00b5", "\u03bc")  # what the Greek pack reads for a small mu


@dataclass(frozen=True)
class Unread:
    """A line that was found and not read: its box and garbled text, its corners (4 x 2, clockwise)."""

    line: Line
    corners: npt.NDArray[np.float32]
    is_ours: bool  # a script that was tried already
    is_trace: bool  # surely enough text to be worth a word if nobody can read it


@dataclass(frozen=True)
class OtherScripts:
    """What came of them: the lines read, those not, and the names of the scripts of the latter."""

    lines: list[Line]
    unreadable: list[Line]
    scripts: tuple[str, ...]


def read_other_scripts(rgb: npt.NDArray[np.uint8], unread: Sequence[Unread]) -> OtherScripts:
    """Try the installed packs on the lines of a height x width x 3 picture."""
    foreign = sorted((each for each in unread if not each.is_ours), key=_area, reverse=True)[:_MOST_LINES]
    texts = _read(rgb, foreign)
    lines = [replace(foreign[number].line, text=text) for number, text in texts.items()]
    read_well = {id(foreign[number]) for number in texts}
    left = [each for each in unread if id(each) not in read_well and each.is_trace]
    return OtherScripts(lines, [each.line for each in left], _scripts(rgb, left))


def _read(rgb: npt.NDArray[np.uint8], unread: Sequence[Unread]) -> dict[int, str]:
    """The texts that can be quoted, by their place in `unread`."""
    tries = _first_tries(rgb, unread)
    for height in _HEIGHTS[1:]:
        for pack in sorted({pack for pack, _readings in tries.values()}):
            doubtful = [number for number, (own, readings) in tries.items() if own == pack and not _is_clear(readings)]
            pictures = [cut_line(rgb, unread[number].corners, height) for number in doubtful]
            for number, reading in zip(doubtful, read_lines(pictures, pack) if pictures else [], strict=True):
                if _can_be_quoted(reading, PACKS[pack]):
                    tries[number][1].append(reading)
    settled = {number: _settle(readings) for number, (_pack, readings) in tries.items()}
    return {number: text for number, text in settled.items() if text}


def _first_tries(rgb: npt.NDArray[np.uint8], unread: Sequence[Unread]) -> dict[int, tuple[str, list[ReadLine]]]:
    """For each line that a pack makes something of: the pack that is surest, and its reading."""
    tries: dict[int, tuple[str, list[ReadLine]]] = {}
    pictures = [cut_line(rgb, each.corners, _HEIGHTS[0]) for each in unread]
    for pack in packs():
        left = [number for number in range(len(pictures)) if not _is_settled(tries.get(number), PACKS[pack])]
        readings = read_lines([pictures[number] for number in left], pack) if left else []
        for number, reading in zip(left, readings, strict=True):
            surest = tries[number][1][0].confidence if number in tries else _HOPELESS
            if reading.confidence > surest and _can_be_quoted(reading, PACKS[pack]):
                tries[number] = (pack, [reading])
    return tries


def _is_settled(tried: tuple[str, list[ReadLine]] | None, script: str) -> bool:
    """Whether a line was read so clearly in another script that no pack of this one needs to try it."""
    return tried is not None and PACKS[tried[0]] != script and _is_clear(tried[1])


def _is_clear(readings: Sequence[ReadLine]) -> bool:
    return readings[0].confidence >= _CLEAR


def _settle(readings: Sequence[ReadLine]) -> str:
    """The text that most speaks for, if that is enough to quote it."""
    weights: dict[str, list[float]] = {}
    for reading in readings:
        weights.setdefault(_clean(reading.text), []).append(reading.confidence)
    text, confidences = max(weights.items(), key=lambda item: sum(item[1]))
    agreed = len(confidences) > 1 and max(confidences) >= _AGREED
    return text if agreed or max(confidences) >= MIN_CONFIDENCE else ""


def _can_be_quoted(found: ReadLine, script: str) -> bool:
    """Whether it holds a word of the script, and no letters that are neither of it nor Latin."""
    words = "".join(character if _letter_of(character) else " " for character in _clean(found.text)).split()
    scripts = {_letter_of(character) for word in words for character in word}
    long_enough = any(
        len(word) >= _SHORTEST.get(script, 3) and all(_letter_of(character) == script for character in word)
        for word in words
    )
    return long_enough and scripts <= {script, "Latin"}


def _scripts(rgb: npt.NDArray[np.uint8], left: Sequence[Unread]) -> tuple[str, ...]:
    """The name of what nobody could read, as far as it can be told."""
    if not left:
        return ()
    letters = [name for each in left for name in map(_letter_of, each.line.text) if name in _NAMED]
    foreign = [each for each in left if not each.is_ours]
    if letters and 2 * len(letters) > sum(len(each.line.text) for each in foreign) - 2 * len(foreign):
        return (max(sorted(set(letters)), key=letters.count),)
    largest = sorted(foreign, key=_area, reverse=True)[:_MOST_LINES]
    name = script_of([cut_line(rgb, each.corners, _HEIGHTS[0]) for each in largest])
    return (name if _can_be_named(name, foreign) else UNKNOWN,)


def _can_be_named(name: str, foreign: Sequence[Unread]) -> bool:
    """Whether nothing speaks against the script that tesseract names for these lines.

    It takes Korean for Greek or Arabic; but in Arabic and Cyrillic nothing looks like a letter to the models in the
    wheel, and whatever is of a script whose pack is installed would have been read.
    """
    looks_like_letters = any(character.isalpha() for each in foreign for character in each.line.text)
    installed = {PACKS[pack] for pack in packs()}
    return name in _NAMED - _NAMED_BY_LETTERS - installed and (name == "Korean" or not looks_like_letters)


def _letter_of(character: str) -> str:
    """The script of a letter or of a sign that belongs to one, "Greek"; empty for digits, punctuation and blanks."""
    if not unicodedata.category(character).startswith(("L", "M")):
        return ""
    first = unicodedata.name(character, "").partition(" ")[0]
    return _NAMES.get(first, first.capitalize())


def _clean(text: str) -> str:
    return clean_line(text.translate(_MICRO))


def _area(each: Unread) -> float:
    return (each.line.right - each.line.left) * each.line.height
