"""Judging a text for one image: for a draft, a decision and the review page alike.

Reads the post, its other pictures, the glossary and the style guide; no engine and no network.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from captions import checks
from captions.checks import Around, Finding, Term
from captions.models import GlossaryEntry, Image, StyleGuide
from platforms.models import PlatformConnection
from platforms.speaking import why_not_kept
from vedfolnir.lib.text import length

DEFAULT_LIMIT = 1500  # code points: Mastodon's default, where a server does not say


@dataclass(frozen=True)
class Judgement:
    """What the checks say about a text, and what follows from it."""

    findings: Sequence[Finding]
    reasons: Sequence[str]  # for special review, a sentence each

    @property
    def score(self) -> int:
        """1 to 100."""
        return checks.score(self.findings)

    @property
    def needs_special_review(self) -> bool:
        return bool(self.reasons)

    @property
    def explanation(self) -> list[tuple[int, str]]:
        """How the score came about: points taken, and why."""
        return checks.explain(self.findings)

    def as_json(self) -> list[dict[str, Any]]:
        """The findings as they are stored with a text."""
        return [finding.as_json() for finding in self.findings]


def alt_text_limit(connection: PlatformConnection | None) -> int:
    """The longest alt text that the connection's server takes, in code points."""
    return (connection.alt_text_limit if connection else None) or DEFAULT_LIMIT


def judge(image: Image, text: str, around: Around | None = None) -> Judgement:
    """Judge `text` for the image, by what `around_image` knows unless more is given."""
    around = around_image(image) if around is None else around
    if image.platform_connection is not None:
        around = replace(around, is_kept=not why_not_kept(image.platform_connection, text))
    findings = checks.check(text, around)
    return Judgement(findings, checks.why_special(findings, around, is_sensitive=image.post.sensitive))


def judge_parts(image: Image, parts: Sequence[tuple[str, Around]], between: str = "\n\n") -> Judgement:
    """Judge one text of several parts, each by what is around it (a text in several languages, say).

    Places count from the beginning of the whole, which stands for the limit of the server alone. What is wrong with
    several parts in the same way costs once: in the later ones it is a note that shows the place.
    """
    whole, limit = between.join(text for text, _around in parts), alt_text_limit(image.platform_connection)
    findings: list[Finding] = [] if length(whole) <= limit else [checks.finding("over-limit", (limit, length(whole)))]
    reasons: list[str] = []
    start = 0
    for text, around in parts:
        judged = judge(image, text, replace(around, limit=None))
        charged = {finding.code for finding in findings}
        for finding in judged.findings:
            if finding.code not in charged:
                findings.append(finding.moved(start))
            elif finding.span is not None:
                findings.append(replace(finding.moved(start), severity="note"))
        reasons += [reason for reason in judged.reasons if reason not in reasons]
        start += length(text) + length(between)
    return Judgement(checks.gravest_first(findings), reasons)


def around_image(image: Image, **known: Any) -> Around:
    """What the database knows around the image; `known` are fields of Around that the caller knows (better).

    For a draft these are what the examination and the engine's answer say: language, visible_text, unreadable, codes,
    colours, kind, proposed_decorative, engine, prompt, instruction. Without `engine`, a person wrote the text.
    """
    post, connection = image.post, image.platform_connection
    guide = StyleGuide.objects.filter(platform_connection=connection).first() if connection else None
    fields: dict[str, Any] = {
        "limit": alt_text_limit(connection),
        "language": image.language or post.language or None,
        "post_text": post.post_content or "",
        "content_warning": post.spoiler_text,
        "also_in": _also_in(guide) if known.get("engine") is None else (),  # a draft is asked for in each
        "tags": tuple(post.tags.split()),
        **_other_texts(image),
        "visible_text": image.visible_text,
        "kind": image.image_category or "",
        "glossary": _glossary(connection),
        "avoid": tuple(line.strip() for line in guide.avoid.splitlines() if line.strip()) if guide else (),
        "wanted_length": guide.wanted_length if guide else None,
    }
    return Around(**(fields | known))


def _other_texts(image: Image) -> dict[str, tuple[str, ...]]:
    """What readers hear of the post's other pictures, and what else there is for them."""
    others = Image.objects.filter(post=image.post_id, platform_connection=image.platform_connection_id)
    rows = others.exclude(pk=image.pk).order_by("attachment_index", "pk")
    heard: list[str] = []
    beside: list[str] = []
    for other in rows.only("status", "final_caption", "reviewed_caption", "generated_caption", "remote_alt_text"):
        is_decided = other.status in (Image.Status.APPROVED, Image.Status.POSTED)
        text = (other.final_caption if is_decided else "") or other.remote_alt_text or ""
        (heard if text else beside).append(text or other.text)
    return {
        "siblings": tuple(text for text in heard if text.strip()),
        "drafts_beside": tuple(text for text in beside if text.strip()),
    }


def _also_in(guide: StyleGuide | None) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w-]+", guide.also_in)) if guide else ()


def _glossary(connection: PlatformConnection | None) -> tuple[Term, ...]:
    if connection is None:
        return ()
    return tuple(
        Term(entry.term, entry.instead_of, entry.kind == GlossaryEntry.Kind.PERSON, entry.has_consent)
        for entry in GlossaryEntry.objects.filter(platform_connection=connection)
    )
