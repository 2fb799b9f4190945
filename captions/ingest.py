"""From what a server shows to rows: posts with a picture that lacks alt text, and those pictures.

Idempotent: the same statuses again change nothing. What a person wrote or decided is never touched.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from captions import memory
from captions.drafts import NOT_ASKED_FOR
from captions.models import CaptionVersion, Image, Post, Publication
from captions.settling import lock_post, lock_posts, settle_waiting_publications
from platforms.clients.base import Attachment, Status
from platforms.clients.entities import followable
from platforms.models import PlatformConnection
from platforms.wanted import MOVING, Traits, is_reply, moment, pictures
from vedfolnir.lib.deadlocks import again_after_deadlock
from vedfolnir.lib.text import clean_line, is_missing, strip_html

CHUNK = 500  # statuses per transaction
ID_LENGTH = 500  # characters that `posts.post_id` holds
Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True)
class Ingested:
    """What one call did. `missing_alt` holds the ids of the images without alt text, in the order of the statuses."""

    posts: int  # rows that stand for these statuses, new or not
    new_images: int
    missing_alt: list[int]


def upsert_statuses(connection: PlatformConnection, statuses: Iterable[Status]) -> Ingested:
    """Store the statuses that have a picture without alt text, and refresh those that are stored already."""
    posts, new_images, missing = 0, 0, list[int]()
    remaining = iter(statuses)
    while chunk := list(islice(remaining, CHUNK)):
        done = again_after_deadlock(lambda chunk=chunk: _upsert_chunk(connection, chunk))  # type: ignore[misc]
        posts, new_images = posts + done.posts, new_images + done.new_images
        missing += done.missing_alt
    return Ingested(posts, new_images, missing)


def refresh_posts(connection: PlatformConnection, statuses: Iterable[Status]) -> None:
    """Take over what changed in those of the statuses that are stored; the others, and all pictures, stay away.

    For posts that a scan does not take: an author who tags a post #noai, or hides it, has told us by that edit.
    """
    remaining = iter(statuses)
    while chunk := list(islice(remaining, CHUNK)):
        again_after_deadlock(lambda chunk=chunk: _refresh_chunk(connection, chunk))  # type: ignore[misc]


def column_id(remote_id: str, length: int) -> tuple[str, str | None]:
    """An opaque id as its column of `length` takes it, and the whole id if the column holds its digest only."""
    if len(remote_id) <= length:
        return remote_id, None
    return f"sha256:{_digest(remote_id)}", remote_id


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def id_values(status: Status) -> dict[str, str | None]:
    """The id of a post as the columns of `Post` take it."""
    key, whole = column_id(status.id, ID_LENGTH)
    return {"post_id": key, "full_post_id": whole}


def lacks_alt_text(connection: PlatformConnection, status: Status) -> bool:
    return any(is_missing(attachment.description) for _index, attachment in pictures(connection, status))


def _upsert_chunk(connection: PlatformConnection, statuses: Sequence[Status]) -> Ingested:
    by_key = _by_key(statuses)
    with transaction.atomic():
        posts = _upsert_posts(connection, by_key)
        return _upsert_images(connection, [(posts[key], status) for key, status in by_key.items() if key in posts])


@transaction.atomic
def _refresh_chunk(connection: PlatformConnection, statuses: Sequence[Status]) -> None:
    by_key = _by_key(statuses)
    posts = {post.post_id: post for post in _stored_posts(connection, by_key)}
    posts |= _follow_new_ids(connection, by_key, posts)
    _refresh(connection, posts, by_key)


def _by_key(statuses: Sequence[Status]) -> dict[str, Status]:
    return {column_id(status.id, ID_LENGTH)[0]: status for status in statuses}


# Posts


def _stored_posts(connection: PlatformConnection, by_key: Mapping[str, Status]) -> models.QuerySet[Post]:
    return Post.objects.filter(platform_connection=connection, post_id__in=list(by_key))


def _upsert_posts(connection: PlatformConnection, by_key: Mapping[str, Status]) -> dict[str, Post]:
    stored = _stored_posts(connection, by_key)
    moved: dict[str, Post] = {}

    def missing(known: Iterable[str]) -> list[Post]:
        moved.update(_follow_new_ids(connection, by_key, known))
        return [
            Post(platform_connection=connection, post_id=key, **_post_values(connection, status))
            for key, status in by_key.items()
            if key not in known and key not in moved and lacks_alt_text(connection, status)
        ]

    posts, created = _create_missing(stored, "post_id", missing)
    posts = moved | posts
    known = {key: post for key, post in posts.items() if key not in created}
    _refresh(connection, known, by_key)
    return posts


def _follow_new_ids(
    connection: PlatformConnection, by_key: Mapping[str, Status], known: Iterable[str]
) -> dict[str, Post]:
    """Give known posts that have another id by now that id: snac makes a new one with each edit, and keeps `uri`."""
    unknown = {_digest(status.uri): status for key, status in by_key.items() if key not in known and status.uri}
    if not unknown:
        return {}
    ours = Post.objects.filter(platform_connection=connection)
    moved = {}
    for post in ours.filter(uri_digest__in=list(unknown)):
        status = unknown[post.uri_digest]
        if post.uri == status.uri and post.post_id not in by_key:
            values = id_values(status)
            ours.filter(pk=post.pk).update(**values)
            post.post_id, post.full_post_id = values["post_id"] or "", values["full_post_id"]
            moved[post.post_id] = post
    return moved


def _post_values(connection: PlatformConnection, status: Status) -> dict[str, Any]:
    return {
        "full_post_id": column_id(status.id, ID_LENGTH)[1],
        "author_id": status.account_id[:200],
        "post_url": followable(status.url),
        "is_reply": is_reply(status),
        "uri": status.uri,
        "uri_digest": _digest(status.uri) if status.uri else "",
        "posted_at": moment(status.created_at),
        "platform_type": connection.platform_type,
        "instance_url": connection.instance_url,
        **editable_values(status),
    }


def editable_values(status: Status) -> dict[str, Any]:
    """What an edit of the post may change, as columns of `Post`."""
    return {
        "post_content": strip_html(status.content),
        "visibility": status.visibility[:20],
        "spoiler_text": status.spoiler_text,
        "sensitive": status.sensitive,
        "language": (status.language or "")[:20],
        "edited_at": status.edited_at[:40],
        "has_poll": status.poll is not None,
        "tags": " ".join(sorted(Traits.of(status).tags)),
        "attachment_count": len(status.attachments),
    }


def _refresh(connection: PlatformConnection, posts: Mapping[str, Post], by_key: Mapping[str, Status]) -> None:
    """Take over what changed on the server, but not under a publication that is compared with what was seen."""
    changed: dict[int, dict[str, Any]] = {}
    for key, post in posts.items():
        values = _post_values(connection, by_key[key])
        if any(getattr(post, name) != value for name, value in values.items()):
            changed[post.pk] = values
    if not changed:
        return
    locked = Post.objects.select_for_update().filter(pk__in=list(changed)).order_by("pk")
    open_posts = set(Publication.objects.open().filter(post__in=list(changed)).values_list("post_id", flat=True))
    for post in locked:
        if post.pk not in open_posts:
            Post.objects.filter(pk=post.pk).update(**changed[post.pk])


# Images


def image_key(attachment: Attachment) -> str:
    """What an image is found by within its connection: `image_post_id`."""
    return column_id(attachment.id, 100)[0]


def _upsert_images(connection: PlatformConnection, found: Sequence[tuple[Post, Status]]) -> Ingested:
    wanted: dict[str, tuple[Post, int, Attachment]] = {
        image_key(attachment): (post, index, attachment)
        for post, status in found
        for index, attachment in pictures(connection, status)
    }
    stored = Image.objects.filter(platform_connection=connection, image_post_id__in=list(wanted))

    def missing(known: Iterable[str]) -> list[Image]:
        return [
            _new_image(connection, key, *wanted[key])
            for key in wanted
            if key not in known and is_missing(wanted[key][2].description)
        ]

    images, created = _create_missing(stored, "image_post_id", missing)
    _remember_originals(images[key] for key in created)
    for key, image in images.items():
        if key not in created:
            _refresh_image(image, *wanted[key])
    without = [images[key].pk for key in wanted if key in images and is_missing(wanted[key][2].description)]
    return Ingested(len(found), len(created), without)


def _new_image(connection: PlatformConnection, key: str, post: Post, index: int, attachment: Attachment) -> Image:
    return Image(
        post=post,
        platform_connection=connection,
        platform_type=connection.platform_type,
        instance_url=connection.instance_url,
        image_post_id=key,
        full_image_post_id=column_id(attachment.id, 100)[1],
        attachment_index=index,
        original_filename=_filename(attachment.url),
        original_caption=attachment.description,
        remote_alt_text=attachment.description,
        original_post_date=post.posted_at,
        width=attachment.width,
        height=attachment.height,
        attachment_type=attachment.type,
        **_addresses(attachment),
    )


def _filename(url: str) -> str | None:
    """The last part of the address, for people to read; None when there is none."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return clean_line(unquote(path.rpartition("/")[2]), 200) or None


