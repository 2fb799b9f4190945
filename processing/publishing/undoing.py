"""Putting the alt texts back as they were before a publication, by the same careful way."""

from django.utils.translation import gettext as _

from captions.models import Image, Publication
from platforms.clients.base import PlatformClient, PlatformRefused, Snapshot
from processing.publishing import leases, outcomes
from processing.publishing.compare import differences, has_texts


def undo(publication: Publication, client: PlatformClient) -> bool:
    """Restore the alt texts of `publication.before` where they are still ours.

    Returns and raises as `writing.write` does.
    """
    if publication.before is None or not publication.texts:
        raise PlatformRefused(_("Nothing was written, so there is nothing to undo."))
    before = Snapshot.from_json(publication.before)
    old = {attachment.id: attachment.description or "" for attachment in before.status.attachments}
    restored = {key: old.get(key, "") for key in publication.texts}
    images = [
        image
        for image in Image.objects.filter(post=publication.post).order_by("pk")
        if image.remote_id in publication.texts
    ]
    now = client.snapshot(publication.post.remote_id)
    if not has_texts(now, restored):
        _require_ours(publication, now)
        leases.require_time_for_a_write(publication)
        client.write_alt_texts(now, restored)
        after = client.snapshot(publication.post.remote_id)
        if found := differences(now, after, restored):
            outcomes.alarm(publication, after, found)
            return False
        now = after
    outcomes.undone(publication, now, images, restored)
    return True


def _require_ours(publication: Publication, now: Snapshot) -> None:
    there = {attachment.id: attachment.description or "" for attachment in now.status.attachments}
    changed = [key for key, text in (publication.texts or {}).items() if there.get(key) != text]
    if changed:
        raise PlatformRefused(
            _("The alt text was changed on the server after it was published, so it was left as it is.")
        )
