"""From the JSON of the Mastodon API to our frozen data. What does not look as documented is PlatformRefused.

https://docs.joinmastodon.org/entities/ says which fields are always there and which may be null.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from platforms.clients.base import Account, Attachment, PlatformRefused, Status, StatusSource

# NUL does not fit into PostgreSQL's text, half a surrogate pair into nobody's UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Fields:
    """A JSON object whose fields are read with a check."""

    def __init__(self, data: Any, kind: str) -> None:
        self.kind = kind
        if not isinstance(data, Mapping):
            raise self._odd("")
        self._data = data

    def _odd(self, name: str) -> PlatformRefused:
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
            raise self._odd(name)
        return value

    def optional_text(self, name: str) -> str | None:
        return None if self._data.get(name) is None else self.text(name)

    def id(self, name: str = "id") -> str:
        """An opaque id: text, or a number from servers that are careless."""
        value = self._data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if self.text(name) in ("", ".", ".."):  # dots would climb in a URL's path
            raise self._odd(name)
        return self.text(name)

    def flag(self, name: str) -> bool:
        value = self._data.get(name)
        if not isinstance(value, int) or value not in (0, 1):  # True and False are integers
            raise self._odd(name)
        return bool(value)

    def objects(self, name: str, *, optional: bool = False) -> list["Fields"]:
        value = self._data.get(name)
        if value is None and optional:
            return []
        if not isinstance(value, list):
            raise self._odd(name)
        return [Fields(item, f"{self.kind}.{name}") for item in value]

    def object(self, name: str) -> "Fields":
        return Fields(self._data.get(name), f"{self.kind}.{name}")

    def optional_mapping(self, name: str) -> Mapping[str, Any] | None:
        value = self._data.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise self._odd(name)
        return value

    def at(self, *path: str) -> Any:
        """What stands at the end of a path of objects; None where it breaks off."""
        value: Any = self._data
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def account(data: Any) -> Account:
    fields = Fields(data, "account")
    return Account(
        id=fields.id(),
        username=fields.text("username"),
        url=fields.optional_text("url") or "",
        display_name=fields.optional_text("display_name") or "",
    )


def status(data: Any) -> Status:
    fields = Fields(data, "status")
    uri = fields.text("uri")
    return Status(
        id=fields.id(),
        uri=uri,
        url=fields.optional_text("url") or uri,
        account_id=fields.object("account").id(),
        created_at=fields.text("created_at"),
        edited_at=fields.optional_text("edited_at") or "",
        visibility=fields.text("visibility"),
        sensitive=fields.flag("sensitive"),
        spoiler_text=fields.text("spoiler_text"),
        language=fields.optional_text("language"),
        content=fields.text("content"),
        in_reply_to_id=None if fields.get("in_reply_to_id") is None else fields.id("in_reply_to_id"),
        is_reblog=fields.get("reblog") is not None,
        poll=fields.optional_mapping("poll"),
        tags=tuple(tag.text("name").lower() for tag in fields.objects("tags", optional=True)),
        mentions=tuple(mention.text("acct") for mention in fields.objects("mentions", optional=True)),
        attachments=tuple(_attachment(item) for item in fields.objects("media_attachments")),
        quote_approval=fields.optional_mapping("quote_approval"),
    )


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
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        return None
    return "{},{}".format(*numbers)


def _length(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def source(data: Any) -> StatusSource:
    fields = Fields(data, "source")
    return StatusSource(
        text=fields.text("text"),
        spoiler_text=fields.text("spoiler_text"),
        content_type=fields.optional_text("content_type"),
    )
