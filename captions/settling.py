"""When the publication of a post stops waiting for the other pictures of the post, and what can go out with it."""

from collections.abc import Iterable

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from captions.models import CaptionVersion, Image, ImageQuerySet, Post, Publication
from captions.refusals import AlreadyDecided


def lock_post(post_id: int) -> None:
    """Inside a transaction: whoever changes what is undecided about a post takes this lock first, then the image's."""
    lock_posts([post_id])


def lock_posts(post_ids: Iterable[int]) -> None:
    """As `lock_post`, for several: in the order of their ids, so that two who lock several wait and do not deadlock."""
    list(Post.objects.select_for_update().filter(pk__in=sorted(set(post_ids))).order_by("pk").values_list("pk"))


def settle_waiting_publications(post_id: int) -> bool:
    """Queue the post's waiting publication if it waits for none of its images any more; True if one was queued.

    The caller holds the post's lock (`lock_post`).
    """
    if Image.objects.holding_back().filter(post=post_id).exists():
        return False
    waiting = Publication.objects.filter(post=post_id, status=Publication.Status.WAITING)
    return waiting.update(status=Publication.Status.QUEUED, next_attempt_at=timezone.now()) > 0


def require_judged(image: Image) -> None:
    """Raises AlreadyDecided while nobody knows whether the picture's text arrived, and no worker looks by itself."""
    refused = Publication.objects.select_for_update().filter(post=image.post_id, status=Publication.Status.REFUSED)
    for publication in refused.filter(sent_at__isnull=False).order_by("pk"):
        if image.remote_id in (publication.texts or {}):
            raise AlreadyDecided(
                _(
                    "This text was sent to the server, and what became of it is not known yet. Open the publication of "
                    "the post and try it again, or undo it; then this picture can be reviewed again."
                )
            )


def take_out_of_publication(post_id: int) -> None:
    """After an image of the post stopped to be approved. Raises AlreadyDecided while the post is written to.

    The publications are locked, because a worker that takes one does not take the post's lock.
    """
    states = (*Publication.OPEN, *Publication.WORK)
    publications = list(Publication.objects.select_for_update().filter(post=post_id, status__in=states).order_by("pk"))
    now = timezone.now()
    for publication in publications:
        is_held = publication.leased_until is not None and publication.leased_until > now
        if is_held or publication.sent_at is not None:  # sent_at: sent, and not yet known what became of it
            raise AlreadyDecided(_("The post is being written to. Look again in a moment."))
    open_ones = Publication.objects.open().filter(post=post_id)
    if not publishable_images(post_id).exists():
        open_ones.filter(before__isnull=True).delete()
    queued = open_ones.filter(status=Publication.Status.QUEUED)
    queued.update(status=Publication.Status.WAITING, next_attempt_at=None, requested_by=None)


def publishable_images(post_id: int) -> ImageQuerySet:
    """The approved images of the post, without those whose publication was undone: they are reviewed again first."""
    approved = Image.objects.filter(post=post_id, status=Image.Status.APPROVED, is_decorative=False)
    texts = CaptionVersion.objects.filter(image=OuterRef("pk")).exclude(kind=CaptionVersion.Kind.CANDIDATE)
    latest = texts.order_by("-pk").values("kind")[:1]
    not_undone = Q(latest=None) | ~Q(latest=CaptionVersion.Kind.UNDONE)
    return approved.annotate(latest=Subquery(latest)).filter(not_undone)
