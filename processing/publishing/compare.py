"""What a change of alt texts must not change, compared field by field.

Left out on purpose, because servers change it by themselves: counters, cards, `edited_at`, the id of the post (snac
gives a new one with every edit; `uri` stays), where files lie, and what other people, or its reader, did with it
(favourited, pinned, a quote accepted). LEFT_OUT names every field that is not looked at; a test asks for each of the
others that damage to it is named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from platforms.clients.base import Attachment, Snapshot, Status
from vedfolnir.lib.text import StrangersParser, strip_html

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
LEFT_OUT = {
    "status": {
        "id",
        "url",
        "edited_at",
        "in_reply_to_account_id",
        "is_reblog",
    },  # `in_reply_to_id` says what is answered
    "source": {"spoiler_text"},  # compared as it is shown
    "attachment": {"url", "preview_url", "width", "height"},
}
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
        if not _is_same(key, before.status, after.status)
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
    for number, (was, now) in enumerate(zip(old, new, strict=True), start=1):
        found += _attachment_differences(number, was, now, texts.get(was.id), same_text)
    return found


def _attachment_differences(
    number: int, was: Attachment, now: Attachment, text: str | None, same_text: SameText
) -> list[str]:
    found = []
    if text is None and (now.description or "") != (was.description or ""):
        found.append(
            _("The alt text of picture %(number)d changed, and nothing was written to it.") % {"number": number}
        )
    elif text is not None and not same_text(text, now.description):
        found.append(_("Picture %(number)d does not have the alt text that was written.") % {"number": number})
    found += [
        _("The %(field)s of picture %(number)d changed.") % {"number": number, "field": name}
        for key, name in ATTACHMENT_FIELDS.items()
        if not _is_same(key, was, now)
    ]
    return found


def _same_quote(was: str | None, now: str | None) -> bool:
    """The author of the quoted post may accept it, or take that back, at any time; the quote itself stays."""
    return was == now or (was is not None and now is not None and "" in (was, now))


def _same_policy(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> bool:
    """Who may quote, whatever the server says of the reader alone."""
    return _without_reader(was) == _without_reader(now)


def _without_reader(policy: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if policy is None else {key: value for key, value in policy.items() if key != "current_user"}


def _same_focus(was: str | None, now: str | None) -> bool:
    """The same point, however its numbers look; none is the middle."""
    return _point(was) == _point(now)


def _point(focus: str | None) -> list[float]:
    return [float(one) for one in (focus or "0,0").split(",")]


# Fields for which more than `==` is the same.
SAME: Mapping[str, Callable[[Any, Any], bool]] = {
    "quoted_id": _same_quote,
    "quote_approval": _same_policy,
    "focus": _same_focus,
}


def _is_same(key: str, was: Status | Attachment, now: Status | Attachment) -> bool:
    one, other = getattr(was, key), getattr(now, key)
    return SAME[key](one, other) if key in SAME else bool(one == other)


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


class _Links(StrangersParser):
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


def made_of(texts: Mapping[str, str], base: Snapshot, after: Snapshot, same_text: SameText) -> dict[str, str]:
    """What stands `after` in the place of those of `texts` that a server changed, by attachment id."""
    old, new = alt_texts(base), alt_texts(after)
    return {
        key: shown
        for key, text in texts.items()
        if (shown := new.get(key)) and shown != old.get(key) and not same_text(text, shown)
    }


def has_texts(now: Snapshot, texts: Mapping[str, str], same_text: SameText) -> bool:
    """Whether every text in `texts` is there already."""
    return len(arrived(now, texts, same_text)) == len(texts)


def is_unchanged(before: Snapshot, now: Snapshot, same_text: SameText) -> bool:
    """Whether no edit at all lies between the two."""
    return same_edit(before.status.edited_at, now.status.edited_at) and not differences(before, now, {}, same_text)


def may_be_older(before: Snapshot, now: Snapshot, texts: Mapping[str, str], same_text: SameText) -> bool:
    """Whether `now` may be a copy from before `texts` were all there: some cache's, or that of a slow database."""
    there = arrived(now, texts, same_text)
    edited = not same_edit(before.status.edited_at, now.status.edited_at)
    return not edited and len(there) < len(texts) and not differences(before, now, there, same_text)


def same_edit(was: str, now: str) -> bool:
    """Whether two values of `edited_at` are one time. A newer version of a server may write it with other digits."""
    if was == now:
        return True
    one, other = moment(was), moment(now)
    return one is not None and other is not None and order(one, other) == 0


def moment(text: str) -> datetime | None:
    """A time as servers write it; None for what is none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def order(one: datetime, other: datetime) -> int:
    """-1, 0 or 1: `one` is before, as or after `other`, in whole seconds where one of them has no more."""
    if not (one.microsecond and other.microsecond):
        one, other = one.replace(microsecond=0), other.replace(microsecond=0)
    return (one > other) - (one < other)
