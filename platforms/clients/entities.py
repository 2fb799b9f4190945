"""From the JSON of the Mastodon API to our frozen data. What does not look as documented is PlatformRefused.

https://docs.joinmastodon.org/entities/ says which fields are always there and which may be null. Beyond that, a null
whose meaning is plain (no text, not sensitive) is taken as that.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from platforms.clients.base import (
    Account,
    Attachment,
    PastVersion,
    PlatformRefused,
    Status,
    StatusSource,
    UnreadableStatus,
)
from vedfolnir.lib.text import clean_line

LONGEST_EDITED_AT = 40  # characters, the columns' length; it is compared, so it cannot be cut
MOST_ATTACHMENTS = 1000
LONGEST_LANGUAGE = 20  # characters, the column's length
LONGEST_URL = 500  # characters of an address that people follow

# NUL does not fit into PostgreSQL's text, half a surrogate pair into nobody's UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Fields:
    """A JSON object whose fields are read with a check."""

    def __init__(self, data: Any, kind: str) -> None:
        self.kind = kind
        if not isinstance(data, Mapping):
            raise self.odd("")
        self._data = data

    def odd(self, name: str) -> PlatformRefused:
        """The exception that says that this field is not as documented."""
        known = {"what": f"{self.kind}.{name}" if name else self.kind}
        return PlatformRefused(
            _("The server's answer is not what the Mastodon API documents (“%(what)s” is missing or odd).") % known
        )

    def get(self, name: str) -> Any:
        """Whatever stands there; None when nothing does."""
        return self._data.get(name)

    def text(self, name: str) -> str:
        value = self._data.get(name)
        if not isinstance(value, str) or _UNSTORABLE.search(value):
            raise self.odd(name)
        return value

    def text_or_null(self, name: str) -> str:
        """A text that some servers send as null when it is empty. It must not be left out."""
        return "" if self._is_null(name) else self.text(name)

    def _is_null(self, name: str) -> bool:
        return name in self._data and self._data[name] is None

    def line(self, name: str, length: int | None = None) -> str:
        """Something for people to read, cleaned to one line; empty when it is not there or no text."""
        value = self._data.get(name)
        return clean_line(value, length) if isinstance(value, str) else ""

    def optional_text(self, name: str) -> str | None:
        return None if self._data.get(name) is None else self.text(name)

    def id(self, name: str = "id") -> str:
        """An opaque id: text, or a number from servers that are careless."""
        value = self._data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if self.text(name) in ("", ".", ".."):  # dots would climb in a URL's path
            raise self.odd(name)
        return self.text(name)

    def flag_or_null(self, name: str) -> bool:
        """True or False; null is False. It must not be left out."""
        value = False if self._is_null(name) else self._data.get(name)
        if not isinstance(value, int) or value not in (0, 1):  # True and False are integers
            raise self.odd(name)
        return bool(value)

    def objects(self, name: str, *, optional: bool = False) -> list["Fields"]:
        value = self._data.get(name)
        if value is None and optional:
            return []
        if not isinstance(value, list):
            raise self.odd(name)
        return [Fields(item, f"{self.kind}.{name}") for item in value]

    def object(self, name: str) -> "Fields":
        return Fields(self._data.get(name), f"{self.kind}.{name}")

    def optional_mapping(self, name: str) -> Mapping[str, Any] | None:
        """An object that is kept as it is; it must fit into a JSON column."""
        value = self._data.get(name)
        if value is not None and not (isinstance(value, Mapping) and _is_storable(value)):
            raise self.odd(name)
        return value

    def at(self, *path: str) -> Any:
        """What stands at the end of a path of objects; None where it breaks off."""
        value: Any = self._data
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def account(data: Any) -> Account:
    fields = Fields(data, "account")
    username = fields.line("username")
    if not username:
        raise fields.odd("username")
    url = followable(fields.get("url"))
    return Account(
        id=fields.id(),
        username=username,
        url=url,
        display_name=fields.line("display_name", 200),
        language=_language_of_posts(fields),
    )


def _language_of_posts(account: Fields) -> str:
    """`source.language` of CredentialAccount: a code, null, or nothing; Takahē says "unk" of everybody."""
    language = account.at("source", "language")
    return clean_line(language, LONGEST_LANGUAGE) if isinstance(language, str) else ""


def status(data: Any) -> Status:
    fields = Fields(data, "status")
    uri = fields.text("uri")
    edited_at = fields.optional_text("edited_at") or ""
    if len(edited_at) > LONGEST_EDITED_AT:
        raise fields.odd("edited_at")
    attachments = fields.objects("media_attachments")
    if len(attachments) > MOST_ATTACHMENTS:
        raise fields.odd("media_attachments")
    return Status(
        id=fields.id(),
        uri=uri,
        url=fields.optional_text("url") or uri,
        account_id=fields.object("account").id(),
        created_at=fields.text("created_at"),
        edited_at=edited_at,
        visibility=fields.text("visibility"),
        sensitive=fields.flag_or_null("sensitive"),
        spoiler_text=fields.text_or_null("spoiler_text"),
        language=fields.optional_text("language"),
        content=fields.text_or_null("content"),
        in_reply_to_id=_optional_id(fields, "in_reply_to_id"),
        in_reply_to_account_id=_optional_id(fields, "in_reply_to_account_id"),
        is_reblog=fields.get("reblog") is not None,
        poll=fields.optional_mapping("poll"),
        tags=tuple(tag.text("name").lower() for tag in fields.objects("tags", optional=True)),
        # snac names whom a reply answers twice, until the post is edited.
        mentions=tuple(dict.fromkeys(mention.text("acct") for mention in fields.objects("mentions", optional=True))),
        attachments=tuple(_attachment(item) for item in attachments),
        quote_approval=fields.optional_mapping("quote_approval"),
        interaction_policy=fields.optional_mapping("interaction_policy"),
        quoted_id=_quoted(fields),
        emojis=tuple(sorted(emoji.line("shortcode") for emoji in fields.objects("emojis", optional=True))),
        local_only=fields.get("local_only") if isinstance(fields.get("local_only"), bool) else None,
    )


def _quoted(fields: Fields) -> str | None:
    """The id of the quoted post: inside the quote, or beside it where only the id is given (Mastodon 4.4).

    Empty for a quote that does not say of what: its author has not accepted it yet, or not any more.
    """
    if not isinstance(fields.get("quote"), Mapping):
        return None
    found = fields.at("quote", "quoted_status", "id") or fields.at("quote", "quoted_status_id")
    return str(found) if isinstance(found, str | int) else ""


def history(data: Any) -> list[PastVersion]:
    """StatusEdit entities, oldest first, as every server gives them."""
    if not isinstance(data, list):
        raise Fields({}, "history").odd("")
    return sorted((_past_version(item) for item in data), key=lambda version: version.created_at)


def _past_version(data: Any) -> PastVersion:
    fields = Fields(data, "history")
    pictures = fields.objects("media_attachments", optional=True)
    return PastVersion(
        created_at=fields.text("created_at"),
        content=fields.text_or_null("content"),
        spoiler_text=fields.text_or_null("spoiler_text"),
        sensitive=fields.flag_or_null("sensitive"),
        alt_texts={picture.id(): picture.optional_text("description") for picture in pictures},
    )


def _optional_id(fields: Fields, name: str) -> str | None:
    return None if fields.get(name) is None else fields.id(name)


def status_or_why_not(data: Any) -> Status | UnreadableStatus:
    """One post of many: an odd one must not hide the others."""
    try:
        return status(data)
    except PlatformRefused as error:
        return _unreadable(data, error.reason)


def _unreadable(data: Any, reason: str) -> UnreadableStatus:
    try:
        fields = Fields(data, "status")
        return UnreadableStatus(fields.id(), followable(fields.get("url")), reason)
    except PlatformRefused:
        return UnreadableStatus("", "", reason)


def followable(url: Any) -> str:
    """A web address that a person may follow, or an empty text.

    A cut one would lead elsewhere, another scheme could be code, and what cannot be seen could deceive.
    """
    if not isinstance(url, str) or len(url) > LONGEST_URL or clean_line(url) != url:
        return ""
    return url if url.startswith(("https://", "http://")) else ""


def _is_storable(value: Any) -> bool:
    """Whether a JSON column takes it: no NaN, no infinity, no character that cannot be stored."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (ValueError, RecursionError):
        return False
    escaped = text.replace("\\\\", "")  # what is left of a backslash begins an escape
    return not _UNSTORABLE.search(text) and "\\u0000" not in escaped


def _attachment(fields: Fields) -> Attachment:
    return Attachment(
        id=fields.id(),
        type=fields.text("type"),
        url=fields.optional_text("url") or fields.optional_text("remote_url") or "",
        preview_url=fields.optional_text("preview_url") or "",
        description=fields.optional_text("description"),
        focus=_focus(fields.at("meta", "focus")),
        width=_length(fields.at("meta", "original", "width")),
        height=_length(fields.at("meta", "original", "height")),
    )


def _focus(value: Any) -> str | None:
    """`{"x": -0.5, "y": 0.25}` as the edit call takes it: "-0.5,0.25", every digit kept."""
    if not isinstance(value, Mapping):
        return None
    numbers = value.get("x"), value.get("y")
    return "{},{}".format(*numbers) if all(map(_is_finite, numbers)) else None


def _is_finite(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def _length(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None


def source(data: Any) -> StatusSource:
    fields = Fields(data, "source")
    return StatusSource(
        text=fields.text("text"),
        spoiler_text=fields.text_or_null("spoiler_text"),
        content_type=fields.optional_text("content_type"),
    )
