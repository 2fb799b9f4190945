"""What became of the alt texts that were sent: by the post as it is now and, where the server keeps one, its history.

No server lets us write "only if unchanged", so the author may edit between our read and our write, or between our write
and our read-back. The history tells the two from damage.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from django.utils.translation import gettext as _

from platforms.clients.base import CredentialsRefused, PastVersion, PlatformRefused, PlatformUnavailable, Snapshot
from processing.publishing.attempt import Attempt
from processing.publishing.compare import (
    NOT_THE_AUTHORS,
    SameText,
    alt_texts,
    arrived,
    changes,
    differences,
    is_unchanged,
    moment,
    order,
    same_edit,
)
from vedfolnir.lib.text import clean_line, strip_html

logger = logging.getLogger(__name__)

SHOWN = 500  # characters of a text in a sentence
HISTORY_TRIES = 3  # failures after which a history that cannot be had is done without


class Outcome(StrEnum):
    NOTHING = "nothing"  # nothing of ours is there: it did not arrive
    PARTLY = "partly"  # some of our texts are there, each whole, and nothing else changed: go on
    DONE = "done"
    OVERTAKEN = "overtaken"  # ours was right, and then somebody edited the post
    DAMAGED = "damaged"  # alarm


@dataclass(frozen=True)
class Verdict:
    outcome: Outcome
    found: list[str] = field(default_factory=list)  # what is wrong, in sentences
    note: str = ""  # what a person may want to know although all is well
    is_ours_alone: bool = False  # of damage: nobody else can have edited the post since it was read
    ours_at: str = ""  # `edited_at` of our own edit; empty where it is that of the post as it is now


def judge(attempt: Attempt, base: Snapshot, now: Snapshot, texts: Mapping[str, str], *, answered: bool) -> Verdict:
    """Compare the post as it is with `base`, the state before `texts` were sent.

    `answered`: the server said that it did what it was asked. Raises PlatformUnavailable where the history is needed
    and cannot be had just now.
    """
    same_text = attempt.client.same_text
    there = arrived(now, texts, same_text)
    whole = len(there) == len(texts)
    found = differences(base, now, texts if answered else there, same_text)
    if not answered and is_unchanged(base, now, same_text):
        return Verdict(Outcome.NOTHING)
    if attempt.edits:
        return _by_history(attempt, base, now, texts, found, answered=answered)
    if not found:
        return Verdict(Outcome.DONE if whole else Outcome.PARTLY, note=_remark(base, now))
    if not same_edit(base.status.edited_at, now.status.edited_at):
        return _edited_beside(base, now, found, whole=whole, answered=answered)
    return Verdict(Outcome.DAMAGED, found, is_ours_alone=answered)


def _edited_beside(base: Snapshot, now: Snapshot, found: list[str], *, whole: bool, answered: bool) -> Verdict:
    """Writing to pictures alone never sets `edited_at`: somebody else edited the post meanwhile."""
    if odd := _not_the_authors(base, now):
        return Verdict(Outcome.DAMAGED, odd)
    if whole:
        return Verdict(Outcome.OVERTAKEN, note=_edited_after(), ours_at=base.status.edited_at)
    return Verdict(Outcome.DAMAGED, found) if answered else Verdict(Outcome.PARTLY)


# By the history


@dataclass(frozen=True)
class _Past:
    """The versions of a post since the state that we read, without our own reading of it."""

    before_ours: Sequence[PastVersion]
    ours: PastVersion | None
    after_ours: Sequence[PastVersion]


def _by_history(
    attempt: Attempt, base: Snapshot, now: Snapshot, texts: Mapping[str, str], found: list[str], *, answered: bool
) -> Verdict:
    same_text = attempt.client.same_text
    versions = _history(attempt, base, now)
    if versions is None:
        verdict = _without_history(base, now, texts, found, same_text)
        return replace(verdict, is_ours_alone=answered)
    past = _past(base, versions, texts, same_text)
    if past.ours is None:
        harmless = not answered and all(_is_surely_not_ours(base, one, texts, same_text) for one in past.before_ours)
        return (
            Verdict(Outcome.NOTHING)
            if harmless
            else Verdict(
                Outcome.DAMAGED,
                found or [_("The edit was made, but the alt texts are not there.")],
                is_ours_alone=answered and len(versions) == 1,
            )
        )
    if lost := [_taken_back(one) for one in past.before_ours if not _looks_like(base, one)]:
        return Verdict(Outcome.DAMAGED, [*lost, *([] if past.after_ours else found)])
    if past.after_ours and _is_right(base, past.ours, texts, same_text):
        odd = _not_the_authors(base, now)
        if not odd:
            return Verdict(Outcome.OVERTAKEN, note=_edited_after(), ours_at=past.ours.created_at)
        return Verdict(Outcome.DAMAGED, odd)
    return Verdict(Outcome.DAMAGED, found) if found else Verdict(Outcome.DONE, note=_remark(base, now))


def _without_history(
    base: Snapshot, now: Snapshot, texts: Mapping[str, str], found: list[str], same_text: SameText
) -> Verdict:
    """One edit carries all texts: some of them alone are damage."""
    there = arrived(now, texts, same_text)
    if not found and len(there) == len(texts):
        return Verdict(Outcome.DONE, note=_remark(base, now))
    return Verdict(Outcome.DAMAGED, found or [_("The edit was made, but the alt texts are not there.")])


def _history(attempt: Attempt, base: Snapshot, now: Snapshot) -> list[PastVersion] | None:
    """The versions since `base`, oldest first; None where they cannot be had, or do not say what pictures they had."""
    try:
        versions = attempt.client.history(now.status.id)
    except CredentialsRefused:  # what was sent stays noted, and is judged once the token works again
        raise
    except PlatformRefused as error:
        logger.info("publication %s: no edit history: %s", attempt.publication.pk, error.reason)
        return None
    except PlatformUnavailable:
        if attempt.publication.failures < HISTORY_TRIES:
            raise
        return None
    since = moment(base.status.edited_at or base.status.created_at)
    if versions is None or since is None:
        return None
    later: list[PastVersion] = []
    seen_base = False
    for version in versions:
        at = moment(version.created_at)
        if at is None:
            return None
        is_base = _looks_like(base, version)
        # In whole seconds several are of one time: those that stand behind what we read are later.
        if order(at, since) >= (0 if seen_base else 1) and (later or not is_base):
            later.append(version)
        seen_base = seen_base or is_base
    if base.status.attachments and not all(version.alt_texts for version in later):
        return None
    complete = bool(later) and same_edit(later[-1].created_at, now.status.edited_at)
    return later if complete else None


def _past(base: Snapshot, versions: Sequence[PastVersion], texts: Mapping[str, str], same_text: SameText) -> _Past:
    """Our edit is the first version that has all of our texts."""
    for index, version in enumerate(versions):
        if all(key in version.alt_texts and same_text(text, version.alt_texts[key]) for key, text in texts.items()):
            return _Past(versions[:index], version, versions[index + 1 :])
    return _Past(versions, None, ())


def _looks_like(base: Snapshot, version: PastVersion) -> bool:
    """Whether this version is, as far as a history tells, the post that we read."""
    alts = {key: text or "" for key, text in version.alt_texts.items()}
    return _same_post(base, version) and alts == {key: text or "" for key, text in alt_texts(base).items()}


def _same_post(base: Snapshot, version: PastVersion) -> bool:
    """The words alone: histories are rendered without some of the links."""
    return (
        _words(version.content) == _words(base.status.content)
        and _words(version.spoiler_text) == _words(base.status.spoiler_text)
        and version.sensitive == base.status.sensitive
        and list(version.alt_texts) == list(alt_texts(base))
    )


def _words(html: str) -> list[str]:
    return strip_html(html).split()


def _is_right(base: Snapshot, ours: PastVersion, texts: Mapping[str, str], same_text: SameText) -> bool:
    """Whether our own edit did exactly what it should, as far as a history tells."""
    others = {key: text or "" for key, text in alt_texts(base).items() if key not in texts}
    return _same_post(base, ours) and all((ours.alt_texts[key] or "") == text for key, text in others.items())


def _is_surely_not_ours(base: Snapshot, version: PastVersion, texts: Mapping[str, str], same_text: SameText) -> bool:
    """Whether nothing that our edit could have done, or lost, explains this version.

    Ours would repeat the text, so other words are somebody else's; but a text, an alt text or a picture that is
    gone may be what a server made of ours.
    """
    before = alt_texts(base)
    other_words = bool(_words(version.content)) and _words(version.content) != _words(base.status.content)
    kept = list(version.alt_texts) == list(before) and all(
        version.alt_texts[key] or not text for key, text in before.items()
    )
    none_of_ours = not any(
        same_text(text, version.alt_texts.get(key)) and not same_text(text, before.get(key))
        for key, text in texts.items()
    )
    return other_words and kept and none_of_ours


# In words


def _taken_back(version: PastVersion) -> str:
    known = {
        "when": version.created_at,
        "text": clean_line(strip_html(version.content), SHOWN),
        "warning": clean_line(strip_html(version.spoiler_text), SHOWN),
    }
    sentence = _(
        "Somebody edited the post at %(when)s, just before our edit, which took that back. It read: “%(text)s”."
    )
    if version.spoiler_text:
        sentence += " " + _("Its content warning was: “%(warning)s”.")
    return sentence % known


def _edited_after() -> str:
    return _("The alt texts were written as approved; afterwards somebody edited the post.")


def _not_the_authors(base: Snapshot, now: Snapshot) -> list[str]:
    """What is different and cannot be the work of an author who edits the post."""
    return [str(change) for change in changes(base, now) if change.field in NOT_THE_AUTHORS]


def _remark(base: Snapshot, now: Snapshot) -> str:
    if base.status.language or not now.status.language:
        return ""
    return _("The post had no language; its server has filled in “%(language)s”.") % {"language": now.status.language}
