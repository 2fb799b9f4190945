"""Checks on the text alone: what it says, and how it is written."""

import re
from collections.abc import Iterator

from captions import phrasebook
from captions.checks.around import UNSPACED, Reading, units
from captions.checks.findings import Finding, finding
from captions.languages import scripts
from vedfolnir.lib.text import length, words

_LONG = 300  # code points, quotations apart
_LONG_UNSPACED = 150  # of scripts that say twice as much with a sign
_SHORTEST = 3  # words
_SHORTEST_UNSPACED = 6  # characters
_ENDINGS = tuple(".!?。！？．｡”“\"'’»«›‹)]）］」』》】؟۔।॥။។։…")

_FILE_NAME = re.compile(r"[\w()\-:. ]*\.(?:jpe?g|png|gif|webp|avif|heic|bmp|tiff?|mp4)", re.IGNORECASE)
_CAMERA_NAME = re.compile(r"(?:img|dsc[fn]?|pxl|image|photo|picture|screenshot)[-_ ]?[\d_\-]{2,}", re.IGNORECASE)
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>|\*\*\S|^#{1,6}\s|^```|^\s*[\[{]\s*\"|&(?:amp|lt|gt|quot|nbsp|#\d+);|\]\(https?:"
    r"|<\|?(?:im_start|im_end|endoftext|eos|s)\|?>|^\s*(?:[-*•]|\d+[.)])\s.*\n+\s*(?:[-*•]|\d+[.)])\s|!\[[^\]]*\]"
    r"|^\s*\w+\s*[:=]\s*[\"'{\[].*[\"'}\]]\s*[,;]?$",
    re.IGNORECASE | re.MULTILINE,
)
_CUT_OFF = re.compile(r"(?:[,;:(\-–—、，،؛]|(?<=\w)(?:…|\.\.\.))$")
_STAMMER = re.compile(r"(.{2,8}?)\1\1")  # what is said three times running, without spaces
_GARBAGE = re.compile(
    "[\ufffd\ue000-\uf8ff]"  # lost and private characters
    r"|(?<![\w/])(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])[A-Za-z0-9+/]{20,}={0,2}(?!\w)"  # Base64 and the like
    r"|(?:\b[0-9a-f]{2}\b[ ,]?){8,}|\b[01]{8}(?:\s[01]{8})+|(?:[.\-−·]{1,5}[ /]+){6,}"  # hex, bits, Morse
    r"|([^\W\d_])\1{4,}|([^\w\s.…_=\-])\2{4,}"  # the same sign again and again
)


def on_wording(reading: Reading) -> Iterator[Finding]:
    """What the text says: placeholders, talk, leaks, guesses. A placeholder is nothing else beside."""
    text = reading.text.strip()
    if is_placeholder(text):
        yield finding("placeholder")
        return
    yield from _phrases(reading)
    markup = _MARKUP.search(reading.bare if reading.is_basic else reading.text)
    if markup:
        yield finding("markup", markup.span())
    elif not reading.is_basic:
        yield from _garbage(reading)
    yield from _form(reading)


def is_placeholder(text: str) -> bool:
    """Whether the whole text is a file's name or says that there is none."""
    return bool(
        _FILE_NAME.fullmatch(text) or _CAMERA_NAME.fullmatch(text) or text.casefold().strip(" .。") in phrasebook.EMPTY
    )


def _phrases(reading: Reading) -> Iterator[Finding]:
    """Models refuse and talk in English, too, whatever they are asked in."""
    book, english = reading.book, phrasebook.for_language("en")
    for code, patterns in (
        ("refusal", (book.refusal, english.refusal)),
        ("assistant-talk", (book.talk, english.talk)),
        ("redundant-opening", (book.opening,)),
        ("hedge", (book.hedge,)),
        ("opinion", (book.opinion,)),
        ("guessed-identity", (book.identity,)),
    ):
        if reading.is_basic and code in {"hedge", "redundant-opening"}:
            continue  # "A photo-like picture", "Vermutlich ein Diagramm": more it does not know
        match = next((match for pattern in patterns for match in pattern.finditer(reading.bare)), None)
        if code in {"opinion", "hedge"} and match and set(units(match.group())) <= reading.seen:
            continue  # the picture says so: a shop's name, a slogan
        if match:
            yield finding(code, match.span())


def _garbage(reading: Reading) -> Iterator[Finding]:
    match = _GARBAGE.search(reading.bare) or next(_mixed_words(reading.bare), None)
    if match:
        yield finding("garbled", match.span())


def _mixed_words(text: str) -> Iterator[re.Match[str]]:
    """Words of several alphabets: letters that look alike, put in to deceive, or a model gone astray."""
    for match in re.finditer(r"[^\W\d_]{3,}", text):
        found = set(scripts(match.group())) - {"other"}
        if len(found & {"Latin", "Cyrillic", "Greek"}) > 1 or found >= {"Latin", "Arabic"}:
            yield match


def _form(reading: Reading) -> Iterator[Finding]:
    """Length, ends, capitals, repetition."""
    text, end = reading.text.strip(), len(reading.text.rstrip())
    unspaced = bool(UNSPACED.search(text))
    if len(words(text)) < _SHORTEST and not (unspaced and len(text) >= _SHORTEST_UNSPACED):
        yield finding("too-short")
    if length(" ".join(reading.bare.split())) > (_LONG_UNSPACED if unspaced else _LONG):
        yield finding("long")
    if match := _CUT_OFF.search(text) or reading.book.cut_off.search(text):
        yield finding("truncated", (end - len(match.group()), end))
    elif not text.endswith(_ENDINGS) and not _MARKUP.search(text):
        yield finding("no-full-stop")
    if text[0].islower() and not re.match(r"\w[A-Z]", text):  # iPhone, eBay
        yield finding("no-capital", (0, 1))
    if reading.is_shouted:
        yield finding("all-caps")
    if not reading.is_basic and _repeats(reading.bare):
        yield finding("repetition")


def _repeats(text: str) -> bool:
    """The same four words twice, the same word three times running, or hardly any different words."""
    spoken = words(text)
    if UNSPACED.search(text):
        # Twelve characters are about four words.
        signs = units(text)
        chunks = [tuple(signs[start : start + 12]) for start in range(len(signs) - 11)]
        return bool(_STAMMER.search("".join(signs))) or len(set(chunks)) < len(chunks)
    fours = [tuple(spoken[start : start + 4]) for start in range(len(spoken) - 3)]
    thrice = any(spoken[i] == spoken[i + 1] == spoken[i + 2] for i in range(len(spoken) - 2))
    return thrice or len(set(fours)) < len(fours) or (len(spoken) >= 20 and len(set(spoken)) < 0.4 * len(spoken))
