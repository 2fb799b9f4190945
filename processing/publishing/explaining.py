"""What a person has to know before asking for an undo: what it puts back, and what it cannot."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from captions.models import Publication
from platforms.clients.base import Snapshot
from processing.publishing.compare import Change, alt_texts, changes, picture_differences


@dataclass(frozen=True)
class PutBack:
    """One alt text that an undo takes away."""

    number: int  # of the picture, from 1
    ours: str
    before: str


def put_back(publication: Publication) -> list[PutBack]:
    """What an undo puts back, if nobody changed it since."""
    if publication.before is None:
        return []
    old = alt_texts(Snapshot.from_json(publication.before))
    texts = publication.texts or {}
    return [
        PutBack(number, texts[key], before or "")
        for number, (key, before) in enumerate(old.items(), start=1)
        if key in texts
    ]


def lost(publication: Publication) -> list[Change]:
    """What of the post was different after a write that went wrong, and no undo of alt texts puts back."""
    if publication.status != Publication.Status.REFUSED or publication.before is None or publication.after is None:
        return []
    return changes(Snapshot.from_json(publication.before), Snapshot.from_json(publication.after))


def lost_pictures(publication: Publication) -> list[str]:
    """The same of its pictures, in sentences."""
    if publication.status != Publication.Status.REFUSED or publication.before is None or publication.after is None:
        return []
    before, after = Snapshot.from_json(publication.before), Snapshot.from_json(publication.after)
    texts = {key: text or "" for key, text in alt_texts(after).items() if key in (publication.texts or {})}
    left = {attachment.id for attachment in after.status.attachments}
    gone = [
        _("Picture %(number)d is gone. Its file was at %(url)s.") % {"number": number, "url": attachment.url}
        for number, attachment in enumerate(before.status.attachments, start=1)
        if attachment.id not in left
    ]
    return gone or picture_differences(before, after, texts, lambda written, shown: written == (shown or ""))
