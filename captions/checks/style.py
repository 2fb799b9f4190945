"""Checks against the account's own style: words to avoid, how things are called, wanted length."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from captions.checks.around import UNSPACED, Reading
from captions.checks.findings import Finding, finding
from captions.languages import base
from vedfolnir.lib.text import length

# Endings that a word may have beside the one that it is written with, where that is simple. Vowels that change
# (Haus, Häuser), verbs and other languages are left out: there, words are found as they are written.
_ENDINGS = {
    "en": ("", "s|(?<=[sxz])es|(?<=[cs]h)es"),
    "de": ("e", "e[mnrs]?|[ns]|ern?"),
    "fr": ("e", "e?[sx]?"),
    "es": ("[aeo]", "[aeo]?s?|es"),
}
_SHORTEST_STEM = 3  # letters


def on_style(reading: Reading) -> Iterator[Finding]:
    """What is quoted from the picture may hold any word."""
    language = base(reading.around.language or "")
    for word in reading.around.avoid:
        for match in _find(word, reading.bare, language):
            yield finding("avoid-word", match.span(), _("The style guide avoids “%(word)s”.") % {"word": word})
    for term in reading.around.glossary:
        for match in _find(term.instead_of, reading.bare, language):
            said = {"term": term.term, "word": match.group()}
            yield finding("avoid-word", match.span(), _("The glossary says “%(term)s”, not “%(word)s”.") % said)
    wanted = reading.around.wanted_length
    outside = length(" ".join(reading.bare.split()))  # words in the picture must be told, however many
    if wanted and outside > wanted:
        said = {"length": str(outside), "wanted": str(wanted)}
        yield finding("over-wanted-length", None, _("%(length)s characters; at most %(wanted)s are wanted.") % said)


def _find(word: str, text: str, language: str) -> Iterator[re.Match[str]]:
    """The whole word or phrase, whatever its case; a single word in the language's simple endings, too."""
    word = word.strip()
    if not word:
        return
    edges = ("", "") if UNSPACED.search(word) else (r"(?<!\w)", r"(?!\w)")
    yield from re.finditer(f"{edges[0]}{_inflected(word, language)}{edges[1]}", text, re.IGNORECASE)


def _inflected(word: str, language: str) -> str:
    """A pattern for the word: "Katze" is "Katzen", too."""
    ending, endings = _ENDINGS.get(language, ("", ""))
    stem = re.sub(rf"(?:{ending})$", "", word, flags=re.IGNORECASE)
    if not word.isalpha() or not endings or len(stem) < _SHORTEST_STEM:
        return re.escape(word)
    return rf"(?:{re.escape(word)}|{re.escape(stem)}(?:{endings})?)" if ending else rf"{re.escape(word)}(?:{endings})?"
