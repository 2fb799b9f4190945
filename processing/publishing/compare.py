"""What a change of alt texts must not change, compared field by field.

Left out on purpose, because servers change it by themselves: counters, cards, `edited_at`, the id of the post (snac
gives a new one with every edit; `uri` stays), and what other people, or its reader, did with it (favourited, pinned).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.base import Attachment, Snapshot, Status
from vedfolnir.lib.text import strip_html

SameText = Callable[[str, str | None], bool]  # PlatformClient.same_text: what was written, what is shown

# Field of a status -> what a person calls it. All of these must be the same afterwards as before.
STATUS_FIELDS = {
    "uri": gettext_lazy("address of the post"),
    "account_id": gettext_lazy("author"),
    "created_at": gettext_lazy("date"),
    "visibility": gettext_lazy("visibility"),
    "sensitive": gettext_lazy("sensitive mark"),
    "spoiler_text": gettext_lazy("content warning"),
    "in_reply_to_id": gettext_lazy("reply"),
    "quoted_id": gettext_lazy("quoted post"),
    "quote_approval": gettext_lazy("quote policy"),
    "interaction_policy": gettext_lazy("interaction policy"),
    "local_only": gettext_lazy("limit to its own server"),
}
SETS = {
    "mentions": gettext_lazy("mentions"),
    "tags": gettext_lazy("hashtags"),
    "emojis": gettext_lazy("emojis"),
}
SOURCE_FIELDS = {"text": gettext_lazy("text"), "content_type": gettext_lazy("format")}
ATTACHMENT_FIELDS = {"type": gettext_lazy("type"), "focus": gettext_lazy("focal point")}
# What no author can change by editing a post: a change of it is never put down to the author.
NOT_THE_AUTHORS = frozenset(
    {"uri", "account_id", "created_at", "visibility", "in_reply_to_id", "quoted_id", "interaction_policy", "local_only"}
)


@dataclass(frozen=True)
class Change:
    """Something beside the alt texts that is not as it was."""

    field: str
    name: str  # as a person calls it
    was: str
    now: str

    def __str__(self) -> str:
        return _("The %(field)s changed.") % {"field": self.name}


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """What of the post itself is different, its pictures aside."""
    found = [
        _change(key, name, getattr(before.source, key), getattr(after.source, key))
        for key, name in SOURCE_FIELDS.items()
    ]
    found += [
        _change(key, name, getattr(before.status, key), getattr(after.status, key))
        for key, name in STATUS_FIELDS.items()
    ]
    found += [
        _change(key, name, sorted(getattr(before.status, key)), sorted(getattr(after.status, key)))
        for key, name in SETS.items()
    ]
    found.append(_change("content", _("text as it is shown"), _shown(before.status), _shown(after.status)))
    found.append(_change("poll", _("poll"), _poll(before.status), _poll(after.status)))
    if before.status.language:  # a server may fill in a language where there was none; that loses nothing
        found.append(_change("language", _("language"), before.status.language, after.status.language))
    real = [change for change in found if change is not None]
    if any(change.field == "text" for change in real):
        real = [change for change in real if change.field != "content"]  # the same once more
    return real


def _change(key: str, name: Any, was: Any, now: Any) -> Change | None:
    return None if was == now else Change(key, str(name), _in_words(was), _in_words(now))


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(one) for one in value)
    return "" if value is None else str(value)


def differences(before: Snapshot, after: Snapshot, texts: Mapping[str, str], same_text: SameText) -> list[str]:
    """Sentences about everything that is not as it must be once `texts` (by attachment id) are written.

    Empty when exactly the alt texts in `texts` changed and nothing else did.
    """
    return [str(change) for change in changes(before, after)] + picture_differences(before, after, texts, same_text)


def picture_differences(before: Snapshot, after: Snapshot, texts: Mapping[str, str], same_text: SameText) -> list[str]:
    """As `differences`, of the pictures alone."""
    old, new = before.status.attachments, after.status.attachments
    if [attachment.id for attachment in old] != [attachment.id for attachment in new]:
        return [_("The pictures, or their order, changed.")]
    found = []
    for was, now in zip(old, new, strict=True):
        found += _attachment_differences(was, now, texts.get(was.id), same_text)
    return found


def _attachment_differences(was: Attachment, now: Attachment, text: str | None, same_text: SameText) -> list[str]:
    names = {"id": now.id}
    found = []
    if text is None and (now.description or "") != (was.description or ""):
        found.append(_("The alt text of another picture (%(id)s) changed.") % names)
    elif text is not None and not same_text(text, now.description):
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


def _shown(status: Status) -> tuple[str, ...]:
    """The words and the links of a post. Its markup may be made anew by a newer version of the server."""
    links = _Links()
    links.feed(status.content)
    links.close()
    return (" ".join(strip_html(status.content).split()), *links.found)


class _Links(HTMLParser):
    """Where the links of a post lead: an edit that loses them (snac 2.75) leaves the words as they were."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append(dict(attrs).get("href") or "")


def alt_texts(snapshot: Snapshot) -> dict[str, str | None]:
    """The alt texts of a post by attachment id."""
    return {attachment.id: attachment.description for attachment in snapshot.status.attachments}


def arrived(now: Snapshot, texts: Mapping[str, str], same_text: SameText) -> dict[str, str]:
    """Those of `texts` that are there."""
    there = alt_texts(now)
    return {key: text for key, text in texts.items() if key in there and same_text(text, there[key])}


def has_texts(now: Snapshot, texts: Mapping[str, str], same_text: SameText) -> bool:
    """Whether every text in `texts` is there already."""
    return len(arrived(now, texts, same_text)) == len(texts)


def is_unchanged(before: Snapshot, now: Snapshot, same_text: SameText) -> bool:
    """Whether no edit at all lies between the two."""
    return before.status.edited_at == now.status.edited_at and not differences(before, now, {}, same_text)
