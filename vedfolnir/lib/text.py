"""Plain text as it comes from people, servers and models: cleaning, measuring, telling "nothing" from "something"."""

import html as htmllib
import re
import unicodedata
from html.parser import HTMLParser

# Bidirectional controls can make a text read differently from what was reviewed (CVE-2021-42574, "Trojan Source").
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Invisible characters without a use in alt text. ZWJ and ZWNJ stay: emoji and several scripts need them.
_INVISIBLE = "\u00ad\u200b\u2060-\u2064\ufeff\ufff9-\ufffb"
_CONTROLS = "\x00-\x09\x0b-\x1f\x7f-\x9f"
_SURROGATES = "\ud800-\udfff"
_UNWANTED = re.compile(f"[{_BIDI}{_INVISIBLE}{_CONTROLS}{_SURROGATES}]")
# Tag characters spell hidden messages, except in the flags that are built of them (England, Scotland, Wales).
_HIDDEN_TAGS = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]{2,6}\U000e007f)|[\U000e0000-\U000e007f]")
_LINE_BREAKS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Beyond every character there is; Python refuses to read a number of thousands of digits at all.
_HUGE_REFERENCE = re.compile("&#[0-9]{10,};?")

# A keycap (1️⃣), or whatever asks to be shown as a picture (ℹ️), is an emoji although it holds a letter or digit.
_EMOJI_WITH_TEXT = re.compile("[0-9#*]\ufe0f?\u20e3|.\ufe0f", re.DOTALL)

# Signs that people write with, though Unicode calls them symbols, and none of which is an emoji: Braille, stars of a
# rating, chessmen and dice, notes, mathematics. None of them is lost where a person wrote it.
_SIGNS = re.compile(
    "[\u2801-\u28ff\u2605\u2606\u2654-\u265e\u2669-\u266f\u2680-\u2685\u2140-\u214b\u2200-\u22ff\u2a00-\u2aff"
    "\U0001d100-\U0001d1ff]"
)

_SKIPPED = frozenset({"script", "style", "template", "head", "title"})
_PARAGRAPHS = frozenset({"p", "div", "blockquote", "pre", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table"})
_LINES = frozenset({"br", "li", "tr", "hr"})


def clean_alt_text(text: str) -> str:
    """Make `text` safe to store, compare and publish: NFC, trimmed, without control, bidi or hidden characters.

    Line breaks of every kind become "\\n" and stay; a tab becomes a space. Running it twice changes nothing.
    """
    text = _LINE_BREAKS.sub("\n", text).replace("\t", " ")
    text = _HIDDEN_TAGS.sub(lambda match: match.group(1) or "", text)
    return unicodedata.normalize("NFC", _UNWANTED.sub("", text)).strip()


def clean_line(text: str, length: int | None = None) -> str:
    """A stranger's text as one line that is safe to store, log and print; cut to `length` with a "…" at its end."""
    line = " ".join(clean_alt_text(text).split())
    return line if length is None or len(line) <= length else line[: length - 1].rstrip() + "…"


def is_missing(alt: str | None) -> bool:
    """True if `alt` tells a reader nothing: None, blank, or only emoji, punctuation, arrows and the like."""
    if alt is None:
        return True
    text = _EMOJI_WITH_TEXT.sub("", alt)
    return not any(character.isalnum() for character in text) and _SIGNS.search(text) is None


def length(text: str) -> int:
    """The length in Unicode code points, which is how Mastodon and its relatives count a description."""
    return len(text)


def strip_html(html: str) -> str:
    """The readable text of a post's HTML: entities decoded, `<br>` a line break, paragraphs a blank line apart."""
    collector = _TextCollector()
    collector.feed(html)
    collector.close()
    return collector.text()


def unescape(text: str) -> str:
    """The text with `&amp;` and other references as what they stand for; one to no character at all is "\ufffd"."""
    return htmllib.unescape(_HUGE_REFERENCE.sub("\ufffd", text))


def words(text: str) -> list[str]:
    """The words of `text` for comparison: case folded, compatibility forms unified, punctuation dropped."""
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())


class StrangersParser(HTMLParser):
    """Python's parser of HTML, for HTML of strangers: alone it raises AssertionError and ValueError for some of it."""

    def feed(self, data: str) -> None:
        """As HTMLParser's. Give it the whole text at once."""
        super().feed(_HUGE_REFERENCE.sub("\ufffd", data))

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """A comment, as browsers take `<![`; the parser of Python 3.11 raises AssertionError for most of them."""
        return self.parse_bogus_comment(i)


class _TextCollector(StrangersParser):
    """Collects text nodes; a break asked for by a tag is written once, before the next text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._breaks = 0
        self._skip_depth = 0
        self._pre_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skip_depth += 1
        elif tag == "br":
            self._breaks += 1
        elif tag in _PARAGRAPHS:
            self._ask_for_breaks(2)
        elif tag in _LINES:
            self._ask_for_breaks(1)
        self._pre_depth += tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skip_depth = max(0, self._skip_depth - 1)
        elif tag in _PARAGRAPHS:
            self._ask_for_breaks(2)
        elif tag in _LINES and tag != "br":
            self._ask_for_breaks(1)
        if tag == "pre":
            self._pre_depth = max(0, self._pre_depth - 1)

    def handle_data(self, data: str) -> None:
        if self._skip_depth:
            return
        if not self._pre_depth:
            data = re.sub(r"[ \t\r\n\f]+", " ", data)
        if self._breaks or not self._parts:
            data = data if self._pre_depth else data.lstrip(" ")
        if not data:
            return
        if self._parts:
            self._parts.append("\n" * self._breaks)
        self._breaks = 0
        self._parts.append(data)

    def _ask_for_breaks(self, count: int) -> None:
        self._breaks = max(self._breaks, count)

    def text(self) -> str:
        lines = "".join(self._parts).split("\n")
        return "\n".join(line.rstrip(" ") for line in lines).strip("\n ")
