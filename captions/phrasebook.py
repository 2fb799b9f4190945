"""The tell-tale phrases behind the checks, by language, from `captions/phrasebooks/`.

A language without a book gets the checks that need none. To add one, copy `en.toml`: the file's name is the code.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from captions.languages import base

FOLDER = Path(__file__).parent / "phrasebooks"
_NEVER = re.compile(r"(?!)")
_PATTERNS = ("refusal", "talk", "opening", "hedge", "opinion", "identity", "obeyed", "call", "order")


@dataclass(frozen=True)
class Phrasebook:
    """Patterns to search in a text whose quotations are blanked out, and words to compare."""

    refusal: re.Pattern[str] = _NEVER
    talk: re.Pattern[str] = _NEVER
    opening: re.Pattern[str] = _NEVER
    hedge: re.Pattern[str] = _NEVER
    opinion: re.Pattern[str] = _NEVER
    identity: re.Pattern[str] = _NEVER
    obeyed: re.Pattern[str] = _NEVER  # said by a text that obeyed somebody else than us
    call: re.Pattern[str] = _NEVER  # asks something of the reader
    order: re.Pattern[str] = _NEVER  # in a post or a picture: tells a describer what to write
    cut_off: re.Pattern[str] = _NEVER  # words that no text ends with
    ground: re.Pattern[str] = _NEVER  # "on a blue background", with a group `colour`
    honorific: re.Pattern[str] = _NEVER  # a person's name with さん and the like, with a group `name`
    somebody: str = "a person"  # what to say instead of a name
    names: bool = False  # whether a capital in mid-sentence marks a name
    not_names: frozenset[str] = frozenset()  # case folded
    titles: frozenset[str] = frozenset()  # what stands before a person's name; case folded
    colours: tuple[tuple[re.Pattern[str], str], ...] = field(default=())  # with the English family


# Whole texts that say nothing, case folded and without a full stop.
EMPTY = frozenset(
    """image|an image|photo|a photo|picture|a picture|graphic|screenshot|untitled|alt text|description|no description
    |image description|placeholder|todo|tbd|test|n/a|none|null|undefined|lorem ipsum|bild|ein bild|foto|ein foto
    |bildbeschreibung|kein alternativtext|une image|une photo|capture d'écran|capture d’écran|texte alternatif
    |sans titre|imagen|una imagen|una foto|captura de pantalla|texto alternativo|sin título|imagem|画像|写真|イラスト
    |スクリーンショット|代替テキスト|無題|说明|图片|صورة|وصف""".replace("\n", "")
    .replace("    ", "")
    .split("|")
)


def for_language(code: str) -> Phrasebook:
    """The book of a language ("pt-br" is looked up as "pt"); one that finds nothing where there is none."""
    return _read(base(code)) if base(code) in languages() else Phrasebook()


@cache
def languages() -> frozenset[str]:
    """The languages that have a book."""
    return frozenset(path.stem for path in FOLDER.glob("*.toml")) - {"people", "orders"}


@cache
def orders() -> tuple[re.Pattern[str], ...]:
    """What orders a describer about, in all languages: what stands around a picture may be in any."""
    return tuple(_read(code).order for code in ("orders", *sorted(languages())))


@cache
def first_names() -> frozenset[str]:
    """First names that hardly mean anything else, case folded."""
    return frozenset(_load("people")["first_names"].split())


@cache
def _read(code: str) -> Phrasebook:
    data = _load(code)
    spaced = data.get("spaced", True)
    colours = data.get("colours", {})
    grounds = (each.replace("{colours}", "|".join(colours)) for each in data.get("ground", {}).get("patterns", ()))
    return Phrasebook(
        **{name: _any_of(data.get(name, ()), spaced=spaced, start=name == "opening") for name in _PATTERNS},
        cut_off=_ending_with(data.get("cut_off", ())),
        ground=_any_of(grounds if colours else (), spaced=spaced),
        honorific=_before(data.get("honorifics", ())),
        somebody=data.get("somebody", "a person"),
        names=data.get("names", False),
        not_names=frozenset(data.get("not_names", "").split()),
        titles=frozenset(data.get("titles", ())),
        colours=tuple((re.compile(pattern, re.IGNORECASE), family) for pattern, family in colours.items()),
    )


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _any_of(alternatives: Iterable[str], *, spaced: bool, start: bool = False) -> re.Pattern[str]:
    """One pattern, of whole words where the script sets them apart; with `start`, at the beginning of the text only."""
    joined = "|".join(alternatives)
    if not joined:
        return _NEVER
    before = r"^\W*" if start else r"(?<!\w)" if spaced else ""
    after = r"(?!\w)" if spaced else ""
    return re.compile(rf"{before}(?:{joined}){after}", re.IGNORECASE)


def _ending_with(words: Iterable[str]) -> re.Pattern[str]:
    joined = "|".join(map(re.escape, words))
    return re.compile(rf"(?<!\w)(?:{joined})$", re.IGNORECASE) if joined else _NEVER


def _before(honorifics: Iterable[str]) -> re.Pattern[str]:
    """A name in ideographs or katakana right before one of `honorifics`."""
    joined = "|".join(map(re.escape, honorifics))
    name = "(?P<name>[\u4e00-\u9fff]{2,5}|[\u30a1-\u30fa\u30fc・]{2,20})"
    return re.compile(rf"{name}(?:{joined})") if joined else _NEVER
