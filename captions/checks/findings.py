"""What can be wrong with a text, how grave it is, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

Severity = Literal["blocker", "major", "minor", "note"]
Span = tuple[int, int] | None

# Stored with every draft: a code may be added, none may change its meaning.
FINDINGS: dict[str, tuple[Severity, StrOrPromise]] = {
    "empty": ("blocker", gettext_lazy("There is no text.")),
    "over-limit": ("blocker", gettext_lazy("The text is longer than the server allows.")),
    "not-kept": (
        "blocker",
        gettext_lazy("The server would change this text: it takes “<” and codes such as “&copy;” for HTML."),
    ),
    "placeholder": ("blocker", gettext_lazy("This is a placeholder or a file name, not a description.")),
    "refusal": ("blocker", gettext_lazy("The model says that it cannot describe the picture.")),
    "assistant-talk": ("major", gettext_lazy("The model talks to the reader instead of describing.")),
    "followed-instruction": (
        "major",
        gettext_lazy("The text does what the post, or words in the picture, tell it to, instead of describing."),
    ),
    "prompt-leak": ("major", gettext_lazy("The text repeats what the model was asked with.")),
    "markup": ("major", gettext_lazy("The text holds markup or data that would be read aloud.")),
    "garbled": ("major", gettext_lazy("Some of this is no language: characters are broken or mixed up.")),
    "wrong-language": ("major", gettext_lazy("The text is in another language than the one asked for.")),
    "truncated": ("major", gettext_lazy("The text seems to be cut off.")),
    "too-short": ("major", gettext_lazy("The text is too short to tell what the picture shows.")),
    "repetition": ("major", gettext_lazy("The text repeats itself.")),
    "guessed-identity": ("major", gettext_lazy("Ethnicity, religion or health cannot be seen in a picture.")),
    "person-without-consent": (
        "major",
        gettext_lazy("People are named only if the post names them, or if they agreed to it."),
    ),
    "name-from-nowhere": ("major", gettext_lazy("The name stands neither in the post nor in the picture.")),
    "repeats-post": ("major", gettext_lazy("The text repeats the post, which is read aloud anyway.")),
    "same-as-sibling": ("major", gettext_lazy("Another picture of the post has the same text.")),
    "says-little": (
        "major",
        gettext_lazy("Colours alone do not tell what the picture shows: a person must say it."),
    ),
    "misses-text": ("major", gettext_lazy("Text that can be read in the picture is missing.")),
    "quote-not-in-picture": ("major", gettext_lazy("The text quotes words that were not found in the picture.")),
    "quote-unread": ("minor", gettext_lazy("The text quotes words, and no text was found in the picture: look at it.")),
    "link-or-mention": ("major", gettext_lazy("The text holds a link or a mention that is not in the picture.")),
    "year-from-nowhere": ("major", gettext_lazy("The year is neither in the picture nor in the post.")),
    "hashtag": ("minor", gettext_lazy("Hashtags belong into the post: in alt text they are read aloud sign by sign.")),
    "colour-not-in-picture": ("minor", gettext_lazy("The background has another colour.")),
    "avoid-word": ("minor", gettext_lazy("The account's style guide avoids this word.")),
    "over-wanted-length": ("minor", gettext_lazy("The text is longer than the account's style guide wants it.")),
    "long": ("minor", gettext_lazy("The text is long: one or two sentences are easier to listen to.")),
    "redundant-opening": ("minor", gettext_lazy("Screen readers already say that it is an image.")),
    "hedge": ("minor", gettext_lazy("Words such as “maybe” tell the reader nothing.")),
    "opinion": ("minor", gettext_lazy("Praise is an opinion: describe what makes it so.")),
    "no-capital": ("minor", gettext_lazy("The text does not begin with a capital letter.")),
    "no-full-stop": (
        "minor",
        gettext_lazy("Without punctuation at the end, screen readers run on into what follows."),
    ),
    "all-caps": ("minor", gettext_lazy("Capitals throughout may be spelled out letter by letter.")),
    "text-unreadable": ("note", gettext_lazy("There is text in the picture that could not be read: look at it.")),
    "decorative-proposed": (
        "note",
        gettext_lazy("This may be decoration that needs no alt text: a person decides that."),
    ),
}

COST: dict[Severity, int] = {"blocker": 100, "major": 25, "minor": 8, "note": 0}
_ORDER: dict[Severity, int] = {"blocker": 0, "major": 1, "minor": 2, "note": 3}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `code` is stable; `span` is where in the text (start, end), if it is in one place.

    `detail` is a sentence that names the concrete thing; empty where the message says all.
    """

    code: str
    severity: Severity
    message: StrOrPromise
    span: Span = None
    detail: str = ""

    def moved(self, by: int) -> "Finding":
        """The same, `by` code points further on."""
        return self if self.span is None else replace(self, span=(self.span[0] + by, self.span[1] + by))

    def as_json(self) -> dict[str, Any]:
        """As it is stored: "code", "severity", "message", "span", and "detail" if there is one."""
        stored = {
            "code": self.code,
            "severity": self.severity,
            "message": str(self.message),
            "span": list(self.span) if self.span else None,
        }
        return stored | ({"detail": self.detail} if self.detail else {})


def finding(code: str, span: Span = None, detail: str = "") -> Finding:
    """The finding with that code."""
    severity, message = FINDINGS[code]
    return Finding(code, severity, message, span, detail)


def gravest_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda each: _ORDER[each.severity])


def score(findings: Sequence[Finding]) -> int:
    """1 to 100: 1 with a blocker, else 100 less 25 for each major and 8 for each minor finding, and never below 1."""
    if any(each.severity == "blocker" for each in findings):
        return 1
    return max(1, 100 - sum(COST[each.severity] for each in findings))


def explain(findings: Sequence[Finding]) -> list[tuple[int, str]]:
    """How the score came about: points taken and why, the gravest first. What costs nothing is not in it."""
    if blocker := next((each for each in findings if each.severity == "blocker"), None):
        return [(COST["blocker"] - 1, str(blocker.message) + " " + _("As it is, nobody could use the text."))]
    costly = (each for each in gravest_first(findings) if COST[each.severity])
    return [(COST[each.severity], " ".join(filter(None, (str(each.message), each.detail)))) for each in costly]
