"""When the publication of a post stops waiting for the other pictures of the post, and what can go out with it."""

from collections.abc import Iterable

from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from captions.models import CaptionVersion, Image, ImageQuerySet, Post, Publication


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


def publishable_images(post_id: int) -> ImageQuerySet:
    """The approved images of the post, without those whose publication was undone: they are reviewed again first."""
    approved = Image.objects.filter(post=post_id, status=Image.Status.APPROVED, is_decorative=False)
    texts = CaptionVersion.objects.filter(image=OuterRef("pk")).exclude(kind=CaptionVersion.Kind.CANDIDATE)
    latest = texts.order_by("-pk").values("kind")[:1]
    not_undone = Q(latest=None) | ~Q(latest=CaptionVersion.Kind.UNDONE)
    return approved.annotate(latest=Subquery(latest)).filter(not_undone)
