"""What is wrong with an alt text, as named findings: for drafts of machines and for texts of people alike.

The findings are about the text alone and about what is known around it (the post's text, the text in the picture). No
check sees the picture: whether a text is true and useful is the reviewer's to judge.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from captions import phrasebook
from vedfolnir.lib.text import is_missing, length, words

Severity = Literal["blocker", "major", "minor"]

# Stored with every draft: a code may be added, none may change its meaning.
FINDINGS: dict[str, tuple[Severity, StrOrPromise]] = {
    "empty": ("blocker", _("There is no text.")),
    "over-limit": ("blocker", _("The text is longer than the server allows.")),
    "not-kept": ("blocker", _("The server would change this text: it takes “<” and codes such as “&copy;” for HTML.")),
    "placeholder": ("blocker", _("This is a placeholder or a file name, not a description.")),
    "refusal": ("blocker", _("The model says that it cannot describe the picture.")),
    "assistant-talk": ("major", _("The model talks to the reader instead of describing.")),
    "markup": ("major", _("The text holds markup or data that would be read aloud.")),
    "truncated": ("major", _("The text seems to be cut off.")),
    "too-short": ("major", _("The text is too short to tell what the picture shows.")),
    "repetition": ("major", _("The text repeats itself.")),
    "guessed-identity": ("major", _("Ethnicity, religion or health cannot be seen in a picture.")),
    "repeats-post": ("major", _("The text repeats the post, which is read aloud anyway.")),
    "says-little": ("major", _("Colours alone do not tell what the picture shows: a person must say it.")),
    "misses-text": ("major", _("Text that can be read in the picture is missing.")),
    "quote-not-in-picture": ("major", _("The text quotes words that were not found in the picture.")),
    "link-or-mention": ("major", _("The text holds a link or a mention that is not in the picture.")),
    "year-from-nowhere": ("major", _("The year is neither in the picture nor in the post.")),
    "long": ("minor", _("The text is long: one or two sentences are easier to listen to.")),
    "redundant-opening": ("minor", _("Screen readers already say that it is an image.")),
    "hedge": ("minor", _("Words such as “maybe” tell the reader nothing.")),
    "opinion": ("minor", _("Praise is an opinion: describe what makes it so.")),
    "no-capital": ("minor", _("The text does not begin with a capital letter.")),
    "no-full-stop": ("minor", _("Without punctuation at the end, screen readers run on into what follows.")),
    "all-caps": ("minor", _("Capitals throughout may be spelled out letter by letter.")),
}

_COST: dict[Severity, int] = {"blocker": 100, "major": 25, "minor": 8}
_LONG = 300  # code points, quotations apart
_SHORTEST = 3  # words
_ENDINGS = tuple(".!?。！？”“\"'’»›)]」』")
_MAJUSCULE_LETTERS = 12  # fewer in a row are an acronym
_COPIED_WORDS = 8  # in a row make a copied sentence
_READ_SHARE = 0.6  # of the words in the picture that a text must hold
_MOST_READ_WORDS = 40  # more is a page: nobody expects it whole in alt text

_QUOTED = re.compile('“([^”“]{2,})[”“]|„([^“”]{2,})[“”]|«([^»]{2,})»|"([^"]{2,})"|「([^」]{2,})」')
_FILE_NAME = re.compile(r"[\w()\- ]*\.(?:jpe?g|png|gif|webp|avif|heic|bmp|tiff?)", re.IGNORECASE)
_CAMERA_NAME = re.compile(r"(?:img|dsc[fn]?|pxl|image|photo|picture|screenshot)[-_ ]?[\d_\-]{2,}", re.IGNORECASE)
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>|\*\*\S|^#{1,6}\s|^```|^\s*[\[{]\s*\"|&(?:amp|lt|gt|quot|nbsp|#\d+);|\]\(https?:"
    r"|<\|?(?:im_start|im_end|endoftext|eos|s)\|?>",
    re.IGNORECASE | re.MULTILINE,
)
_LINK_OR_MENTION = re.compile(r"https?://\S+|\bwww\.\S+|(?<![\w.@])@[\w.]+(?:@[\w.-]+)?", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_CUT_OFF = re.compile(
    r"(?:[,;:(\-–—…]|\.\.\.|\b(?:the|a|an|of|and|with|der|die|das|und|mit|le|la|les|et|avec))$", re.IGNORECASE
)
_UNSPACED = re.compile("[\u3041-\u30ff\u3400-\u9fff\u0e00-\u0eff]")  # scripts that do not set words apart


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `code` is stable; `span` is where in the text (start, end), if it is in one place."""

    code: str
    severity: Severity
    message: StrOrPromise
    span: tuple[int, int] | None = None


