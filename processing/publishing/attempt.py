"""What one attempt has in its hands."""

from dataclasses import dataclass

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
from processing.publishing.steps import AtStep, Step, unwatched


@dataclass
class Attempt:
    """A publication that this worker holds, a client that speaks for its account, and the post as last read."""

    publication: Publication
    client: PlatformClient
    at_step: AtStep = unwatched
    latest: Snapshot | None = None
    sent: bool = False  # whether a request that may change something went out, or was about to

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
        return self.latest

    def before_each(self) -> None:
        """Right before each request that may change something. Raises LeaseLost."""
        self.at_step(Step.BEFORE_REQUEST)
        leases.renew(self.publication)
        self.sent = True
