"""Every server whose way of editing is not proven: read like the others, never written."""

from collections.abc import Mapping
from typing import Never

from platforms.clients.base import BeforeEach, PlatformRefused, Snapshot, nothing
from platforms.clients.profile import Profile
from platforms.clients.reading import Reader

PROFILE = Profile(
    family="unknown",
    title="Every other server",
    software=(),
    writings=(),
    alt_text_limit_at=(("configuration", "media_attachments", "description_limit"), ("description_limit",)),
    cannot=("everything: the alt texts are shown, to be copied by hand",),
    proof="not proven, so nothing is written",
)


class UnknownClient(Reader):
    """Shows what is there; the alt texts are copied by hand."""

    profile = PROFILE

    def require_writable(self, before: Snapshot, texts: Mapping[str, str] | None = None) -> Never:
        """Raise PlatformRefused with the reason that `capabilities` give."""
        raise PlatformRefused(self.capabilities.reason)

    def write_alt_texts(
        self, before: Snapshot, texts: Mapping[str, str], *, before_each: BeforeEach = nothing
    ) -> Never:
        """Raise PlatformRefused with the reason that `capabilities` give; nothing is sent."""
        raise PlatformRefused(self.capabilities.reason)
