"""How an attempt ends, in rows that a person can see and understand."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import audit
from captions import memory
from captions.ingest import editable_values, id_values
from captions.models import CaptionVersion, Image, Post, Publication
from captions.settling import lock_post, publishable_images
from platforms.actions import raise_attention
from platforms.clients.base import (
    CredentialsRefused,
    PlatformClient,
    PlatformRefused,
    PlatformUnavailable,
    Snapshot,
)
from platforms.models import AttentionAbout, PlatformConnection
from platforms.traffic.connections import pause_until
from processing.publishing import leases
from processing.publishing.compare import alt_texts, is_unchanged
from processing.publishing.judging import Verdict

logger = logging.getLogger(__name__)

# The outcome of whatever was sent is known.
SETTLED: dict[str, Any] = {"next_attempt_at": None, "sent_at": None, "base": None, "sending": None}


def postpone(publication: Publication, error: PlatformUnavailable) -> bool:
    """Try again later; False when it has failed so often that a person must look.

    A server that says when it wants to be asked again is no failure; the whole account waits for it. An undo whose
    outcome nobody knows is never given up.
    """
    later = leases.next_attempt(publication.failures + 1, error.retry_after)
    if error.retry_after is not None:
        until = timezone.now() + timedelta(seconds=error.retry_after)
        leases.settle(publication, next_attempt_at=later, error=error.reason)
        pause_until(PlatformConnection.objects.of_same_account(publication.platform_connection_id), until)
    elif publication.failures + 1 < leases.FAILURES_MOST or _is_undo_in_doubt(publication):
        reason = f"{error.reason} {_doubt(publication)}".strip()
        leases.settle(publication, failures=publication.failures + 1, next_attempt_at=later, error=reason)
    else:
        gave_up = _("Gave up after %(count)d attempts; try again once the server works. %(reason)s")
        reason = gave_up % {"count": leases.FAILURES_MOST, "reason": error.reason}
        if publication.before is not None and publication.status == Publication.Status.QUEUED:
            reason += " " + _("Some of its alt texts may be on the server already; undo takes those back.")
        refuse(publication, reason)
        return False
    logger.info("publication %s: again at %s: %s", publication.pk, later.isoformat(timespec="seconds"), error.reason)
    return True


def hold_for_credentials(publication: Publication, error: CredentialsRefused) -> None:
    """The token does not work: nothing of this account is tried until it is connected again, and nothing is lost."""
    held = f"{error.reason} {_doubt(publication)}".strip()
    leases.settle(publication, next_attempt_at=timezone.now(), error=held)
    connection = publication.platform_connection
    raise_attention(connection, error)
    if publication.status == Publication.Status.UNDOING and connection.attention_about != AttentionAbout.CREDENTIALS:
        # An older reason for attention stands in front of this one and holds no undo back: not in each sweep.
        rows = Publication.objects.filter(pk=publication.pk, status=publication.status, leased_until=None)
        rows.update(next_attempt_at=leases.next_attempt(leases.FAILURES_MOST, None))


def hold_undo(publication: Publication, error: PlatformRefused) -> bool:
    """Keep an undo whose outcome is not known, and that cannot be looked for now; False for everything else."""
    if not _is_undo_in_doubt(publication):
        return False
    later = leases.next_attempt(leases.FAILURES_MOST, None)
    leases.settle(publication, next_attempt_at=later, error=f"{error.reason} {_doubt(publication)}")
    return True


def _is_undo_in_doubt(publication: Publication) -> bool:
    return publication.status == Publication.Status.UNDOING and publication.sent_at is not None


def _doubt(publication: Publication) -> str:
    """What else a person must know of an undo that waits."""
    if publication.status != Publication.Status.UNDOING:
        return ""
    if publication.sent_at is None:
        return _("The undo goes on by itself as soon as that is settled.")
    return _("Whether the undo is done already is not known; that is looked for first, as soon as this is settled.")


def refuse(publication: Publication, reason: str) -> None:
    """A person must look. The images stay approved; an undo that is refused leaves the publication as it was, unless
    something of it was sent: then nothing says any more that the texts are there.

    What was sent and not judged yet stays noted: trying again begins with that.
    """
    undo = publication.status == Publication.Status.UNDOING
    outcome = SETTLED if undo else {"next_attempt_at": None}
    with transaction.atomic():
        action = "undo_refused" if undo else "publication_refused"
        leases.settle(publication, status=_status_after_trouble(publication), error=reason, **outcome)
        audit.record(action, actor=None, entity=publication, reason=reason)
    logger.warning("publication %s: refused: %s", publication.pk, reason)


def alarm(
    publication: Publication, base: Snapshot, after: Snapshot, found: list[str], shown: Mapping[str, str]
) -> None:
    """The server did not do what it was asked: stop this account's queue until a person has looked.

    `shown` are the texts that it made of ours, by attachment id, where nobody else can have written them.

    The queue is stopped first: as soon as this publication lets go, another worker may take the account's next one.
    """
    reason = _("After the alt texts were sent, the post is not as it should be: %(found)s") % {"found": " ".join(found)}
    notice = _(
        "Publishing is stopped: after alt texts were sent to %(url)s something else had changed, or the alt texts "
        "are not there. Look at the publication, undo it if need be, and then clear this notice."
    )
    raise_attention(publication.platform_connection, notice % {"url": publication.post.post_url})
    with transaction.atomic():
        lock_post(publication.post_id)
        status = _status_after_trouble(publication)
        earlier = (publication.alarm or {}).get("shown", {})
        wrong = {"found": found, "shown": {**earlier, **shown}}
        leases.settle(publication, status=status, after=after.as_json(), alarm=wrong, error=reason, **SETTLED)
        remember_post(publication.post, after)
        _was_edited_by_us(publication, base, after, after.status.edited_at)
        audit.record("publication_alarm", actor=None, entity=publication, found=found)
    logger.error("publication %s: alarm: %s", publication.pk, reason)


def _status_after_trouble(publication: Publication) -> str:
    is_undo = publication.status == Publication.Status.UNDOING
    as_it_was = is_undo and publication.verified_at is not None and publication.sent_at is None
    return Publication.Status.POSTED if as_it_was else Publication.Status.REFUSED


def written_by_somebody_else() -> str:
    return _("A picture has an alt text by now that somebody else wrote; it was not overwritten.")


def posted(
    publication: Publication,
    base: Snapshot,
    after: Snapshot,
    texts: Mapping[str, str],
    *,
    there: Mapping[str, str],
    verdict: Verdict,
    left: str,
) -> None:
    """The texts were compared and are right. Those of `texts` that are not `there` any more were changed since.

    `left` says what an earlier alarm of this publication was about, and is not right yet.
    """
    now = timezone.now()
    ours_at = verdict.ours_at or after.status.edited_at
    with transaction.atomic():
        # The lock that an approval takes too: what is approved meanwhile is seen here, or sees this outcome.
        lock_post(publication.post_id)
        status = Publication.Status.POSTED
        note = " ".join(filter(None, [left, verdict.note]))
        done = {"after": after.as_json(), "texts": dict(texts), "verified_at": now, "error": note}
        leases.settle(publication, status=status, **done, **({} if left else {"alarm": None}), **SETTLED)
        images = _images_of(publication, texts)
        for image in images:
            Image.objects.filter(pk=image.pk).update(remote_alt_text=texts[image.remote_id])
        # What was approved anew meanwhile, with another text, has yet to go out.
        as_approved = [image.pk for image in images if image.final_caption == texts[image.remote_id]]
        approved = Image.objects.filter(pk__in=as_approved, status=Image.Status.APPROVED)
        approved.update(status=Image.Status.POSTED, posted_at=now)
        _remember_versions(images, texts, CaptionVersion.Kind.PUBLISHED)
        _remember_what_came_after(images, there, after)
        _was_edited_by_us(publication, base, after, ours_at)
        _queue_what_was_approved_meanwhile(publication, ours_at)
        audit.record("published", actor=publication.requested_by, entity=publication, post=publication.post.post_url)


def look_after_the_other(publication: Publication, client: PlatformClient) -> None:
    """For a worker that sent something, was stopped, and woke when another one had the publication.

    That one judged what it found; should the post have changed after that, a person is told. Raises PlatformError.
    """
    row = Publication.objects.filter(pk=publication.pk, status=Publication.Status.POSTED).first()
    if row is None or row.after is None:
        return  # whoever has it now looks at it with each request
    if is_unchanged(Snapshot.from_json(row.after), client.snapshot(row.post.remote_id), client.same_text):
        return
    note = _("The post changed after it was checked, and a worker that was stopped may have done it. Look at it.")
    if Publication.objects.filter(pk=row.pk, status=row.status).update(error=note):
        audit.record("publication_changed_later", actor=None, entity=row)
        logger.error("publication %s: the post changed after another worker had checked it", row.pk)


def _remember_what_came_after(images: list[Image], there: Mapping[str, str], after: Snapshot) -> None:
    """Ours was published, and then somebody changed it: what stands there now is a text of the image, too."""
    shown = alt_texts(after)
    for image in images:
        if image.remote_id in there:
            continue
        text = shown.get(image.remote_id)
        Image.objects.filter(pk=image.pk).update(remote_alt_text=text)
        if text:
            _remember_versions([image], {image.remote_id: text}, CaptionVersion.Kind.ORIGINAL)


def _queue_what_was_approved_meanwhile(publication: Publication, ours_at: str) -> None:
    """A picture approved while this publication was under way found it open; it gets one of its own now."""
    if not publishable_images(publication.post_id).exists():
        return
    Publication.objects.create(
        post=publication.post,
        platform_connection=publication.platform_connection,
        status=Publication.Status.QUEUED,
        seen_edited_at=ours_at[:40],
        next_attempt_at=timezone.now(),
    )


def _queue_what_was_never_sent(publication: Publication, base: Snapshot, ours_at: str) -> None:
    """A picture approved while the undone publication was under way waited for it: that one will not come for it.

    Its reviewer saw the post as the undone publication knew it, so an edit since then is a person's to look at.
    """
    post = publication.post_id
    elsewhere = (*Publication.OPEN, Publication.Status.UNDOING, Publication.Status.REFUSED)
    if not Publication.objects.filter(post=post, status__in=elsewhere).exists():
        unchanged = base.status.edited_at[:40] == publication.seen_edited_at
        _queue_what_was_approved_meanwhile(publication, ours_at if unchanged else publication.seen_edited_at)


def acknowledge(publication: Publication, base: Snapshot, after: Snapshot, verdict: Verdict) -> None:
    """What was sent earlier arrived, and the opposite is asked for by now: our own edit is nobody else's."""
    with transaction.atomic():
        lock_post(publication.post_id)
        leases.note(publication, sent_at=None, base=None, sending=None)
        _was_edited_by_us(publication, base, after, verdict.ours_at or after.status.edited_at)
    publication.refresh_from_db(fields=["seen_edited_at"])


