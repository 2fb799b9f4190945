"""What an edit of alt texts must not change, compared field by field."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from platforms.clients.base import Attachment, Snapshot, Status

# Field of a status -> what a person calls it. All of these must be the same after the edit as before.
STATUS_FIELDS = {
    "visibility": "visibility",
    "sensitive": "sensitive mark",
    "spoiler_text": "content warning",
    "language": "language",
    "in_reply_to_id": "reply",
    "mentions": "mentions",
    "tags": "hashtags",
    "quote_approval": "quote policy",
    "interaction_policy": "interaction policy",
}
SOURCE_FIELDS = {"text": "text", "spoiler_text": "content warning", "content_type": "format"}
ATTACHMENT_FIELDS = {"type": "type", "focus": "focal point"}


def differences(before: Snapshot, after: Snapshot, texts: Mapping[str, str]) -> list[str]:
    """Sentences about everything that is not as it must be once `texts` (by attachment id) are written.

    Empty when exactly the alt texts in `texts` changed and nothing else did.
    """
    found = [
        _("The %(field)s changed.") % {"field": name}
        for key, name in SOURCE_FIELDS.items()
        if getattr(before.source, key) != getattr(after.source, key)
    ]
    found += [
        _("The %(field)s changed.") % {"field": name}
        for key, name in STATUS_FIELDS.items()
        if getattr(before.status, key) != getattr(after.status, key)
    ]
    if _poll(before.status) != _poll(after.status):
        found.append(_("The poll changed."))
    old, new = before.status.attachments, after.status.attachments
    if [attachment.id for attachment in old] != [attachment.id for attachment in new]:
        return [*found, _("The pictures, or their order, changed.")]
    for was, now in zip(old, new, strict=True):
        found += _attachment_differences(was, now, texts.get(was.id))
    return found


def _attachment_differences(was: Attachment, now: Attachment, text: str | None) -> list[str]:
    names = {"id": now.id}
    expected = was.description or "" if text is None else text
    found = []
    if (now.description or "") != expected and text is None:
        found.append(_("The alt text of another picture (%(id)s) changed.") % names)
    elif (now.description or "") != expected:
        found.append(_("Picture %(id)s does not have the alt text that was written.") % names)
    found += [
        _("The %(field)s of picture %(id)s changed.") % {**names, "field": name}
        for key, name in ATTACHMENT_FIELDS.items()
        if getattr(was, key) != getattr(now, key)
    ]
    return found


def _poll(status: Status) -> Any:
    """A poll without what changes by itself: votes, and whether it is over."""
    if status.poll is None:
        return None
    return status.poll.get("id"), [option.get("title") for option in status.poll.get("options", ())]


def alt_texts(snapshot: Snapshot) -> dict[str, str | None]:
    """The alt texts of a post by attachment id."""
    return {attachment.id: attachment.description for attachment in snapshot.status.attachments}


def has_texts(now: Snapshot, texts: Mapping[str, str]) -> bool:
    """Whether every text in `texts` is there already."""
    there = alt_texts(now)
    return all((there.get(key) or "") == text for key, text in texts.items())


def is_unchanged(before: Snapshot, now: Snapshot) -> bool:
    """Whether no edit at all lies between the two."""
    return before.status.edited_at == now.status.edited_at and not differences(before, now, {})
