"""Codes of languages as people, posts and servers give them, and languages that are asked for by name."""

import re
from functools import cache

from django.conf.locale import LANG_INFO

from captions.languages import LANGUAGES, base, same_language

LONGEST = 20  # characters, the columns' length
MOST = 4  # languages of one alt text

_CODE = re.compile("[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
# Undetermined, none, several, "does not fit", and what Takahē says of every account.
_NO_LANGUAGE = frozenset({"und", "zxx", "mul", "mis", "unk"})
# In use, and neither in Django's list nor told from others by us. ISO 639.
_MORE = (
    "am arc bo co dv fo ga gd gsw haw ht iu jv ku la ln lo mg mi mt nds no oc pap ps qu rm rw sc sd si sm sn so su tl"
    " tlh ti tok to vo wa wo xh yi yo zh zu"
)
_KNOWN = frozenset({base(code) for code in LANG_INFO} | LANGUAGES | set(_MORE.split()))

# Names that Django has in another form, or not at all.
_OTHER_NAMES = {
    "chinese": "zh",
    "中文": "zh",
    "norwegian bokmål": "nb",
    "kurdish": "ckb",
    "latin": "la",
    "yiddish": "yi",
    "swiss german": "gsw",
    "schweizerdeutsch": "gsw",
    "čeština": "cs",
    "slovenčina": "sk",
    "euskara": "eu",
    "по-русски": "ru",
    "українською": "uk",
}
# Where the word "in" is a part of the name, or stands behind it.
_WHOLE = {
    "日本語で": "ja",
    "日本語に": "ja",
    "用中文": "zh",
    "用简体中文": "zh-hans",
    "用繁體中文": "zh-hant",
    "한국어로": "ko",
    "بالعربية": "ar",
    "باللغة العربية": "ar",
    "به فارسی": "fa",
    "بالفارسية": "fa",
    "בעברית": "he",
    "по-русски": "ru",
    "українською": "uk",
    "हिंदी में": "hi",
    "हिन्दी में": "hi",
    "suomeksi": "fi",
    "eesti keeles": "et",
    "magyarul": "hu",
    "česky": "cs",
    "slovensky": "sk",
    "po polsku": "pl",
    "türkçe olarak": "tr",
    "στα ελληνικά": "el",
}
_BEFORE = (
    r"(?:in|into|to|auf|en|em|på|til|na|на|op|ins|i)\s+"
    r"(?:(?:plain|simple|easy|einfachem|leichtem)\s+)?"
)
# What may follow the name: nothing, a sign, or a word that goes on with another wish. "In French museums" is none.
_AFTER = (
    r"(?=\s*(?:$|[.,;:!?)\n”\"'&+]|(?:and|but|with|without|please|only|instead|und|aber|mit|bitte|et|y|e|og|och|en)\b))"
)


def normal(code: str) -> str:
    """A code as we keep it, "pt-br"; empty for what is no code, or none of a language."""
    code = code.strip().lower().replace("_", "-")
    if len(code) > LONGEST or not _CODE.fullmatch(code) or base(code) in _NO_LANGUAGE:
        return ""
    return code


def is_known(code: str) -> bool:
    """Whether a code, as `normal` gives it, is of a language that we have heard of."""
    return bool(code) and base(code) in _KNOWN


def listed(text: str) -> list[str]:
    """The codes in a list such as "de, en"; each as `normal` gives it, once, without those that are none."""
    return different([normal(part) for part in re.split(r"[\s,;]+", text)])


def different(codes: list[str]) -> list[str]:
    """`codes` without empty ones, and of several for one language the first."""
    kept: list[str] = []
    for code in codes:
        if code and not any(same_language(code, other) for other in kept):
            kept.append(code)
    return kept


def asked_for(wish: str) -> str:
    """The language that a wish such as "shorter, in German" or "auf Deutsch" names; empty if it names none.

    Names are understood in English and in the language itself.
    """
    text = " ".join(wish.casefold().split())
    for phrase, code in _WHOLE.items():
        if phrase in text:
            return code
    found = _pattern().search(text)
    return _names()[found["in"] or found["alone"]] if found else ""


@cache
def _names() -> dict[str, str]:
    names = {}
    for code, info in LANG_INFO.items():
        for kind in ("name_local", "name"):  # the English one wins
            if name := info.get(kind):
                names[str(name).casefold()] = code
    return names | _OTHER_NAMES


@cache
def _pattern() -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(_names(), key=len, reverse=True))
    return re.compile(
        rf"(?:^|[\s,;:(\"“]){_BEFORE}(?:the\s+)?(?P<in>{names})(?:\s+language)?{_AFTER}"
        rf"|^(?:please\s+|bitte\s+)?(?P<alone>{names})(?:\s*(?:please|bitte))?\W*$"
    )


def read(typed: str) -> str:
    """The code of a language that somebody gave by its code or its name; empty for none that we know."""
    code = normal(typed)
    return code if is_known(code) else _names().get(" ".join(typed.casefold().split()), "")


@cache
def named() -> tuple[tuple[str, str], ...]:
    """Codes with the names of their languages, in English and their own, for a list to choose from."""
    rows = []
    for code, info in LANG_INFO.items():
        if name := info.get("name"):
            own = str(info["name_local"])
            rows.append((code, str(name) if own.casefold() == str(name).casefold() else f"{name} ({own})"))
    return tuple(sorted(rows, key=lambda row: row[1]))
