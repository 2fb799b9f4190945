"""Strangers' words inside a prompt: cleaned, cut, and between lines that they cannot write themselves.

The mark of those lines is made of a digest of everything between them, so that a text that holds its own mark cannot be
written, and two equal requests are still the same words (answers are found again by them).
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

DIGITS = 16  # of the digest, in the mark
LONGEST_LINE = 1000  # code points
CUT = " […]"

_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Control, format (zero-width, direction, tags), surrogate, private and unassigned characters, and the selectors.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SELECTORS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# The two joiners stay where they change how a word is written: between letters of Arabic and of Indic scripts.
_JOINED = "[\u0600-\u08ff\u0900-\u0dff]"
_JOINERS = re.compile(f"(?<!{_JOINED})[\u200c\u200d]|[\u200c\u200d](?!{_JOINED})")
# A line of signs looks like the end of a part, and three backticks like code.
_RULES = re.compile(r"([^\w\s])\1{2,}")
# What templates of chat models write between turns: <|im_start|>, </s>, <start_of_turn>, [INST], <<SYS>>.
_ANGLES = str.maketrans({"<": "‹", ">": "›", "＜": "‹", "＞": "›", "﹤": "‹", "﹥": "›"})  # noqa: RUF001  (look-alikes)
_TURNS = re.compile(r"\[(/?[A-Z_]{3,})\]")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n\s*\n+")


@dataclass(frozen=True)
class Part:
    """One piece of data: what it is, in our words, and the text, in theirs."""

    title: str
    text: str


def cleaned(text: str, most: int) -> str:
    """`text` without anything that is not seen, or that could pass for a word of ours; at most `most` code points."""
    text = _BREAKS.sub("\n", unicodedata.normalize("NFC", text[: most * 20])).replace("\t", " ")
    text = _SELECTORS.sub("", _JOINERS.sub("", text))
    text = "".join(
        character
        for character in text
        if character in "\n\u200c\u200d" or unicodedata.category(character) not in _HIDDEN
    )
    text = _TURNS.sub(r"(\1)", text.translate(_ANGLES))
    text = _RULES.sub(r"\1\1", text)
    lines = (_cut(_BLANKS.sub(" ", line).strip(), LONGEST_LINE) for line in text.split("\n"))
    return _cut(_EMPTY_LINES.sub("\n", "\n".join(lines)).strip(), most)


def cleaned_line(text: str, most: int) -> str:
    """As `cleaned`, in one line."""
    return _cut(" ".join(cleaned(text, most).split()), most)


def mark(parts: Sequence[Part]) -> str:
    """What the lines around `parts` are known by."""
    whole = "\x00".join(f"{part.title}\x00{part.text}" for part in parts)
    return hashlib.sha256(whole.encode()).hexdigest()[:DIGITS]


def fenced(parts: Sequence[Part]) -> str:
    """The parts, each between two lines that bear the mark. Their texts are cleaned already."""
    sign = mark(parts)
    return "\n".join(f"=== {sign} begin: {part.title} ===\n{part.text}\n=== {sign} end ===" for part in parts)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(CUT)].rstrip() + CUT
