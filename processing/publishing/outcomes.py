"""How an attempt ends, in rows that a person can see and understand."""

import logging
from collections.abc import Mapping

from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from captions.models import CaptionVersion, Image, Post, Publication
from platforms.actions import raise_attention
from platforms.clients.base import CredentialsRefused, PlatformUnavailable, Snapshot
from processing.publishing import leases
from vedfolnir.lib.text import strip_html

logger = logging.getLogger(__name__)


def postpone(publication: Publication, error: PlatformUnavailable) -> bool:
    """Try again later; False when it has failed so often that a person must look."""
    failures = publication.failures + 1
    if failures >= leases.FAILURES_MOST:
        refuse(
            publication, _("Gave up after %(count)d attempts. %(reason)s") % {"count": failures, "reason": error.reason}
        )
        return False
    later = leases.next_attempt(failures, error.retry_after)
    leases.settle(publication, failures=failures, next_attempt_at=later, error=error.reason)
    logger.info("publication %s: again at %s: %s", publication.pk, later.isoformat(timespec="seconds"), error.reason)
    return True


def hold_for_credentials(publication: Publication, error: CredentialsRefused) -> None:
    """The token does not work: nothing of this account is tried until it is connected again, and nothing is lost."""
    if publication.status == Publication.Status.UNDOING:
        refuse(publication, error.reason)
    else:
        leases.settle(publication, next_attempt_at=timezone.now(), error=error.reason)
    raise_attention(publication.platform_connection, error)


def refuse(publication: Publication, reason: str) -> None:
    """A person must look. The images stay approved; an undo that is refused leaves the publication as posted."""
    with transaction.atomic():
        was_undoing = publication.status == Publication.Status.UNDOING
        status = Publication.Status.POSTED if was_undoing and publication.verified_at else Publication.Status.REFUSED
        leases.settle(publication, status=status, next_attempt_at=None, error=reason)
        action = "undo_refused" if was_undoing else "publication_refused"
        audit.record(action, actor=None, entity=publication, reason=reason)
    logger.warning("publication %s: refused: %s", publication.pk, reason)


def alarm(publication: Publication, after: Snapshot, found: list[str]) -> None:
    """The server did not do what it was asked: stop this account's queue until a person has looked."""
    reason = _("After the edit the post is not as it should be: %(found)s") % {"found": " ".join(found)}
    with transaction.atomic():
        leases.settle(
            publication,
            status=Publication.Status.REFUSED,
            next_attempt_at=None,
            after=after.as_json(),
            error=reason,
        )
        audit.record("publication_alarm", actor=None, entity=publication, found=found)
    raise_attention(
        publication.platform_connection,
        _("Publishing is stopped: after the edit of %(url)s something else than the alt text had changed. Look at the "
          "publication, undo it if need be, and then clear this notice.") % {"url": publication.post.post_url},
    )  # fmt: skip


def posted(publication: Publication, after: Snapshot, texts: Mapping[str, str], images: list[Image]) -> None:
    """Everything was compared and is right."""
    now = timezone.now()
    with transaction.atomic():
        # The lock that an approval takes too: what is approved meanwhile is seen here, or sees this outcome.
        post = Post.objects.select_for_update().get(pk=publication.post_id)
        leases.settle(
            publication,
            status=Publication.Status.POSTED,
            next_attempt_at=None,
            after=after.as_json(),
            texts=dict(texts),
            verified_at=now,
            error="",
        )
        approved = Image.objects.filter(pk__in=[image.pk for image in images], status=Image.Status.APPROVED)
        approved.update(status=Image.Status.POSTED, posted_at=now)
        for image in images:
            Image.objects.filter(pk=image.pk).update(remote_alt_text=texts[image.remote_id])
        _remember_versions(images, texts, CaptionVersion.Kind.PUBLISHED)
        Post.objects.filter(pk=post.pk).update(edited_at=after.status.edited_at)
        _queue_what_was_approved_meanwhile(publication, after)
        audit.record("published", actor=publication.requested_by, entity=publication, post=publication.post.post_url)


def _queue_what_was_approved_meanwhile(publication: Publication, after: Snapshot) -> None:
    """A picture approved while this publication was under way found it open; it gets one of its own now."""
    left = [image for image in writable_images(publication.post) if image.remote_id not in (publication.texts or {})]
    if left:
        Publication.objects.create(
            post=publication.post,
            platform_connection=publication.platform_connection,
            status=Publication.Status.QUEUED,
            seen_edited_at=after.status.edited_at,
            next_attempt_at=timezone.now(),
        )


def writable_images(post: Post) -> list[Image]:
    """The approved images of the post, without those whose publication was undone."""
    approved = post.images.filter(status=Image.Status.APPROVED, is_decorative=False).order_by("pk")
    latest = CaptionVersion.objects.filter(image=OuterRef("pk")).order_by("-pk").values("kind")[:1]
    return list(approved.annotate(latest=Subquery(latest)).exclude(latest=CaptionVersion.Kind.UNDONE))


def undone(publication: Publication, after: Snapshot, images: list[Image], restored: Mapping[str, str]) -> None:
    """The alt texts are as they were before the publication; the images are approved, not posted."""
    now = timezone.now()
    with transaction.atomic():
        leases.settle(publication, status=Publication.Status.UNDONE, next_attempt_at=None, undone_at=now, error="")
        ids = [image.pk for image in images]
        Image.objects.filter(pk__in=ids, status=Image.Status.POSTED).update(
            status=Image.Status.APPROVED, posted_at=None
        )
        for image in images:
            Image.objects.filter(pk=image.pk).update(remote_alt_text=restored[image.remote_id])
        _remember_versions(images, restored, CaptionVersion.Kind.UNDONE)
        Post.objects.filter(pk=publication.post_id).update(edited_at=after.status.edited_at)
        audit.record("publication_undone", actor=None, entity=publication)


def remember_post(post: Post, now: Snapshot) -> None:
    """Store the post as it is now, so that whoever looks at it sees what changed."""
    Post.objects.filter(pk=post.pk).update(
        edited_at=now.status.edited_at,
        post_content=strip_html(now.status.content),
        spoiler_text=now.status.spoiler_text,
        sensitive=now.status.sensitive,
        language=now.status.language or "",
        visibility=now.status.visibility,
        has_poll=now.status.poll is not None,
        attachment_count=len(now.status.attachments),
    )


def _remember_versions(images: list[Image], texts: Mapping[str, str], kind: str) -> None:
    CaptionVersion.objects.bulk_create(
        CaptionVersion(image=image, kind=kind, text=texts[image.remote_id], language=image.language) for image in images
    )
