"""Checks against the account's own style: words to avoid, how things are called, wanted length."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from captions.checks.around import UNSPACED, Reading
from captions.checks.findings import Finding, finding
from vedfolnir.lib.text import length


def on_style(reading: Reading) -> Iterator[Finding]:
    """What is quoted from the picture may hold any word."""
    for word in reading.around.avoid:
        for match in _find(word, reading.bare):
            yield finding("avoid-word", match.span(), _("The style guide avoids “%(word)s”.") % {"word": word})
    for term in reading.around.glossary:
        for match in _find(term.instead_of, reading.bare):
            said = {"term": term.term, "word": match.group()}
            yield finding("avoid-word", match.span(), _("The glossary says “%(term)s”, not “%(word)s”.") % said)
    wanted = reading.around.wanted_length
    outside = length(" ".join(reading.bare.split()))  # words in the picture must be told, however many
    if wanted and outside > wanted:
        said = {"length": str(outside), "wanted": str(wanted)}
        yield finding("over-wanted-length", None, _("%(length)s characters; at most %(wanted)s are wanted.") % said)


def _find(word: str, text: str) -> Iterator[re.Match[str]]:
    """The whole word or phrase, whatever its case."""
    word = word.strip()
    if not word:
        return
    edges = ("", "") if UNSPACED.search(word) else (r"(?<!\w)", r"(?!\w)")
    yield from re.finditer(edges[0] + re.escape(word) + edges[1], text, re.IGNORECASE)
