"""Writing approved alt texts back to their posts: claim, read, compare, write, read back, and only then POSTED.

`publish_publication` is the whole of it for one row; the worker, the command and the tests call nothing else.
"""

import logging
from collections.abc import Callable
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext as _

from captions.models import Publication
from platforms import looking
from platforms.clients.base import (
    CredentialsRefused,
    PlatformClient,
    PlatformError,
    PlatformRefused,
    PlatformUnavailable,
    StatusGone,
)
from platforms.models import PlatformConnection
from platforms.speaking import client_for
from processing.publishing import leases, outcomes, undoing, writing
from processing.publishing.attempt import Attempt
from processing.publishing.steps import AtStep, Step, unwatched

logger = logging.getLogger(__name__)

ClientFactory = Callable[[PlatformConnection], PlatformClient]


class Result(StrEnum):
    NOT_DUE = "not due"
    POSTED = "posted"
    UNDONE = "undone"
    REFUSED = "refused"
    LATER = "later"
    LEASE_LOST = "lease lost"


def publish_publication(pk: int, *, client_factory: ClientFactory = client_for, at_step: AtStep = unwatched) -> Result:
    """Do what the publication asks for, if it is due: write its alt texts, or undo them. Safe to run twice.

    `at_step` is called at each of `steps.Step`: for tests that end or stop a worker there.
    """
    publication = leases.claim(pk)
    if publication is None:
        return Result.NOT_DUE
    at_step(Step.CLAIMED)
    try:
        return _attempt(publication, client_factory, at_step)
    except leases.LeaseLost:
        return _lost(publication, client_factory)
    except Exception:  # the outermost loop: a mistake of ours must be seen on the row, too
        logger.exception("publication %s: unexpected error", pk)
        mistake = PlatformUnavailable(_("Something went wrong in Vedfolnir itself; the worker's log has the details."))
        try:
            return Result.LATER if outcomes.postpone(publication, mistake) else Result.REFUSED
        except leases.LeaseLost:
            return _lost(publication, client_factory)


def _lost(publication: Publication, client_factory: ClientFactory) -> Result:
    """Another worker goes on. What this one may have sent was judged by that one; look whether it came after all."""
    logger.warning("publication %s: the lease was lost, another worker goes on", publication.pk)
    if publication.sent_at is not None:
        try:
            client = client_factory(publication.platform_connection)
            try:
                outcomes.look_after_the_other(publication, client)
            finally:
                client.close()
        except PlatformError as error:
            logger.warning("publication %s: nobody could look at the post again: %s", publication.pk, error.reason)
    return Result.LEASE_LOST


def _attempt(publication: Publication, client_factory: ClientFactory, at_step: AtStep) -> Result:
    undo = publication.status == Publication.Status.UNDOING
    attempt = None
    try:
        looking.look_again(publication.platform_connection, since=timezone.now() - looking.VALID)
        client = client_factory(publication.platform_connection)
        attempt = Attempt(publication, client, at_step)
        try:
            done = undoing.undo(attempt) if undo else writing.write(attempt)
        finally:
            client.close()
    except PlatformUnavailable as error:
        return Result.LATER if outcomes.postpone(publication, error) else Result.REFUSED
    except CredentialsRefused as error:
        outcomes.hold_for_credentials(publication, error)
        return Result.LATER
    except StatusGone as error:
        gone = _("The post is not there any more; it was deleted, or this account may not see it.")
        outcomes.refuse(publication, f"{gone} ({error.reason})")
        return Result.REFUSED
    except PlatformRefused as error:
        partly = ""
        if attempt is None and outcomes.hold_undo(publication, error):
            return Result.LATER
        if attempt is not None:
            partly = undoing.partly_undone(attempt) if undo else writing.partly_written(attempt)
        outcomes.refuse(publication, f"{error.reason} {partly}".strip())
        return Result.REFUSED
    if not done:
        return Result.REFUSED
    return Result.UNDONE if undo else Result.POSTED
