"""One careful edit: read, compare with what the reviewer saw, keep the state before, write, read back, compare all."""

from collections.abc import Iterable, Mapping

from django.utils import timezone
from django.utils.translation import gettext as _

from captions.models import CaptionVersion, Image, Publication
from captions.settling import publishable_images
from platforms.clients.base import PlatformClient, PlatformRefused, Snapshot
from platforms.wanted import Traits, may_touch
from processing.publishing import leases, outcomes
from processing.publishing.compare import alt_texts, differences, has_texts, is_unchanged
from vedfolnir.lib.deadlocks import again_after_deadlock
from vedfolnir.lib.text import is_missing


def write(publication: Publication, client: PlatformClient) -> bool:
    """Give the post's approved images their alt texts, at most by one edit ever.

    False when the edit was sent and something else is not as it was: the alarm is recorded.

    Raises:
        PlatformUnavailable: again later; whatever was sent is found by the next attempt's first read.
        PlatformRefused: a person must look, and nothing was changed.
        LeaseLost: another worker goes on.
    """
    now = client.snapshot(publication.post.remote_id)
    if (base := unsettled(publication, now)) is not None:
        return _settle(publication, base, now, publication.texts or {})
    texts = _texts(publishable_images(publication.post_id))
    if texts and has_texts(now, texts):
        # Written by hand meanwhile: nothing to send.
        return _settle(publication, now, now, texts)
    _require_unchanged(publication, now)
    texts = _texts(_without_overtaken(publication, now))
    if has_texts(now, texts):
        return _settle(publication, now, now, texts)
    if not client.capabilities.can_write:
        raise PlatformRefused(client.capabilities.reason)
    before = publication.before or now.as_json()
    leases.note(publication, texts=texts, before=before)
    after = send(publication, client, now, texts)
    return _settle(publication, now, after, texts)


def send(publication: Publication, client: PlatformClient, now: Snapshot, texts: Mapping[str, str]) -> Snapshot:
    """Send the one request that may change the post, and read what became of it.

    `now` is kept first, so that whoever comes after this worker's death can tell. A refusal counts as
    one only if the post is as it was: an answer may be spoilt after the work was done.
    """
    leases.note(publication, base=now.as_json(), sent_at=timezone.now())
    leases.require_time_for_a_write(publication)
    try:
        client.write_alt_texts(now, texts)
    except PlatformRefused:
        after = client.snapshot(publication.post.remote_id)
        if is_unchanged(now, after):
            _forget_what_was_sent(publication)
            raise
        return after
    return client.snapshot(publication.post.remote_id)


def unsettled(publication: Publication, now: Snapshot) -> Snapshot | None:
    """The state before a request of an earlier attempt that reached the server and that nobody has judged yet."""
    if publication.sent_at is None or publication.base is None:
        return None
    base = Snapshot.from_json(publication.base)
    if not is_unchanged(base, now):
        return base
    _forget_what_was_sent(publication)
    return None


def _forget_what_was_sent(publication: Publication) -> None:
    """The request did not arrive, or was refused as a whole: the post is as it was."""
    first = publication.before == publication.base
    leases.note(publication, sent_at=None, base=None, **({"before": None} if first else {}))


def _texts(images: Iterable[Image]) -> dict[str, str]:
    return {image.remote_id: image.final_caption or "" for image in images}


def _require_unchanged(publication: Publication, now: Snapshot) -> None:
    """Raises PlatformRefused when the post is not what the reviewer saw any more, or must be left alone."""
    if now.status.poll is not None:
        raise PlatformRefused(
            _("The post has a poll; an edit would reset its votes. Copy the text and add it by hand.")
        )
    if now.status.edited_at[:40] != publication.seen_edited_at:
        outcomes.remember_post(publication.post, now)
        raise PlatformRefused(_("The post was edited after it was reviewed. Look at it again, then try again."))
    if not may_touch(publication.platform_connection, Traits.of(now.status)):
        raise PlatformRefused(
            _("By its visibility or a tag such as #noai, this post is one that the connection leaves out.")
        )


def _without_overtaken(publication: Publication, now: Snapshot) -> list[Image]:
    """The images that can still be written. What somebody else described, or took away, is closed with a note.

    Raises PlatformRefused when none is left.
    """
    there = alt_texts(now)
    left, reason = [], _("No approved picture of this post is left to publish.")
    for image in publishable_images(publication.post_id):
        if image.remote_id not in there:
            reason = _("A picture that was approved is not part of the post any more.")
            outcomes.overtaken(publication, image, reason, None)
        elif is_missing(there[image.remote_id]) or _is_ours(image, there[image.remote_id]):
            left.append(image)
        else:
            reason = _("A picture has an alt text by now that somebody else wrote; it was not overwritten.")
            outcomes.overtaken(publication, image, reason, there[image.remote_id])
    if not left:
        raise PlatformRefused(reason)
    return left


def _is_ours(image: Image, text: str | None) -> bool:
    """Whether somebody approved this very text here once: an edit that went wrong may have left it on the server."""
    return image.versions.filter(kind=CaptionVersion.Kind.FINAL, text=text).exists()


def _settle(publication: Publication, base: Snapshot, after: Snapshot, texts: Mapping[str, str]) -> bool:
    if found := differences(base, after, texts):
        again_after_deadlock(lambda: outcomes.alarm(publication, base, after, found))
        return False
    again_after_deadlock(lambda: outcomes.posted(publication, base, after, texts))
    return True