def check(
    text: str,
    *,
    limit: int | None,
    language: str | None = None,
    post_text: str = "",
    visible_text: str = "",
    engine: str | None = None,
    is_kept: bool = True,
) -> list[Finding]:
    """All findings on `text`, the gravest first.

    `limit` is the server's, in code points; None if there is none. `language` is the text's, English if unknown.
    `visible_text` is what was read in the picture, empty if nothing was or nobody tried. `engine` is what wrote the
    text, None for a person: some checks are about machines' mistakes only, and the basic engine quotes what it read.
    `is_kept` says whether the server keeps the text as it is written, its length aside.
    """
    if is_missing(text):
        return [_finding("empty")]
    context = _Context(text, (language or "en").lower(), post_text, visible_text, engine)
    findings = [_finding("over-limit", (limit, length(text)))] if limit is not None and length(text) > limit else []
    if not findings and not is_kept:
        findings.append(_finding("not-kept"))
    for code, span in (*_on_the_text(context), *_on_its_form(context), *_on_the_context(context)):
        findings.append(_finding(code, span))
    return sorted(findings, key=lambda finding: -_COST[finding.severity])


def score(findings: list[Finding]) -> int:
    """0 to 100: 0 with a blocker, else 100 less 25 for each major and 8 for each minor finding."""
    if any(finding.severity == "blocker" for finding in findings):
        return 0
    return max(0, 100 - sum(_COST[finding.severity] for finding in findings))


Span = tuple[int, int] | None


@dataclass(frozen=True)
class _Context:
    text: str
    language: str
    post_text: str
    visible_text: str
    engine: str | None

    @property
    def is_basic(self) -> bool:
        return self.engine is not None and self.engine.startswith("basic")

    @property
    def outside_quotes(self) -> str:
        """The text with its quotations blanked out; positions stay."""
        return _QUOTED.sub(lambda match: " " * len(match.group()), self.text)


def _finding(code: str, span: Span = None) -> Finding:
    severity, message = FINDINGS[code]
    return Finding(code, severity, message, span)


def _on_the_text(context: _Context) -> Iterator[tuple[str, Span]]:
    """What it says: placeholders, talk, leaks, guesses."""
    text = context.text.strip()
    if _FILE_NAME.fullmatch(text) or _CAMERA_NAME.fullmatch(text) or text.casefold().strip(" .") in phrasebook.EMPTY:
        yield "placeholder", None
        return
    book = phrasebook.for_language(context.language)
    bare = context.outside_quotes
    for code, pattern in (
        ("refusal", book.refusal),
        ("assistant-talk", book.talk),
        ("redundant-opening", book.opening),
        ("hedge", book.hedge),
        ("opinion", book.opinion),
        ("guessed-identity", book.identity),
    ):
        if context.is_basic and code in {"hedge", "redundant-opening"}:
            continue  # "A photo-like picture", "Vermutlich ein Diagramm": more it does not know
        match = pattern.search(bare)
        if match:
            yield code, match.span()
    markup = _MARKUP.search(context.text if not context.is_basic else bare)
    if markup:
        yield "markup", markup.span()


