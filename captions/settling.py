"""When the publication of a post stops waiting for the other pictures of the post."""

from django.utils import timezone

from captions.models import Image, Post, Publication


def lock_post(post_id: int) -> None:
    """Inside a transaction: whoever changes what is undecided about a post takes this lock first, then the image's."""
    list(Post.objects.select_for_update().filter(pk=post_id).values_list("pk"))


def settle_waiting_publications(post_id: int) -> bool:
    """Queue the post's waiting publication if none of its images is undecided any more; True if one was queued.

    The caller holds the post's lock (`lock_post`).
    """
    if Image.objects.undecided().filter(post=post_id).exists():
        return False
    waiting = Publication.objects.filter(post=post_id, status=Publication.Status.WAITING)
    return waiting.update(status=Publication.Status.QUEUED, next_attempt_at=timezone.now()) > 0
