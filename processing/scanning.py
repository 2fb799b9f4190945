"""Walking an account for pictures without alt text, page by page, and asking for their drafts."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from captions import drafts, ingest
from captions.models import Image
from platforms.clients.base import Attachment, PlatformClient, Status, UnreadableStatus
from platforms.models import PlatformConnection
from platforms.wanted import Traits, takes, unseen, wants
from platforms.wanted import pictures as wanted_pictures
from processing import coverage, lifecycle, stopping
from processing.coverage import Part
from processing.figures import noted_by_scan, unreadable_posts
from processing.models import CaptionGenerationTask
from processing.task_settings import TaskSettings
from vedfolnir.lib.deadlocks import again_after_deadlock
from vedfolnir.lib.text import is_missing

PAGE = 40  # statuses, as servers give them
STORED_AT_ONCE = 200  # images

Item = TypeVar("Item")


@dataclass
class Found:
    """What a walk has come across so far."""

    read: int = 0  # posts
    posts: int = 0  # that lack alt text and are wanted
    images: int = 0  # whose drafts were asked for
    skipped: int = 0  # pictures with an alt text, a draft or a decision
    unseen: int = 0  # videos of which the server shows no frame (yet), so that they are left out
    finished: bool = False  # nothing is left to read
    unreadable: list[UnreadableStatus] = field(default_factory=list)  # posts that were passed over


def scan(
    task: CaptionGenerationTask, client: PlatformClient, *, after_page: Callable[[], object], seconds: float
) -> Found:
    """Read what is left to read of the account of a task that this worker holds, until enough posts lack alt text.

    `coverage` says what that is. Goes on below the post where an earlier step of the task stopped, and stops itself
    after about `seconds`; what was found so far is kept with every page, which renews the lease too. Raises LeaseLost
    when that is gone (or the task cancelled), Stopping when the process is to end, PlatformUnavailable,
    PlatformRefused.
    """
    wishes = TaskSettings.of(task)
    walk = coverage.Walk.of(task, wishes)
    found = _found_so_far(task) if walk.goes_on else Found()
    cursor = task.scan_cursor if walk.goes_on else ""
    until = monotonic() + seconds
    while walk.part is not Part.DONE:
        take = _take_stored if walk.part is Part.STORED else _read
        if not take(task, wishes, walk, found, _Reading(client, cursor, after_page, until)):
            return found
        if found.posts >= wishes.max_posts_per_run:
            break
        walk.through(task.platform_connection, wishes)
        _keep(task, walk, found, cursor := "")
        after_page()
    found.finished = True
    return found


@dataclass(frozen=True)
class _Reading:
    client: PlatformClient
    cursor: str  # the last post that was read, of stored ones the last image; empty: begin at the first one
    after_page: Callable[[], object]
    until: float  # of time.monotonic()


def _read(
    task: CaptionGenerationTask, wishes: TaskSettings, walk: coverage.Walk, found: Found, reading: _Reading
) -> bool:
    """Read a part of the account; False when its time is over and there may be more of it."""
    for page in _pages(walk.statuses(reading.client, task.platform_connection, reading.cursor, found.read)):
        _take(task, wishes, page, found)
        last_id = next((status.id for status in reversed(page) if status.id), "")
        kept = _keep(task, walk, found, last_id)
        reading.after_page()
        if found.posts >= wishes.max_posts_per_run:
            walk.enough(task.platform_connection, last_id)
            return True
        if len(page) == PAGE:
            if kept and monotonic() > reading.until and not walk.in_one_go:
                return False
            stopping.pause(wishes.processing_delay)
    return True


def look(connection: PlatformConnection, client: PlatformClient, wishes: TaskSettings) -> Found:
    """What a scan would come across, without storing anything: pictures without alt text that are to be drafted."""
    found = Found()
    for status in client.statuses(connection.account_id):
        found.read += 1
        if isinstance(status, UnreadableStatus):
            found.unreadable.append(status)
            continue
        pictures = [each for _index, each in wanted_pictures(connection, status)] if wants(connection, status) else []
        missing = _not_done(connection, wishes, [each for each in pictures if is_missing(each.description)])
        found.skipped += len(pictures) - len(missing)
        found.images += len(missing)
        found.posts += bool(missing)
        if found.posts >= wishes.max_posts_per_run:
            break
    return found


def _not_done(connection: PlatformConnection, wishes: TaskSettings, attachments: list[Attachment]) -> list[Attachment]:
    """Without those that were drafted or decided before."""
    keys = {ingest.image_key(each): each for each in attachments}
    stored = Image.objects.filter(platform_connection=connection, image_post_id__in=list(keys))
    done = {image.image_post_id for image in stored if image.is_decorative or not _is_open(wishes, image)}
    return [each for key, each in keys.items() if key not in done]


def _found_so_far(task: CaptionGenerationTask) -> Found:
    kept = json.loads(task.results_json or "{}")
    return Found(
        read=kept.get("posts_read", 0),
        posts=kept.get("posts_processed", 0),
        images=kept.get("images_asked_for", 0),
        skipped=kept.get("skipped_existing", 0),
        unseen=kept.get("videos_without_frame", 0),
        unreadable=[UnreadableStatus(odd["post_id"], odd["post_url"], odd["error"]) for odd in unreadable_posts(task)],
    )


def _keep(task: CaptionGenerationTask, walk: coverage.Walk, found: Found, last_id: str) -> bool:
    """Renew the lease, and note how far the walk is: whoever goes on with it starts there, and failures are over.

    False where that cannot be noted, because the server's ids are too long: then a walk starts from the top again.
    """
    noted: dict[str, Any] = {}
    if fits := len(last_id) <= coverage.CURSOR:
        task.failures = 1  # this walk, until it has ended
        kept = noted_by_scan(found.posts, found.skipped, found.unreadable, found.unseen)
        kept |= {"posts_read": found.read, "images_asked_for": found.images, "walk": walk.as_json()}
        noted = {"scan_cursor": last_id, "failures": 1, "results_json": json.dumps(kept)}
    percent = min(9, 1 + found.read // PAGE)
    lifecycle.keep(task, current_step=_step(found), images_found=found.images, progress_percent=percent, **noted)
    return fits


def _pages(statuses: Iterable[Item]) -> Iterator[list[Item]]:
    remaining = iter(statuses)
    while page := list(islice(remaining, PAGE)):
        yield page


def _take(
    task: CaptionGenerationTask, wishes: TaskSettings, page: list[Status | UnreadableStatus], found: Found
) -> None:
    """Store a page and ask for the drafts of as many posts as are still wanted."""
    connection = task.platform_connection
    for odd in (status for status in page if isinstance(status, UnreadableStatus)):
        lifecycle.logger.warning("task %s: post %s passed over: %s", task.pk, odd.id or "without an id", odd.reason)
        found.unreadable.append(odd)
    own = [one for one in page if isinstance(one, Status) and one.account_id == connection.account_id]
    wanted, others = list[Status](), list[Status]()
    for status in own:
        (wanted if wants(connection, status) else others).append(status)
    found.unseen += sum(unseen(connection, one) for one in own if takes(connection, Traits.of(one)))
    ingest.refresh_posts(connection, others)
    stored = ingest.upsert_statuses(connection, wanted)
    chosen, posts = _choose(task, wishes, stored.missing_alt, wishes.max_posts_per_run - found.posts)
    asked = again_after_deadlock(lambda: _ask(task, wishes, chosen)) if wishes.describe else 0
    found.read += len(page)
    found.posts += posts
    found.images += len(chosen) if wishes.describe else 0
    found.skipped += sum(len(wanted_pictures(connection, status)) for status in wanted) - len(chosen)
    lifecycle.logger.debug("task %s: %s posts read, %s drafts asked for", task.pk, found.read, asked)


def _take_stored(
    task: CaptionGenerationTask, wishes: TaskSettings, walk: coverage.Walk, found: Found, reading: _Reading
) -> bool:
    """Ask for the drafts of pictures that an earlier scan stored and that nobody has asked for, as many as wanted.

    In the order in which scans came across them. False when its time is over and there may be more of them.
    """
    connection = task.platform_connection
    waiting = Image.objects.undrafted().filter(
        platform_connection=connection, next_attempt_at=None, is_decorative=False
    )
    last = int(reading.cursor or 0)
    while found.posts < wishes.max_posts_per_run:
        rows = list(waiting.filter(pk__gt=last).select_related("post").order_by("pk")[:STORED_AT_ONCE])
        if not rows:
            return True
        last = rows[-1].pk
        allowed = [image.pk for image in rows if takes(connection, image.post.traits)]
        chosen, posts = _choose(task, wishes, allowed, wishes.max_posts_per_run - found.posts)
        again_after_deadlock(lambda chosen=chosen: _ask(task, wishes, chosen))  # type: ignore[misc]
        found.posts += posts
        found.images += len(chosen)
        _keep(task, walk, found, str(last))
        reading.after_page()
        if monotonic() > reading.until:
            return False
        stopping.pause(0)
    return True


@transaction.atomic
def _ask(task: CaptionGenerationTask, wishes: TaskSettings, image_ids: list[int]) -> int:
    """Raises LeaseLost: a cancelled task asks for nothing any more, not even a moment later."""
    lifecycle.require_held(task)
    again = drafts.ask_for_new_drafts(_drafted_before(task, image_ids), task.pk) if wishes.reprocess_existing else 0
    return again + drafts.ask_for_drafts(image_ids, task.pk)


def _drafted_before(task: CaptionGenerationTask, image_ids: list[int]) -> list[int]:
    drafted = Image.objects.awaiting_review().filter(pk__in=image_ids).exclude(batch_id=task.pk)
    return list(drafted.values_list("pk", flat=True))


def _choose(
    task: CaptionGenerationTask, wishes: TaskSettings, image_ids: list[int], room: int
) -> tuple[list[int], int]:
    """The images to draft, of at most `room` posts in the order of the page, and how many posts these are.

    Those that this task has drafted already count too, so that a scan that starts again does not go further.
    """
    rows = Image.objects.filter(pk__in=image_ids, is_decorative=False).in_bulk()
    chosen: dict[int, list[int]] = {}
    for pk in image_ids:
        image = rows.get(pk)
        if image is None or not _is_wanted(task, wishes, image):
            continue
        if image.post_id in chosen or len(chosen) < room:
            chosen.setdefault(image.post_id, []).append(pk)
    return [pk for ids in chosen.values() for pk in ids], len(chosen)


def _is_wanted(task: CaptionGenerationTask, wishes: TaskSettings, image: Image) -> bool:
    return image.batch_id == task.pk or _is_open(wishes, image)


def _is_open(wishes: TaskSettings, image: Image) -> bool:
    """Neither drafted nor decided, or to be drafted again. What a person waits for is not for a task."""
    if image.regenerate_asked_by_id is not None:
        return False
    if image.status != Image.Status.PENDING:
        return False
    return image.captioned_at is None or (wishes.reprocess_existing and not image.reviewed_caption)


def _step(found: Found) -> str:
    return _("Reading the account: %(read)d posts, %(images)d pictures without alt text") % {
        "read": found.read,
        "images": found.images,
    }