def undone(
    publication: Publication,
    base: Snapshot,
    after: Snapshot,
    restored: Mapping[str, str],
    *,
    left_alone: int,
    verdict: Verdict,
    left: Sequence[str],
) -> None:
    """The alt texts in `restored` are as before the publication, or gone with their pictures.

    Their images are approved, not posted. `left` are sentences about what is not as before.
    """
    changed = ngettext(
        "One alt text was changed by somebody since; it was left as it is.",
        "%(count)d alt texts were changed by somebody since; they were left as they are.",
        left_alone,
    )
    changed = changed % {"count": left_alone} if left_alone else ""
    note = " ".join(filter(None, [changed, *left, verdict.note]))
    ours_at = verdict.ours_at or after.status.edited_at
    with transaction.atomic():
        lock_post(publication.post_id)
        status = Publication.Status.UNDONE
        done = {"after": after.as_json(), "undone_at": timezone.now(), "error": note}
        leases.settle(publication, status=status, **done, **SETTLED)
        images = _images_of(publication, restored)
        for image in images:
            Image.objects.filter(pk=image.pk).update(remote_alt_text=restored[image.remote_id])
        posted_ones = Image.objects.filter(pk__in=[image.pk for image in images], status=Image.Status.POSTED)
        posted_ones.update(status=Image.Status.APPROVED, posted_at=None)
        memory.forget(image.pk for image in images)
        _remember_versions(images, restored, CaptionVersion.Kind.UNDONE)
        _was_edited_by_us(publication, base, after, ours_at)
        _queue_what_was_never_sent(publication, base, ours_at)
        audit.record("publication_undone", actor=publication.requested_by, entity=publication, left_alone=left_alone)


