"""Mastodon 4.1 and newer, glitch-soc included: alt texts are written by one edit of the post.

What an edit leaves out is lost there (an omitted `media_ids` removes the pictures), so it sends everything. The facts:
app/controllers/api/v1/statuses_controller.rb and app/services/update_status_service.rb of mastodon/mastodon.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from platforms.clients.api import NotFound
from platforms.clients.base import Attachment, PlatformRefused, Snapshot, Status, StatusGone, nothing
from platforms.clients.reading import Reader

# `quote_approval.automatic` of a status (Mastodon 4.5), and what the edit call names it.
QUOTE_POLICIES: Mapping[tuple[str, ...], str] = {("public",): "public", ("followers",): "followers", (): "nobody"}


class MastodonClient(Reader):
    """One account on a Mastodon server; `capabilities` decide whether it writes (4.1 and newer only)."""

    def write_alt_texts(
        self, before: Snapshot, texts: Mapping[str, str], *, before_each: Callable[[], None] = nothing
    ) -> None:
        """Send the one edit, with everything of `before` in it.

        Raises PlatformRefused, before anything is sent, for a post with a poll (re-sending one starts it again), with a
        quote policy that cannot be sent again, and for pictures that are not there. A refusal by the server (422) is
        PlatformRefused too, a deleted post StatusGone.
        """
        self.require_writable(before)
        body = _edit(before, texts)
        path = f"/api/v1/statuses/{quote(before.status.id, safe='')}"
        before_each()
        self._begun = before.status.id
        try:
            self._api.put(path, scope="write:statuses", json=body)
        except NotFound as error:
            raise StatusGone(error.reason) from error

    def require_writable(self, before: Snapshot) -> None:
        status, source = before.status, before.source
        if not self.capabilities.can_write:
            raise PlatformRefused(self.capabilities.reason)
        if status.poll is not None:
            raise PlatformRefused(
                _("The post has a poll, which an edit would start again. Add the alt text by hand, or leave it.")
            )
        if source.spoiler_text and not source.text.strip():
            raise PlatformRefused(
                _("The post has a content warning and no text; an edit would turn one into the other. Do it by hand.")
            )
        if status.quote_approval is not None:
            _quote_policy(status)


def _edit(before: Snapshot, texts: Mapping[str, str]) -> dict[str, Any]:
    status, source = before.status, before.source
    if not texts or not set(texts) <= {attachment.id for attachment in status.attachments}:
        raise PlatformRefused(_("The post no longer has the pictures that the alt texts are for. Scan again."))
    body: dict[str, Any] = {
        "status": source.text,
        "spoiler_text": source.spoiler_text,
        "sensitive": status.sensitive,
        "media_ids": [attachment.id for attachment in status.attachments],
        "media_attributes": [_attributes(attachment, texts) for attachment in status.attachments],
    }
    if status.language is not None:
        body["language"] = status.language
    if source.content_type is not None:
        body["content_type"] = source.content_type
    if status.quote_approval is not None:
        body["quote_approval_policy"] = _quote_policy(status)
    return body


def _attributes(attachment: Attachment, texts: Mapping[str, str]) -> dict[str, Any]:
    # An empty text takes the alt text away, as it was before there was one.
    description = (texts[attachment.id] or None) if attachment.id in texts else attachment.description
    attributes: dict[str, Any] = {"id": attachment.id, "description": description}
    if attachment.focus is not None:
        attributes["focus"] = attachment.focus
    return attributes


def _quote_policy(status: Status) -> str:
    approval = status.quote_approval or {}
    automatic, manual = approval.get("automatic"), approval.get("manual")
    policy = QUOTE_POLICIES.get(tuple(str(one) for one in automatic)) if isinstance(automatic, list) else None
    if policy is None or manual:
        raise PlatformRefused(
            _("Who may quote the post is set in a way that an edit cannot repeat. Add the alt text by hand.")
        )
    return policy
