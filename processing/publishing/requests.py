"""What a person may ask of a publication: try it again, undo it."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit
from accounts.models import User
from captions.models import Publication
from platforms.models import PlatformConnection

UNDOABLE = (Publication.Status.POSTED, Publication.Status.REFUSED)
NOT_WRITTEN = gettext_lazy("Only what was written can be undone, and only once.")


class RequestRefused(Exception):
    """`reason` says why, to the person who asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def retry(publication: Publication, *, user: User | None) -> None:
    """Queue a refused publication again, for the post as it was last read. What was sent and not judged comes first.

    `user` is None for an operator at the command line. Raises RequestRefused.
    """
    _require_permission(publication, user)
    if publication.was_undone_in_part:
        raise RequestRefused(_("It was published, and then its undo went wrong. Ask for the undo again."))
    refused = Publication.objects.filter(pk=publication.pk, status=Publication.Status.REFUSED, verified_at=None)
    again = {
        "status": Publication.Status.QUEUED,
        "seen_edited_at": publication.post.edited_at,
        "next_attempt_at": timezone.now(),
        "failures": 0,
        "requested_by": user,
        "error": "",
        "leased_until": None,
    }
    try:
        with transaction.atomic():
            if not refused.update(**again):
                raise RequestRefused(_("Only a publication that was refused can be tried again."))
            audit.record("publication_retried", actor=user, entity=publication)
    except IntegrityError as error:
        raise RequestRefused(_("Another publication of the same post is under way already.")) from error


def can_be_retried(publication: Publication) -> bool:
    """Whether `retry` would take it: what was published once is undone again, not written again."""
    return publication.status == Publication.Status.REFUSED and not publication.was_undone_in_part


def can_be_undone(publication: Publication) -> bool:
    """Whether there is something of ours on the server that `request_undo` would take back."""
    if publication.before is None:
        return False
    return publication.status in UNDOABLE or _may_have_come_back(publication)


def _may_have_come_back(publication: Publication) -> bool:
    """After an alarm a server may do what it was asked even after the undo found nothing of it: then once more."""
    if publication.status != Publication.Status.UNDONE or publication.alarm is None:
        return False
    return not Publication.objects.filter(post=publication.post_id, pk__gt=publication.pk).exists()


def request_undo(publication: Publication, *, user: User | None) -> None:
    """Ask a worker to put back the alt texts from before the publication. What was sent and not judged comes first.

    `user` is None for an operator at the command line. Raises RequestRefused.
    """
    _require_permission(publication, user)
    publication.refresh_from_db(fields=["status", "before", "alarm"])
    if not can_be_undone(publication):
        raise RequestRefused(str(NOT_WRITTEN))
    written = Publication.objects.filter(pk=publication.pk, before__isnull=False, status=publication.status)
    with transaction.atomic():
        if not written.update(
            status=Publication.Status.UNDOING,
            next_attempt_at=timezone.now(),
            failures=0,
            error="",
            requested_by=user,
            leased_until=None,
        ):
            raise RequestRefused(str(NOT_WRITTEN))
        audit.record("publication_undo_requested", actor=user, entity=publication)


def _require_permission(publication: Publication, user: User | None) -> None:
    if user is None:
        return
    connections = PlatformConnection.objects.decidable_by(user).filter(pk=publication.platform_connection_id)
    if not connections.exists():
        raise RequestRefused(_("You may not decide on this account's pictures."))