def overtaken(publication: Publication, image: Image, reason: str, alt_text: str | None) -> None:
    """Close an approved image that cannot be written any more; `alt_text` is what somebody else wrote, if so."""
    with transaction.atomic():
        lock_post(publication.post_id)
        leases.note(publication)
        closed = Image.objects.filter(pk=image.pk, status=Image.Status.APPROVED)
        if not closed.update(status=Image.Status.REJECTED, reviewer_notes=reason, remote_alt_text=alt_text):
            return
        memory.forget([image.pk])
        if alt_text is not None:
            _remember_versions([image], {image.remote_id: alt_text}, CaptionVersion.Kind.ORIGINAL)
        audit.record("caption_overtaken", actor=None, entity=image, reason=reason)


def remember_post(post: Post, now: Snapshot) -> None:
    """Store the post as it is now, so that whoever looks at it sees what changed."""
    Post.objects.filter(pk=post.pk).update(**editable_values(now.status))


def _was_edited_by_us(publication: Publication, base: Snapshot, after: Snapshot, ours_at: str) -> None:
    """Our own edit, of the time `ours_at`, is none that a person must look at before the next publication of the post.

    What somebody edited after it is: then the two times differ. snac gives the post a new id with each edit.
    """
    Post.objects.filter(pk=publication.post_id).update(**_new_id(base, after), **editable_values(after.status))
    mine = Publication.objects.open().filter(post=publication.post_id, seen_edited_at=base.status.edited_at[:40])
    mine.update(seen_edited_at=ours_at[:40])


def _new_id(base: Snapshot, after: Snapshot) -> dict[str, str | None]:
    if after.status.id == base.status.id or after.status.uri != base.status.uri:
        return {}
    return id_values(after.status)


def _images_of(publication: Publication, texts: Mapping[str, str]) -> list[Image]:
    images = Image.objects.filter(post=publication.post_id).order_by("pk")
    return [image for image in images if image.remote_id in texts]


def _remember_versions(images: list[Image], texts: Mapping[str, str], kind: str) -> None:
    CaptionVersion.objects.bulk_create(
        CaptionVersion(image=image, kind=kind, text=texts[image.remote_id], language=image.language) for image in images
    )
