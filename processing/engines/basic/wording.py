"""From findings to sentences that fit the length allowed."""

from collections.abc import Sequence
from dataclasses import dataclass

from processing.engines.basic.codes import Code
from processing.engines.basic.kinds import Kind
from processing.engines.basic.phrases import Phrases

_LONGEST_LINK = 200
_ENDS = (".", "!", "?", "…", "。", "\uff01", "\uff1f")
_WITHOUT_SPACES = ("\u3041", "\u9fff")  # kana and ideographs: words are not set apart, any place will do to cut


@dataclass(frozen=True)
class Findings:
    """What was found in a picture. `colours` are keys of the palette, the main one first."""

    kind: Kind
    is_grey: bool
    colours: list[str]
    faces: int
    paragraphs: list[str]
    codes: list[Code]
    frames: int
    poster_of: str = ""  # "video" or "gifv"


def compose(findings: Findings, phrases: Phrases, max_length: int) -> str:
    """The description, at most `max_length` code points: the kind first, then the text read, then the rest.

    What does not fit is cut from the text read, at a word and with an ellipsis inside the quotation marks.
    """
    opening = _opening(findings, phrases)
    if len(opening) + 1 > max_length:
        return shorten(opening, max_length)
    room = max_length - len(opening) - 1
    extras: list[str] = []
    for extra in _extras(findings, phrases):
        if len(extra) + 1 <= room:
            extras.append(extra)
            room -= len(extra) + 1
    is_text = findings.kind in {Kind.TEXT, Kind.DOCUMENT}
    lead = f"{phrases.colon}{{quotes}}" if is_text else f". {phrases.reads}"
    quotation = quote(findings.paragraphs, lead, phrases.quotes, room)
    return " ".join([opening + (quotation or "."), *extras])


def quote(paragraphs: Sequence[str], lead: str, marks: tuple[str, str], room: int) -> str:
    """As many paragraphs as fit into `room` code points, in quotation marks; empty if not even a word fits.

    `lead` holds {quotes}. A full stop follows unless the text brings its own.
    """
    kept: list[str] = []
    for paragraph in paragraphs:
        if len(_quotation([*kept, paragraph], lead, marks)) <= room:
            kept.append(paragraph)
            continue
        start = shorten(paragraph, room - len(_quotation([*kept, ""], lead, marks)) + 1)  # + 1: it needs no full stop
        if start:
            kept.append(start)
        elif kept:
            kept[-1] = shorten(kept[-1] + " ", len(kept[-1]))
        break
    kept = [text for text in kept if text]
    return _quotation(kept, lead, marks) if kept else ""


def shorten(text: str, room: int) -> str:
    """The beginning of `text` up to a whole word, with an ellipsis, in `room` code points; empty if none fits."""
    if len(text) <= room:
        return text
    start = text[: max(0, room - 1)]
    next_character = text[len(start)]
    if not (next_character.isspace() or _WITHOUT_SPACES[0] <= next_character <= _WITHOUT_SPACES[1]):
        start = start.rpartition(" ")[0]
    start = start.rstrip(" ,;:.\u2013-")
    return f"{start}…" if start else ""


def _quotation(paragraphs: Sequence[str], lead: str, marks: tuple[str, str]) -> str:
    quotes = ", ".join(f"{marks[0]}{text}{marks[1]}" for text in paragraphs)
    return lead.replace("{quotes}", quotes) + ("" if paragraphs[-1].endswith(_ENDS) else ".")


def _opening(findings: Findings, phrases: Phrases) -> str:
    """The first sentence, without its full stop."""
    names = [phrases.colours.get(name, name) for name in findings.colours]
    colours = phrases.joined(names) if names else ""
    if findings.kind is Kind.PHOTO and findings.is_grey:
        template = phrases.grey_photo
    elif findings.kind is Kind.TEXT and not findings.paragraphs:
        template = phrases.unread_text
    else:
        template = phrases.kinds[findings.kind]
    text = template.format(
        colours=phrases.mainly.format(colours=colours) if colours else phrases.many_colours,
        background=phrases.on_background(colours) if colours else "",
        name=names[0] if names else "",
    )
    return text + (phrases.faces(findings.faces) if findings.faces else "")


def _extras(findings: Findings, phrases: Phrases) -> list[str]:
    extras = [phrases.frames.format(count=findings.frames)] if findings.frames > 1 else []
    if findings.poster_of in phrases.posters:
        extras.append(phrases.posters[findings.poster_of])
    return extras + [_say_code(code, phrases) for code in findings.codes]


def _say_code(code: Code, phrases: Phrases) -> str:
    before, after = phrases.quotes
    if code.is_spoilt:
        return phrases.qr_spoilt
    if code.is_qr and 0 < len(code.link) <= _LONGEST_LINK:
        return phrases.qr_link.format(content=code.link)
    if code.text:
        return (phrases.qr_text if code.is_qr else phrases.barcode_text).format(content=f"{before}{code.text}{after}")
    return phrases.qr if code.is_qr else phrases.barcode
