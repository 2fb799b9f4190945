"""Telling the language and the script of a text, without network or model server.

Scripts decide where they can. Between the languages that share one, py3langid (BSD, a model of 4 MB in its package)
does: of 88 texts of four to nine words in 22 languages it named all (`captions/tests/test_languages.py` measures it).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import Any

from captions.relatives import surely_english, surely_not

# What alt texts are written in, as far as the model knows it. Small relatives of large languages are left out: in a
# short text they are taken for each other.
_LANGUAGES = (
    "ar az be bg bn ca cs cy da de el en eo es et eu fa fi fr ga gl he hi hr hu hy id is it ja ka kk km ko lo lt lv mk"
    " ml mr ms mt my ne nl no pa pl pt ro ru si sk sl sq sr sv sw ta te th tl tr uk ur uz vi zh"
)
LANGUAGES = frozenset(_LANGUAGES.split())
SURE = 0.6  # of 1; measured: short texts of names and numbers alone stay below
_WITHOUT_KANA = 16  # ideographs in a row of which none is Japanese by its kana: then it is Chinese
_SHORTEST = 8  # letters of a script that several languages share

# Scripts by the beginning of their characters' Unicode names.
_SCRIPTS = {
    "LATIN": "Latin",
    "CYRILLIC": "Cyrillic",
    "GREEK": "Greek",
    "ARABIC": "Arabic",
    "HEBREW": "Hebrew",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
    "CJK": "Han",
    "THAI": "Thai",
    "LAO": "Lao",
    "KHMER": "Khmer",
    "MYANMAR": "Myanmar",
    "DEVANAGARI": "Devanagari",
    "BENGALI": "Bengali",
    "GURMUKHI": "Gurmukhi",
    "TAMIL": "Tamil",
    "TELUGU": "Telugu",
    "MALAYALAM": "Malayalam",
    "SINHALA": "Sinhala",
    "GEORGIAN": "Georgian",
    "ARMENIAN": "Armenian",
}
_ONE_LANGUAGE = {
    "Greek": "el",
    "Hebrew": "he",
    "Japanese": "ja",
    "Korean": "ko",
    "Thai": "th",
    "Lao": "lo",
    "Khmer": "km",
    "Myanmar": "my",
    "Gurmukhi": "pa",
    "Tamil": "ta",
    "Telugu": "te",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Georgian": "ka",
    "Armenian": "hy",
}
_SCRIPT_OF = {language: script for script, language in _ONE_LANGUAGE.items()} | {
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ckb", "ug"), "Arabic"),
    "yi": "Hebrew",
    "zh": "Han",
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn", "tg"), "Cyrillic"),
    **dict.fromkeys(("hi", "mr", "ne"), "Devanagari"),
    "bn": "Bengali",
}
_CASED = frozenset({"Latin", "Cyrillic", "Greek", "Armenian"})
_RIGHT_TO_LEFT = frozenset(
    {"ar", "he", "fa", "ur", "ps", "yi", "dv", "ug", "ckb", "sd", "syr"}
    | {"ks", "pnb", "prs", "mzn", "lrc", "glk", "bqi", "skr", "bal", "azb", "arc", "nqo"}
)
_RIGHT_TO_LEFT_SCRIPTS = frozenset({"arab", "hebr", "syrc", "thaa", "nkoo", "adlm"})
_SAME = {"nb": "no", "nn": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "wuu": "zh", "yue": "zh", "ji": "yi"}
# Pairs that a short text in one of them is often taken for the other of.
_CLOSE_PAIRS = (
    "da/no hr/sr hr/sl cs/sk id/ms es/gl es/ca pt/gl ru/bg ru/be ru/uk bg/mk sr/mk hi/mr hi/ne mr/ne "
    "no/sv az/tr fa/ar fa/ur ar/ur es/pt"
)
_CLOSE = frozenset(frozenset(pair.split("/")) for pair in _CLOSE_PAIRS.split())
_LIKE_ENGLISH = frozenset({"sco", "pcm", "jam", "bzj", "tpi", "bi"})
_LETTERS = re.compile(r"[^\W\d_]+")


def base(code: str) -> str:
    """The language of a BCP 47 code without region and script, one code for what is one language: "nb-NO" is "no"."""
    first = code.lower().replace("_", "-").partition("-")[0]
    return _SAME.get(first, first)


def same_language(a: str, b: str) -> bool:
    """Whether two codes are of one language, whatever their regions; an empty one is of any."""
    return not a or not b or base(a) == base(b)


def direction(language: str) -> str:
    """How text in the language runs: "rtl" or "ltr", as HTML's `dir` has it."""
    parts = language.lower().replace("_", "-").split("-")
    script = next((part for part in parts[1:] if len(part) == 4 and part.isalpha()), "")
    if script:
        return "rtl" if script in _RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if base(language) in _RIGHT_TO_LEFT else "ltr"


