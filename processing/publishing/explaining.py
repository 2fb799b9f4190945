"""What a person has to know before asking for an undo: what it puts back, and what it cannot."""

import html
from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import gettext as _

from captions.models import Publication
from platforms.clients.base import Snapshot
from processing.publishing.compare import Change, SameText, alt_texts, changes, picture_differences


@dataclass(frozen=True)
class PutBack:
    """One alt text that an undo takes away."""

    number: int  # of the picture, from 1
    ours: str
    before: str


def texts_before(publication: Publication, same_text: SameText) -> dict[str, str | None]:
    """The alt texts from before the publication, by attachment id, as their author had them.

    What was there may have been left by an earlier publication of the post that went wrong: then it is what was there
    before that one.
    """
    texts = alt_texts(Snapshot.from_json(publication.before or {}))
    earlier = Publication.objects.filter(post=publication.post_id, pk__lt=publication.pk, before__isnull=False)
    for row in earlier.order_by("-pk"):
        before = alt_texts(Snapshot.from_json(row.before or {}))
        shown = (row.alarm or {}).get("shown", {})
        for key, text in (row.texts or {}).items():
            there = texts.get(key)
            if there and key in before and (same_text(text, there) or there == shown.get(key)):
                texts[key] = before[key]
    return texts


def put_back(publication: Publication) -> list[PutBack]:
    """What an undo puts back, if nobody changed it since. Ours is shown as the server was seen to show it."""
    if publication.before is None:
        return []
    old = texts_before(publication, _alike)
    texts = (publication.texts or {}) | (publication.alarm or {}).get("shown", {})
    return [
        PutBack(number, texts[key], before or "")
        for number, (key, before) in enumerate(old.items(), start=1)
        if key in texts
    ]


def lost(publication: Publication) -> list[Change]:
    """What of the post was different after a write that went wrong, and no undo of alt texts puts back."""
    states = _states(publication)
    return changes(*states) if states else []


def lost_pictures(publication: Publication) -> list[str]:
    """The same of its pictures, in sentences."""
    states = _states(publication)
    return _picture_sentences(*states, publication.texts or {}) if states else []


def left_of_alarm(publication: Publication, after: Snapshot, texts: Collection[str]) -> str:
    """A sentence about what an alarm of this publication was about and is still not as before; else empty.

    `texts` are the ids of the pictures whose alt texts are as they must be.
    """
    if publication.alarm is None or publication.before is None:
        return ""
    before = Snapshot.from_json(publication.before)
    found = [*map(str, changes(before, after)), *_picture_sentences(before, after, texts)]
    if not found:
        return ""
    return _("Something else of the post is not as it was before: %(found)s") % {"found": " ".join(found)}


def _states(publication: Publication) -> tuple[Snapshot, Snapshot] | None:
    """The post before and after, of a publication by which something was damaged, whatever became of it since."""
    went_wrong = publication.alarm is not None or publication.status == Publication.Status.REFUSED
    if not went_wrong or publication.before is None or publication.after is None:
        return None
    return Snapshot.from_json(publication.before), Snapshot.from_json(publication.after)


def _picture_sentences(before: Snapshot, after: Snapshot, ours: Collection[str]) -> list[str]:
    """What is different of the pictures, but for the alt texts of `ours`."""
    texts = {key: text or "" for key, text in alt_texts(after).items() if key in ours}
    left = {attachment.id for attachment in after.status.attachments}
    gone = [
        _("Picture %(number)d is gone. Its file was at %(url)s.") % {"number": number, "url": attachment.url}
        for number, attachment in enumerate(before.status.attachments, start=1)
        if attachment.id not in left
    ]
    return gone or picture_differences(before, after, texts, lambda written, shown: written == (shown or ""))


def _alike(written: str, shown: str | None) -> bool:
    """As every family keeps texts; a worker asks the one at hand."""
    return html.unescape(shown or "").strip() == written.strip()
