"""One step of a task: scan the account if that is still to be done, else see how far its images are."""

import logging
from collections.abc import Callable

from django.utils import timezone
from django.utils.translation import gettext as _

from platforms import actions as platforms
from platforms.clients.api import HeldBack
from platforms.clients.base import CredentialsRefused, PlatformClient, PlatformRefused, PlatformUnavailable
from platforms.looking import look_again
from platforms.models import PlatformConnection
from platforms.speaking import client_for
from processing import lifecycle, scanning, stopping
from processing.leases import LeaseLost
from processing.models import CaptionGenerationTask

logger = logging.getLogger(__name__)

BUDGET = 60.0  # seconds
ClientFactory = Callable[[PlatformConnection], PlatformClient]


def nothing() -> None:
    """For those who need no sign after each page."""


def run_task(
    task_id: str,
    *,
    client_factory: ClientFactory = client_for,
    after_page: Callable[[], object] = nothing,
    seconds: float = BUDGET,
) -> bool:
    """Do the next step of a task if it is due; True if there is more to do at once.

    Safe to run twice and by several workers at once. `after_page` is called when new images may be due; after about
    `seconds` a long step stops, and the next call goes on with it.
    """
    if not lifecycle.withdraw(task_id, seconds=seconds):
        return True
    task = None if lifecycle.end_if_switched_off(task_id) else lifecycle.claim(task_id)
    more = task is not None and _scan(task, client_factory, after_page, seconds)
    lifecycle.end_if_switched_off(task_id)
    lifecycle.note_progress(task_id)
    return more


def _scan(
    task: CaptionGenerationTask, client_factory: ClientFactory, after_page: Callable[[], object], seconds: float
) -> bool:
    """True if there is more to read."""
    if task.failures > lifecycle.FAILURES_MOST:
        lifecycle.fail(
            task, _("The worker ended %(count)d times while reading the account.") % {"count": task.failures - 1}
        )
        return False
    try:
        found = _walk(task, client_factory, after_page, seconds)
        if not found.finished:
            lifecycle.give_back(task)
            return True
        lifecycle.scanned(
            task,
            posts=found.posts,
            images=found.images,
            skipped=found.skipped,
            unreadable=found.unreadable,
            unseen=found.unseen,
        )
    except LeaseLost:
        logger.info("task %s: cancelled, or another worker goes on with it", task.pk)
    except stopping.Stopping:
        lifecycle.give_back(task)
    except PlatformUnavailable as error:
        tried = not isinstance(error, HeldBack)
        lifecycle.postpone(task, error.reason, retry_after=error.retry_after, tried=tried)
    except PlatformRefused as error:
        lifecycle.fail(task, error.reason)
        if isinstance(error, CredentialsRefused):
            platforms.raise_attention(task.platform_connection, error)
    except Exception:  # the outermost loop: a mistake of ours must be seen on the row, too
        logger.exception("task %s: unexpected error", task.pk)
        lifecycle.postpone(task, _("Something went wrong in Vedfolnir itself; the worker's log has the details."))
    return False


def _walk(
    task: CaptionGenerationTask, client_factory: ClientFactory, after_page: Callable[[], object], seconds: float
) -> scanning.Found:
    look_again(task.platform_connection, since=task.started_at or timezone.now())
    client = client_factory(task.platform_connection)
    try:
        return scanning.scan(task, client, after_page=after_page, seconds=seconds)
    finally:
        client.close()
