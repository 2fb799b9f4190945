"""Lines whose letters are written alike in Latin, Cyrillic and Greek: is it "MOCKBA", or the Russian capital?

The models in the wheel know Latin alone. What tells is how sure tesseract's packs are: measured on seventy words, 0.95
or more for those that stand in a pack's list of words, at most 0.93 for others.
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from processing.engines.basic.cutting import cut_line
from processing.engines.basic.tesseract import PACKS, ReadLine, packs, read_lines, reads_english
from vedfolnir.lib.text import clean_line

_ALIKE = frozenset("ABCEHIKMNOPTXYZaceopxykmt")  # with the N that a Cyrillic P, and the O that a Theta is taken for
_SHORTEST = 3  # letters
_KNOWN = 0.945  # of a pack, that the word is one of its language
_LATIN_KNOWN = 0.935
_READABLE = 0.85
_HEIGHTS = (36, 44, 64)
_TWINS = {
    "Cyrillic": str.maketrans("ABCEHKMOPTXYaceopxykmt", "АВСЕНКМОРТХУасеорхукмт"),
    "Greek": str.maketrans("ABEHIKMNPTXYZ", "ΑΒΕΗΙΚΜΝΡΤΧΥΖ"),  # noqa: RUF001  (not O: it may be a Theta)
}
_LANGUAGES = {
    "Cyrillic": frozenset({"be", "bg", "kk", "ky", "mk", "mn", "ru", "tg", "uk"}),
    "Greek": frozenset({"el"}),
}


def script_of_language(language: str) -> str:
    """ "Cyrillic" or "Greek" where the language with this BCP 47 code is written so; else empty."""
    base = language.lower().partition("-")[0]
    return next((script for script, languages in _LANGUAGES.items() if base in languages), "")


def is_doubtful(text: str) -> bool:
    """Whether nothing in the form of its letters proves that it is Latin."""
    letters = [character for character in text if character.isalpha()]
    return len(letters) >= _SHORTEST and _ALIKE.issuperset(letters)


def settle(
    rgb: npt.NDArray[np.uint8], texts: Sequence[str], corners: Sequence[npt.NDArray[np.float32]], wanted: str
) -> list[str]:
    """What doubtful lines say, each as read in the script that most speaks for; empty where that cannot be told.

    `corners` (4 x 2 each) are theirs in the height x width x 3 picture; `wanted` is "Cyrillic" or "Greek" where the
    lines beside them or the post are of it.
    """
    pictures = [cut_line(rgb, each, height) for each in corners for height in _HEIGHTS]
    tried = [pack for pack in packs() if PACKS[pack] in _TWINS]
    if not pictures or not (tried or wanted):
        return list(texts)
    by_script: dict[str, list[ReadLine]] = {}
    for pack in tried:
        best = _best(read_lines(pictures, pack))
        known = by_script.setdefault(PACKS[pack], best)
        by_script[PACKS[pack]] = [max(pair, key=_confidence) for pair in zip(known, best, strict=True)]
    latin = _best(read_lines(pictures, "eng")) if reads_english() else [ReadLine(text, 1.0) for text in texts]
    return [
        _settle(text, {script: lines[number] for script, lines in by_script.items()}, latin[number], wanted)
        for number, text in enumerate(texts)
    ]


def _settle(text: str, others: dict[str, ReadLine], latin: ReadLine, wanted: str) -> str:
    known = {script for script, line in others.items() if line.confidence >= _KNOWN}
    is_latin = latin.confidence >= _LATIN_KNOWN
    if wanted and (wanted in known or not is_latin):
        return _in_script(text, others, wanted)
    if wanted and wanted not in others:  # without its pack nothing speaks against it
        return _in_script(text, others, wanted)
    if is_latin or not known:
        return text
    return clean_line(others[known.pop()].text) if len(known) == 1 else ""


def _in_script(text: str, others: dict[str, ReadLine], script: str) -> str:
    """As its pack reads it; without one letter by letter, if each has one twin alone."""
    if script in others:
        line = others[script]
        return clean_line(line.text) if line.confidence >= _READABLE else ""
    mapped = text.translate(_TWINS[script])
    return "" if any(character.isascii() and character.isalpha() for character in mapped) else mapped


def _best(readings: Sequence[ReadLine]) -> list[ReadLine]:
    """Of each line the surest of its readings at all heights."""
    return [max(readings[at : at + len(_HEIGHTS)], key=_confidence) for at in range(0, len(readings), len(_HEIGHTS))]


def _confidence(line: ReadLine) -> float:
    return line.confidence


def main_script(texts: Collection[str]) -> str:
    """ "Cyrillic" or "Greek" where any of some texts has letters that are surely so; the commoner of the two."""
    joined = "".join(texts)
    counts = {
        "Cyrillic": sum("\u0400" <= character <= "\u04ff" for character in joined),
        "Greek": sum("\u0370" <= character <= "\u03ff" for character in joined),
    }
    script = max(counts, key=lambda each: counts[each])
    return script if counts[script] else ""
