"""What one attempt has in its hands."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
from processing.publishing.compare import arrived, differences, same_edit
from processing.publishing.steps import AtStep, Step, unwatched
from vedfolnir.lib import clock

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
    _sent_before: bool = False

    @property
    def edits(self) -> bool:
        """Whether this server's way is an edit of the post, with a new `edited_at` and an entry in its history."""
        return self.client.capabilities.way in (Way.EDIT, Way.MEDIA_AND_EDIT)

    def read(self) -> Snapshot:
        """The post as it is now.

        While something was sent whose outcome is not known yet, an answer that cannot be read (a web page of a proxy)
        is a reason to ask again later and never to settle.
        """
        begun = clock.moment()  # what a slow answer says is as old as that
        try:
            self.latest = self.client.snapshot(self.publication.post.remote_id)
        except (CredentialsRefused, StatusGone):
            raise
        except PlatformRefused as error:
            if self.publication.sent_at is None:
                raise
            raise PlatformUnavailable(error.reason) from error
        self._read_at = begun
        return self.latest

    def before_each(self) -> float:
        """Right before each request that may change something. Returns the moment after which it must not go out.

        A server without haste, or twenty pictures, must not let us write over what somebody wrote meanwhile; nor must
        a worker that was stopped in here and wakes when its lease is over, so the time counts from before the renewal.
        Raises PlatformUnavailable when the post is not as it was, for the next attempt to judge; LeaseLost.
        """
        self.at_step(Step.BEFORE_REQUEST)
        if self.base is not None and clock.moment() - self._read_at > FRESH:
            self._look_again(self.base)
        begun = clock.moment()
        leases.renew(self.publication)
        self._sent_before, self.sent = self.sent, True
        self.at_step(Step.RENEWED)
        return begun + leases.REQUEST_LIMIT.total_seconds()

    def last_was_not_sent(self) -> None:
        """The request that `before_each` was called for last did not go out after all."""
        self.sent = self._sent_before

    def _look_again(self, base: Snapshot) -> None:
        now, same_text = self.read(), self.client.same_text
        there = arrived(now, self.texts, same_text)
        if not same_edit(base.status.edited_at, now.status.edited_at) or differences(base, now, there, same_text):
            raise PlatformUnavailable(_("The post changed while it was being written to."))
