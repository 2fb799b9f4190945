"""The writing half that all families share: what is refused before anything is sent, and the requests that write."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from platforms.clients.api import NotFound, Unreadable
from platforms.clients.base import (
    Attachment,
    BeforeEach,
    Capabilities,
    PlatformRefused,
    Snapshot,
    StatusGone,
    nothing,
)
from platforms.clients.editing import Body, edit_of
from platforms.clients.profile import Way
from platforms.clients.reading import Reader
from vedfolnir.lib.text import length


def why_no_poll(way: Way) -> str:
    """Why nothing is written to a post with a poll, a sentence."""
    if way is Way.MEDIA:
        return _(
            "The post has a poll, and whether writing to its pictures keeps the votes is not proven for this server."
        )
    return _("The post has a poll; an edit would reset its votes.")


class Writer(Reader):
    """Writes by the way that `capabilities` name. See `PlatformClient` for what each method promises."""

    def write_alt_texts(self, before: Snapshot, texts: Mapping[str, str], *, before_each: BeforeEach = nothing) -> None:
        self.require_writable(before, texts)
        self._write(before, texts, before_each)

    def _write(self, before: Snapshot, texts: Mapping[str, str], before_each: BeforeEach) -> None:
        if self.capabilities.way is Way.MEDIA:
            self._put_media(before, texts, before_each)
        else:
            self._edit(before, self._body(before, texts), before_each)

    def require_writable(self, before: Snapshot, texts: Mapping[str, str] | None = None) -> None:
        if not self.capabilities.can_write:
            raise PlatformRefused(self.capabilities.reason)
        if before.status.poll is not None:
            by_hand = _("Add the alt text by hand, or leave it.")
            raise PlatformRefused(f"{why_no_poll(self.capabilities.way)} {by_hand}")
        self._require_post(before)
        if texts is not None:
            self._require_pictures(before.status.attachments, texts)
            for text in texts.values():
                self.require_text(self.capabilities, text)

    def _require_post(self, before: Snapshot) -> None:
        """Raise PlatformRefused for a post that this family would damage."""

    def _require_pictures(self, attachments: Sequence[Attachment], texts: Mapping[str, str]) -> None:
        if not texts or not set(texts) <= {attachment.id for attachment in attachments}:
            raise PlatformRefused(_("The post no longer has the pictures that the alt texts are for. Scan again."))

    @classmethod
    def require_text(cls, capabilities: Capabilities, text: str) -> None:
        """Raise PlatformRefused for an alt text that such a server would not keep as it is written."""
        limit = capabilities.alt_text_limit
        if limit is not None and length(text) > limit:
            raise PlatformRefused(
                ngettext(
                    "The alt text is longer than the %(limit)d character that this server takes. Shorten it.",
                    "The alt text is longer than the %(limit)d characters that this server takes. Shorten it.",
                    limit,
                )
                % {"limit": limit}
            )
        if "\x00" in text:
            raise PlatformRefused(_("The alt text contains a character that no server stores. Type it again."))

    def _body(self, before: Snapshot, texts: Mapping[str, str]) -> Body:
        """What an edit sends."""
        return edit_of(before, texts)

    def _edit(self, before: Snapshot, body: Body, before_each: BeforeEach) -> None:
        """One edit of the post. Raises StatusGone when it is not there."""
        path = f"/api/v1/statuses/{quote(before.status.id, safe='')}"
        try:
            self._change(before, path, body, "write:statuses", before_each)
        except NotFound as error:
            raise StatusGone(error.reason) from error

    def _put_media(self, before: Snapshot, texts: Mapping[str, str], before_each: BeforeEach) -> None:
        """One request for each picture that does not show its text yet, in the order of the post."""
        for attachment in before.status.attachments:
            text = texts.get(attachment.id)
            if text is not None and not self.same_text(text, attachment.description):
                self._put_one(before, attachment.id, text, before_each)

    def _put_one(self, before: Snapshot, attachment_id: str, text: str, before_each: BeforeEach) -> None:
        # Takahē and Pixelfed take an alt text away that is not named, so it always is; an empty one takes it away.
        path = f"/api/v1/media/{quote(attachment_id, safe='')}"
        try:
            self._change(before, path, {"description": text}, "write:media", before_each)
        except Unreadable:
            if not self.same_text(text, self._described(before, attachment_id)):
                raise

    def _described(self, before: Snapshot, attachment_id: str) -> str | None:
        """The alt text that a picture of the post has by now."""
        now = self.snapshot(before.status.id)
        return next((one.description for one in now.status.attachments if one.id == attachment_id), None)

    def _change(self, before: Snapshot, path: str, body: Body, scope: str, before_each: BeforeEach) -> None:
        """Send one request that may change something of the post `before`."""

        def just_before() -> float | None:
            not_after = before_each()
            self._begin(before.status.id)
            return not_after

        self._ask("PUT", path, scope=scope, json=body, just_before=just_before)
