"""Where a text names a person, and the same text without the name.

Names are found as whole words, as they are written in the glossary, with a genitive's s at most. Other forms of a name
(Зорану, Zorany) and a part of it are not found. Case tells, where there is any: "Rose" is a person, "a rose" is not.
"""

import re
from collections.abc import Iterable, Iterator

from captions.checks.around import UNSPACED

_HANGUL = re.compile("[\uac00-\ud7a3]")
_ARABIC = re.compile("[\u0600-\u06ff]")


def mentions(name: str, text: str) -> Iterator[re.Match[str]]:
    """The places of `text` that name the person.

    Scripts that set no words apart know no whole words: there a name of two characters or more is found anywhere, and
    one of a single character nowhere. Korean particles may follow a name, Arabic ones stand before it.
    """
    name = " ".join(name.split())
    if not name or (UNSPACED.search(name) and len(name) < 2):
        return
    is_small = text == text.lower()  # who writes everything small writes names so
    for match in _pattern(name).finditer(text):
        if is_small or not name[0].isupper() or match["name"][0].isupper():
            yield match


def without(names: Iterable[str], text: str, instead: str) -> str:
    """`text` with `instead` in the place of each of the names, the longest first."""
    for name in sorted(names, key=len, reverse=True):
        for match in reversed(list(mentions(name, text))):
            text = text[: match.start("name")] + instead + text[match.end("name") :]
    return text


def _pattern(name: str) -> re.Pattern[str]:
    spoken = r"\s+".join(map(re.escape, name.split()))
    if UNSPACED.search(name):
        before, after = "", ""
    elif _HANGUL.search(name):
        before, after = r"(?<![^\W_])", ""
    elif _ARABIC.search(name):
        before, after = r"(?<![^\W_])[وفبلك]{0,2}", r"(?![^\W_])"
    else:
        before, after = r"(?<![^\W_])", r"(?:s(?![^\W_])|(?![^\W_]))"
    return re.compile(f"{before}(?P<name>{spoken}){after}", re.IGNORECASE)
