"""Every server whose way of editing is not proven: read like the others, never written."""

from collections.abc import Callable, Mapping
from typing import Never

from platforms.clients.base import PlatformRefused, Snapshot, nothing
from platforms.clients.reading import Reader


class UnknownClient(Reader):
    """Shows what is there; the alt texts are copied by hand."""

    def require_writable(self, before: Snapshot) -> Never:
        """Raise PlatformRefused with the reason that `capabilities` give."""
        raise PlatformRefused(self.capabilities.reason)

    def write_alt_texts(
        self, before: Snapshot, texts: Mapping[str, str], *, before_each: Callable[[], None] = nothing
    ) -> Never:
        """Raise PlatformRefused with the reason that `capabilities` give; nothing is sent."""
        raise PlatformRefused(self.capabilities.reason)