def scripts(text: str) -> Counter[str]:
    """How many letters of which script the text holds; those of scripts that are not listed here are "other"."""
    return Counter(_script(character) for run in _LETTERS.findall(text) for character in run)


def main_script(text: str) -> str:
    """The script that most of the letters are of: "Latin", "Japanese" (also with ideographs); empty without letters."""
    found = scripts(text)
    if found["Japanese"] and found["Japanese"] + found["Han"] > found.total() / 2:
        return "Japanese"
    return found.most_common(1)[0][0] if found else ""


def has_case(text: str) -> bool:
    """Whether the text is in a script with capitals."""
    return main_script(text) in _CASED


def detect(text: str, *, among: Collection[str] | None = None) -> str:
    """The language of a text as a code of two letters; empty when it is too short to tell, or not clear.

    `among` are the languages that it can be in; otherwise all of LANGUAGES.
    """
    script = main_script(text)
    only = _ONE_LANGUAGE.get(script) or ("zh" if script == "Han" else "")
    if only:
        return only if among is None or only in {base(code) for code in among} else ""
    if sum(scripts(text).values()) < _SHORTEST:
        return ""
    language, sure = max(_likelihoods(text, among).items(), key=lambda each: each[1], default=("", 0.0))
    return language if sure >= SURE else ""


def other_language(text: str, wanted: str) -> str:
    """The language that the text is surely in instead of the wanted one; empty if it may be in that."""
    script, expected = main_script(text), _SCRIPT_OF.get(base(wanted))
    if not script or not wanted:
        return ""
    if expected and script in {"Latin", *_ONE_LANGUAGE, "Han"} and script != expected:
        if {script, expected} == {"Japanese", "Han"}:
            if script == "Japanese":
                return "ja"
            return "zh" if scripts(text)["Han"] > _WITHOUT_KANA else ""
        return detect(text) if sum(scripts(text).values()) >= _SHORTEST else ""
    found = detect(text)
    return "" if not found or same_language(found, wanted) or _may_be(text, base(wanted), found, script) else found


def _may_be(text: str, wanted: str, found: str, script: str) -> bool:
    """Whether a text may be in `wanted` though it looks like `found`: a close relative, or one not known."""
    if frozenset((found, wanted)) in _CLOSE:
        return not surely_not(text, wanted, found)
    if wanted not in LANGUAGES and script == "Latin":
        return found != "en" or wanted in _LIKE_ENGLISH or not surely_english(text)
    return False


def _likelihoods(text: str, among: Collection[str] | None) -> dict[str, float]:
    """The languages with their likelihoods, which add up to 1."""
    wanted = LANGUAGES if among is None else {base(code) for code in among}
    found = {language: likelihood for language, likelihood in _identifier().rank(text) if language in wanted}
    whole = sum(found.values())
    return {language: likelihood / whole for language, likelihood in found.items()} if whole else {}


@cache
def _identifier() -> Any:
    """The model, loaded when it is first needed: half a second, some 10 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    return next((script for start, script in _SCRIPTS.items() if name.startswith(start)), "other")
