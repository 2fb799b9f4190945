"""What one attempt has in its hands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

from django.utils.translation import gettext as _

from captions.models import Publication
from platforms.clients.base import (
    CredentialsRefused,
    PlatformClient,
    PlatformRefused,
    PlatformUnavailable,
    Snapshot,
    StatusGone,
)
from platforms.clients.profile import Way
from processing.publishing import leases
from processing.publishing.compare import arrived, differences
from processing.publishing.steps import AtStep, Step, unwatched

FRESH = 5.0  # seconds after which the post is looked at once more before something is sent


@dataclass
class Attempt:
    """A publication that this worker holds, a client that speaks for its account, and the post as last read."""

    publication: Publication
    client: PlatformClient
    at_step: AtStep = unwatched
    latest: Snapshot | None = None
    sent: bool = False  # whether a request that may change something went out, or was about to
    base: Snapshot | None = None  # the state before what is being sent, and what that is
    texts: Mapping[str, str] = field(default_factory=dict)
    _read_at: float = 0.0

    @property
    def edits(self) -> bool:
        """Whether this server's way is an edit of the post, with a new `edited_at` and an entry in its history."""
        return self.client.capabilities.way in (Way.EDIT, Way.MEDIA_AND_EDIT)

    def read(self) -> Snapshot:
        """The post as it is now.

        While something was sent whose outcome is not known yet, an answer that cannot be read (a web page of a proxy)
        is a reason to ask again later and never to settle.
        """
        try:
            self.latest = self.client.snapshot(self.publication.post.remote_id)
        except (CredentialsRefused, StatusGone):
            raise
        except PlatformRefused as error:
            if self.publication.sent_at is None:
                raise
            raise PlatformUnavailable(error.reason) from error
        self._read_at = monotonic()
        return self.latest

    def before_each(self) -> None:
        """Right before each request that may change something.

        A server without haste, or twenty pictures, must not let us write over what somebody wrote meanwhile. Raises
        PlatformUnavailable when the post is not as it was, for the next attempt to judge; LeaseLost.
        """
        self.at_step(Step.BEFORE_REQUEST)
        if self.base is not None and monotonic() - self._read_at > FRESH:
            self._look_again(self.base)
        leases.renew(self.publication)
        self.sent = True

    def _look_again(self, base: Snapshot) -> None:
        now, same_text = self.read(), self.client.same_text
        there = arrived(now, self.texts, same_text)
        if base.status.edited_at != now.status.edited_at or differences(base, now, there, same_text):
            raise PlatformUnavailable(_("The post changed while it was being written to."))
