"""Checks against what was found in the picture: its text, its colours, its kind."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from captions.checks.around import QUOTED, Reading, quotation, units
from captions.checks.findings import Finding, finding
from captions.kinds import READ_GIST, Kind

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SHARE_OF_QUOTATION = 0.6  # of the quoted words: the reader of the picture may have missed one


@dataclass(frozen=True)
class Demand:
    """How much of the text in a picture must be told."""

    share: float  # of its words
    most: int  # words: more, and nobody expects it whole in alt text


_WHOLE, _LABELS = Demand(0.6, 120), Demand(0.3, 40)
_DEMANDS: dict[str, Demand] = {
    Kind.TEXT: _WHOLE,
    Kind.MEME: _WHOLE,
    Kind.COMIC: _WHOLE,
    Kind.SCREENSHOT: Demand(0.6, 40),  # a longer one is a page with menus
    **dict.fromkeys(READ_GIST, _LABELS),  # of the title, or of all
}
_ANY = Demand(0.6, 40)
_SHARE_OF_TITLE = 0.5

# Colours that one person calls so and another so. The keys are what books of phrases translate to.
_NEAR: dict[str, frozenset[str]] = {
    "black": frozenset({"black", "dark grey", "dark blue", "dark green", "dark red"}),
    "white": frozenset({"white", "light grey", "beige"}),
    "grey": frozenset({"grey", "dark grey", "light grey", "white", "black", "tan"}),
    "red": frozenset({"red", "dark red", "orange", "pink", "magenta", "brown"}),
    "pink": frozenset({"pink", "magenta", "red", "lavender", "purple", "beige"}),
    "purple": frozenset({"purple", "lavender", "magenta", "dark blue", "blue", "pink"}),
    "blue": frozenset({"blue", "dark blue", "light blue", "turquoise", "purple", "lavender", "black"}),
    "turquoise": frozenset({"turquoise", "light blue", "blue", "green", "light green"}),
    "green": frozenset({"green", "dark green", "light green", "olive", "turquoise", "yellow"}),
    "yellow": frozenset({"yellow", "orange", "beige", "olive", "light green", "tan"}),
    "orange": frozenset({"orange", "red", "yellow", "brown", "tan"}),
    "brown": frozenset({"brown", "tan", "dark red", "orange", "olive", "black", "dark grey"}),
    "beige": frozenset({"beige", "tan", "white", "light grey", "yellow"}),
}
_FLAT = frozenset({Kind.TEXT, Kind.LOGO, Kind.DECORATIVE})


def on_the_picture(reading: Reading) -> Iterator[Finding]:
    """Its text, quotations, years, colours. The embedded describer quotes what it read itself."""
    around = reading.around
    if around.unreadable:
        yield finding("text-unreadable", None, _("Not read: %(scripts)s.") % {"scripts": ", ".join(around.unreadable)})
    if around.proposed_decorative:
        yield finding("decorative-proposed")
    if reading.is_basic:
        if not around.visible_text and not around.codes:
            yield finding("says-little")
        return
    yield from _missing_text(reading)
    yield from _quotations(reading)
    yield from _years(reading)
    yield from _grounds(reading)


def _missing_text(reading: Reading) -> Iterator[Finding]:
    """Whether too few of the words in the picture are told. Figures (axis ticks) and single letters do not count."""
    lines = [_readable(line) for line in reading.around.visible_text.splitlines()]
    readable = list(dict.fromkeys(word for line in lines for word in line))
    demand = _DEMANDS.get(reading.kind, _ANY)
    is_gist = reading.kind in READ_GIST
    if not readable or (len(readable) > demand.most and not is_gist):
        return
    told = set(units(reading.text))
    missing = [word for word in readable if word not in told]
    if len(readable) - len(missing) >= demand.share * len(readable):
        return
    title = next((line for line in lines if len(line) > 1), readable)
    if is_gist and sum(word in told for word in title) >= _SHARE_OF_TITLE * len(title):
        return
    some = " ".join((title if is_gist else missing)[:6])
    yield finding("misses-text", None, _("Among what is missing: “%(words)s”.") % {"words": some})


def _readable(line: str) -> list[str]:
    """The words of a line that count: no numbers, and no single letters of an alphabet."""
    return [word for word in units(line) if not word[0].isdigit() and (len(word) > 1 or ord(word) > 0x2E80)]


def _quotations(reading: Reading) -> Iterator[Finding]:
    """Quoted words that nobody read. Where some of the text could not be read, they may be of that.

    Where nothing was read, the reader may have missed it: that is less grave. `kind` tells that it was examined.
    """
    around = reading.around
    if around.unreadable or not (around.visible_text or (reading.is_machines and around.kind)):
        return
    code = "quote-not-in-picture" if around.visible_text else "quote-unread"
    for match in QUOTED.finditer(reading.text):
        quoted = units(quotation(match))
        known = reading.seen if around.visible_text else reading.seen | reading.given
        if sum(word in known for word in quoted) < _SHARE_OF_QUOTATION * len(quoted):
            yield finding(code, match.span())


def _years(reading: Reading) -> Iterator[Finding]:
    """Years that a machine made up; a person knows when it was."""
    if not reading.is_machines:
        return
    around = reading.around
    known = " ".join((around.visible_text, around.instruction, reading.posted, *around.codes, *around.siblings))
    for match in _YEAR.finditer(reading.text):
        if match.group() not in known:
            yield finding("year-from-nowhere", match.span())


def _grounds(reading: Reading) -> Iterator[Finding]:
    """Backgrounds of another colour than the picture's, on flat pictures only: of photographs nobody can say so."""
    if reading.kind not in _FLAT or not reading.around.colours:
        return
    for match in reading.book.ground.finditer(reading.bare):
        named = match.group("colour")
        family = next((family for pattern, family in reading.book.colours if pattern.fullmatch(named)), "")
        if family and not _NEAR[family] & set(reading.around.colours):
            there = ", ".join(reading.around.colours)
            yield finding(
                "colour-not-in-picture", match.span(), _("Colours in the picture: %(colours)s.") % {"colours": there}
            )