def _addresses(attachment: Attachment) -> dict[str, str]:
    """Where the picture is; an address longer than its column gives way to that of the preview.

    Of a video it is the preview: its poster frame.
    """
    url = attachment.preview_url if attachment.type in MOVING else attachment.url
    url = url if len(url) <= 1000 else ""
    return {"image_url": url, "preview_url": attachment.preview_url}


def _remember_originals(images: Iterable[Image]) -> None:
    """What the server had and we count as missing (an emoji, a full stop) is still a text of the image."""
    CaptionVersion.objects.bulk_create(
        CaptionVersion(image=image, kind=CaptionVersion.Kind.ORIGINAL, text=image.original_caption)
        for image in images
        if image.original_caption
    )


def _refresh_image(image: Image, post: Post, index: int, attachment: Attachment) -> None:
    """Follow an image that nobody decided: its address, its post ("delete and redraft" keeps the attachment's id)."""
    if image.status == Image.Status.APPROVED and image.post_id != post.pk:
        _review_again(image, post, index, attachment)
    if image.status not in {Image.Status.PENDING, Image.Status.ERROR}:
        return
    if not is_missing(attachment.description):
        _close(image, attachment.description or "")
        return
    values = {"post_id": post.pk, "attachment_index": index, **_addresses(attachment)}
    if any(getattr(image, name) != value for name, value in values.items()):
        left = image.post_id
        lock_posts([left, post.pk])
        Image.objects.filter(pk=image.pk, status=image.status).update(**values)
        if left != post.pk:
            settle_waiting_publications(left)


