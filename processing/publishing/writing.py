"""One careful edit: read, compare with what the reviewer saw, keep the state before, write, read back, compare all."""

from collections.abc import Mapping

from django.utils.translation import gettext as _

from captions.models import Image, Publication
from platforms.clients.base import PlatformClient, PlatformRefused, Snapshot
from processing.publishing import leases, outcomes
from processing.publishing.compare import differences, has_texts
from vedfolnir.lib.text import is_missing


def write(publication: Publication, client: PlatformClient) -> bool:
    """Give the post's approved images their alt texts, at most by one edit ever.

    False when the edit was sent and something else is not as it was: the alarm is recorded.

    Raises:
        PlatformUnavailable: again later; whatever was sent is found by the next attempt's first read.
        PlatformRefused: a person must look; nothing was sent, or the server refused the edit as a whole.
        LeaseLost: another worker goes on.
    """
    images = approved_images(publication)
    texts = {image.remote_id: image.final_caption or "" for image in images}
    if not texts:
        raise PlatformRefused(_("No approved picture of this post is left to publish."))
    now = client.snapshot(publication.post.remote_id)
    before = _before(publication, texts)
    if has_texts(now, texts):
        # Written by an attempt that died before it could say so, or by hand: nothing to send.
        return _verify(publication, before or now, now, texts, images)
    _require_unchanged(publication, now, texts)
    if not client.capabilities.can_write:
        raise PlatformRefused(client.capabilities.reason)
    leases.note(publication, before=now.as_json(), texts=texts)
    leases.require_time_for_a_write(publication)
    client.write_alt_texts(now, texts)
    return _verify(publication, now, client.snapshot(publication.post.remote_id), texts, images)


def approved_images(publication: Publication) -> list[Image]:
    """The approved images of the post. What was undone goes out again only if a person asked for it."""
    if publication.requested_by_id is None:
        return outcomes.writable_images(publication.post)
    return list(publication.post.images.filter(status=Image.Status.APPROVED, is_decorative=False).order_by("pk"))


def _before(publication: Publication, texts: Mapping[str, str]) -> Snapshot | None:
    """The state that an earlier attempt kept before it wrote these same texts, if one got that far."""
    if publication.before is None or publication.texts != dict(texts):
        return None
    return Snapshot.from_json(publication.before)


def _require_unchanged(publication: Publication, now: Snapshot, texts: Mapping[str, str]) -> None:
    """Raises PlatformRefused when the post is not what the reviewer saw any more."""
    status = now.status
    if status.poll is not None:
        raise PlatformRefused(
            _("The post has a poll; an edit would reset its votes. Copy the text and add it by hand.")
        )
    there = {attachment.id: attachment.description for attachment in status.attachments}
    if status.edited_at != publication.seen_edited_at:
        outcomes.remember_post(publication.post, now)
        raise PlatformRefused(_("The post was edited after it was reviewed. Look at it again, then publish."))
    if not texts.keys() <= there.keys():
        raise PlatformRefused(_("A picture that was approved is not part of the post any more."))
    if not all(is_missing(there[key]) for key in texts):
        raise PlatformRefused(_("A picture has an alt text by now that somebody else wrote; it was not overwritten."))


def _verify(
    publication: Publication, before: Snapshot, after: Snapshot, texts: Mapping[str, str], images: list[Image]
) -> bool:
    if found := differences(before, after, texts):
        outcomes.alarm(publication, after, found)
        return False
    outcomes.posted(publication, after, texts, images)
    return True
