"""What is wrong with an alt text, as named findings: for drafts of machines and for texts of people alike.

The findings are about the text alone and about what is known around it (the post, the text in the picture, the
account's glossary). No check sees the picture: whether a text is true and useful is the reviewer's to judge.
"""

from typing import Any

from captions.checks.around import Around, Reading, Term
from captions.checks.findings import FINDINGS, Finding, Severity, explain, finding, gravest_first, score
from captions.checks.names import on_names
from captions.checks.obeying import on_the_post
from captions.checks.picture import on_the_picture
from captions.checks.refusing import is_refusal
from captions.checks.special import RULES, why_special
from captions.checks.style import on_style
from captions.checks.wording import is_placeholder, on_wording
from vedfolnir.lib.text import is_missing, length

__all__ = [
    "FINDINGS",
    "RULES",
    "Around",
    "Finding",
    "Severity",
    "Term",
    "check",
    "explain",
    "finding",
    "gravest_first",
    "is_refusal",
    "score",
    "why_special",
]


def check(text: str, around: Around | None = None, **known: Any) -> list[Finding]:
    """All findings on `text`, the gravest first.

    `around` is what is known around it; who knows little may give fields of Around as keywords instead.
    """
    around = Around(**known) if around is None else around
    if is_missing(text):
        return [finding("empty")]
    reading = Reading(text, around)
    found = [] if around.limit is None or length(text) <= around.limit else [_over(text, around.limit)]
    if not found and not around.is_kept:
        found.append(finding("not-kept"))
    for look in (on_wording, on_the_post, on_the_picture, on_names, on_style):
        found += look(reading)
        if is_placeholder(text.strip()):
            break  # it says nothing that could be compared
    return gravest_first(found)


def _over(text: str, limit: int) -> Finding:
    return finding("over-limit", (limit, length(text)))