def _on_its_form(context: _Context) -> Iterator[tuple[str, Span]]:
    """How it is written: length, ends, capitals, repetition."""
    text, bare = context.text.strip(), context.outside_quotes
    unspaced = bool(_UNSPACED.search(text))
    if len(words(text)) < _SHORTEST and not (unspaced and len(text) >= 6):
        yield "too-short", None
    if length(" ".join(bare.split())) > _LONG:
        yield "long", None
    if _CUT_OFF.search(text):
        yield "truncated", (len(context.text.rstrip()) - 1, len(context.text.rstrip()))
    elif not text.endswith(_ENDINGS):
        yield "no-full-stop", None
    if text[0].islower():
        yield "no-capital", (0, 1)
    letters = [character for character in bare if character.isupper() or character.islower()]
    if len(letters) >= _MAJUSCULE_LETTERS and all(letter.isupper() for letter in letters):
        yield "all-caps", None
    if not context.is_basic and _repeats(words(bare)):
        yield "repetition", None


def _repeats(spoken: list[str]) -> bool:
    """The same four words twice, the same word three times running, or hardly any different words."""
    runs = [tuple(spoken[start : start + 4]) for start in range(len(spoken) - 3)]
    thrice = any(spoken[i] == spoken[i + 1] == spoken[i + 2] for i in range(len(spoken) - 2))
    return thrice or len(set(runs)) < len(runs) or (len(spoken) >= 20 and len(set(spoken)) < 0.4 * len(spoken))


def _on_the_context(context: _Context) -> Iterator[tuple[str, Span]]:
    """How it goes with the post and with what can be read in the picture. The basic engine quotes what it read."""
    if _repeats_post(context):
        yield "repeats-post", None
    if context.is_basic:
        if not context.visible_text:
            yield "says-little", None
        return
    if _misses_text(context):
        yield "misses-text", None
    for match in _QUOTED.finditer(context.text):
        if context.visible_text and not _can_be_read(match, context.visible_text):
            yield "quote-not-in-picture", match.span()
    yield from _from_nowhere(context)


def _from_nowhere(context: _Context) -> Iterator[tuple[str, Span]]:
    """Links and mentions, a sign that the post's text was obeyed; and years that a machine made up."""
    for match in _LINK_OR_MENTION.finditer(context.text):
        if match.group().rstrip(".,;:!?)").casefold() not in context.visible_text.casefold():
            yield "link-or-mention", match.span()
    if context.engine is not None:
        for match in _YEAR.finditer(context.text):
            if match.group() not in context.visible_text and match.group() not in context.post_text:
                yield "year-from-nowhere", match.span()


def _repeats_post(context: _Context) -> bool:
    """Whether a run of the post's words stands in the text that is not in the picture too."""
    post, text = words(context.post_text), words(context.text)
    if len(post) < 4:
        return False
    size = min(_COPIED_WORDS, len(post))
    visible = _runs(words(context.visible_text), size)
    return bool(_runs(post, size) & _runs(text, size) - visible)


def _runs(spoken: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(spoken[start : start + size]) for start in range(len(spoken) - size + 1)}


def _misses_text(context: _Context) -> bool:
    """Whether fewer than 60 % of the words in the picture are in the text. Figures (axis ticks) do not count."""
    readable = {word for word in words(context.visible_text) if len(word) > 1 and not word[0].isdigit()}
    if not readable or len(readable) > _MOST_READ_WORDS:
        return False
    return len(readable & set(words(context.text))) < _READ_SHARE * len(readable)


def _can_be_read(quotation: re.Match[str], visible_text: str) -> bool:
    """Whether most of the quoted words were read in the picture; the reader may have missed one."""
    quoted = words(next(group for group in quotation.groups() if group))
    readable = set(words(visible_text))
    return sum(word in readable for word in quoted) >= _READ_SHARE * len(quoted)