def _review_again(image: Image, post: Post, index: int, attachment: Attachment) -> None:
    """Approved for a post that was deleted and redrafted: what is around the picture may be new, so a person looks.

    Only when no publication of the old post waits or is under way any more: that one finds the post gone first.
    """
    left = image.post_id
    lock_posts([left, post.pk])
    busy = (*Publication.OPEN, *Publication.WORK)
    if Publication.objects.filter(post=left, status__in=busy).exists():
        return
    again: dict[str, Any] = {
        "status": Image.Status.PENDING,
        "captioned_at": timezone.now(),
        "reviewed_at": None,
        "reviewed_caption": image.final_caption,
        "final_caption": None,
        "processing_error": None,
        "next_attempt_at": None,
    }
    values = {"post_id": post.pk, "attachment_index": index, **_addresses(attachment)}
    approved = Image.objects.filter(pk=image.pk, status=Image.Status.APPROVED, post=left)
    if not approved.update(**again, **values):
        return
    for name, value in {**again, **values}.items():
        setattr(image, name, value)
    memory.forget([image.pk])
    audit.record("caption_reopened", actor=None, entity=image, post=post.pk, redrafted_from=left)


def _close(image: Image, text: str) -> None:
    """Somebody wrote the alt text on the server: a draft of ours is not wanted any more.

    REJECTED, because nothing of ours is used: POSTED would claim that we wrote it, ERROR that something went wrong.
    `reviewed_at` stays empty, for nobody reviewed it; the note and the kept text say why.
    """
    lock_post(image.post_id)
    closed = Image.objects.filter(pk=image.pk, status=image.status).update(
        status=Image.Status.REJECTED,
        remote_alt_text=text,
        reviewer_notes=_("The picture has an alt text on the server now; nothing is left to do."),
        **NOT_ASKED_FOR,
        claimed_by=None,
        claimed_until=None,
    )
    if closed:
        CaptionVersion.objects.create(image=image, kind=CaptionVersion.Kind.ORIGINAL, text=text)
        settle_waiting_publications(image.post_id)


def _create_missing(
    stored: models.QuerySet[Row], key: str, missing: Callable[[Iterable[str]], list[Row]]
) -> tuple[dict[str, Row], set[str]]:
    """The rows by `key` after creating what `missing` says, and the keys that this call created.

    Not by `update_conflicts`: on MySQL that matches any unique key. Another scan of the same account may be quicker;
    then the savepoint fails on the unique constraint, and what is missing is looked up again.
    """
    for _attempt in range(3):
        known = {getattr(row, key): row for row in stored.all()}
        rows = missing(known)
        if not rows:
            return known, set()
        try:
            with transaction.atomic():
                stored.model._default_manager.bulk_create(rows)
        except IntegrityError:
            continue
        # Read again: MySQL does not give back the ids of a bulk insert.
        return {getattr(row, key): row for row in stored.all()}, {getattr(row, key) for row in rows}
    raise IntegrityError(f"{stored.model._meta.db_table}: other processes keep changing the same rows")
