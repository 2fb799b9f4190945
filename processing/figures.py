"""What a task has done, counted in SQL: nothing is added up in memory, so nothing is lost with a worker."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from captions.models import CaptionVersion, Image
from platforms.clients.base import UnreadableStatus
from processing.models import CaptionGenerationTask
from vedfolnir.lib.text import clean_line

ERRORS_KEPT = 50
IDS_KEPT = 1000
IDS_LONGEST = 500  # characters of a remote id that are shown

_OPEN = Q(status=Image.Status.PENDING, next_attempt_at__isnull=False)  # as ImageQuerySet.asked_for has it
_CLOSED = Q(status=Image.Status.PENDING, next_attempt_at=None, processing_error__isnull=False)  # without a new draft
_BY_PEOPLE = Q(regenerate_asked_by__isnull=False)  # not the task's to wait for


@dataclass(frozen=True)
class Figures:
    """The images of one task: `found` were asked for, `drafted` have a draft, `failed` an error, `left` are to do."""

    found: int
    drafted: int
    failed: int
    left: int

    @property
    def done(self) -> int:
        return self.found - self.left

    @property
    def made(self) -> int:
        """Those that came to an end by themselves, in a draft or an error, and not by the end of the task."""
        return self.drafted + self.failed

    @property
    def percent(self) -> int:
        """10 for the scan, the rest for the images; 100 is said only by the row that is completed."""
        return 99 if not self.found else min(99, 10 + 90 * self.done // self.found)


def figures(task_id: str) -> Figures:
    """Counted from ix_image_batch alone, but for the few that a person asked for meanwhile."""
    images = Image.objects.filter(batch_id=task_id)
    counted = images.aggregate(
        found=Count("pk"),
        drafted=Count("pk", filter=Q(captioned_at__isnull=False) & ~_OPEN),
        failed=Count("pk", filter=Q(status=Image.Status.ERROR)),
        left=Count("pk", filter=_OPEN),
    )
    by_people = images.filter(_OPEN & _BY_PEOPLE).aggregate(
        all=Count("pk"), drafted=Count("pk", filter=Q(captioned_at__isnull=False))
    )
    counted["drafted"] += by_people["drafted"]
    counted["left"] -= by_people["all"]
    return Figures(**counted)


def final_figures(task_id: str) -> Figures:
    """The same, with those that were to be drafted again in vain among the failed: read row by row, at the end."""
    counted = figures(task_id)
    kept = Image.objects.filter(_kept(task_id), batch_id=task_id).count()
    return replace(counted, drafted=counted.drafted - kept, failed=counted.failed + kept)


def _kept(task_id: str) -> Q:
    """Was to be drafted again by the task, and keeps the draft that it had."""
    drafted = CaptionVersion.objects.filter(image=OuterRef("pk"), kind=CaptionVersion.Kind.GENERATED)
    return _CLOSED & Q(captioned_at__isnull=False) & ~Q(Exists(drafted.filter(created_at__gte=_began(task_id))))


def _began(task_id: str) -> datetime:
    """What was drafted since then is the task's own; a person who asked for another draft in vain changes nothing."""
    created = CaptionGenerationTask.objects.filter(pk=task_id).values_list("created_at", flat=True).first()
    return created or timezone.now()


def has_open_images(task_id: str) -> bool:
    """Whether any image of the task is still to be drafted: one look at ix_image_batch."""
    return Image.objects.filter(_OPEN, ~_BY_PEOPLE, batch_id=task_id).exists()


def in_hand_since(task_id: str, now: datetime) -> datetime | None:
    """When the oldest picture that a worker holds was taken."""
    taken = Image.objects.filter(_OPEN, batch_id=task_id, next_attempt_at__gt=now, failures__gt=0)
    return taken.filter(processing_error=None).order_by("updated_at").values_list("updated_at", flat=True).first()


def next_retry(task_id: str, now: datetime) -> Image | None:
    """The picture that failed and is tried again next; its `processing_error` says why it failed."""
    later = Image.objects.filter(_OPEN, batch_id=task_id, next_attempt_at__gt=now - timedelta(minutes=1))
    waiting = later.exclude(processing_error=None).order_by("next_attempt_at")
    return waiting.only("processing_error", "next_attempt_at").first()


def errors(task_id: str, limit: int = ERRORS_KEPT) -> list[Image]:
    """The images of a task that came to nothing, with their posts, latest first.

    Then those that were withdrawn, or whose earlier draft stays because there is no new one.
    """
    failed = Q(status=Image.Status.ERROR)
    withdrawn = _CLOSED & Q(captioned_at=None)
    found = Image.objects.filter(failed | withdrawn | _kept(task_id), batch_id=task_id).select_related("post")
    return list(found.order_by("status", "-pk")[:limit])  # "error" comes before "pending"


SCAN_COUNTS = ("posts_processed", "skipped_existing", "posts_unreadable", "videos_without_frame")


def noted_by_scan(posts: int, skipped: int, unreadable: Sequence[UnreadableStatus], unseen: int = 0) -> dict[str, Any]:
    """`results_json` of a task that has read its account."""
    return {
        "posts_processed": posts,
        "skipped_existing": skipped,
        "posts_unreadable": len(unreadable),
        "videos_without_frame": unseen,
        "error_details": [
            {"post_id": clean_line(odd.id, IDS_LONGEST), "post_url": odd.url, "error": odd.reason}
            for odd in unreadable[:ERRORS_KEPT]
        ],
    }


def scan_results(task: CaptionGenerationTask) -> dict[str, Any]:
    """What the scan has counted in `results_json` so far."""
    stored = json.loads(task.results_json) if task.results_json else {}
    return {name: stored.get(name, 0) for name in SCAN_COUNTS}


def unreadable_posts(task: CaptionGenerationTask) -> list[dict[str, str]]:
    """The posts that the scan passed over: `post_id`, `post_url` (both may be empty), `error`; ERRORS_KEPT at most."""
    stored = json.loads(task.results_json) if task.results_json else {}
    return [detail for detail in stored.get("error_details", []) if "image_id" not in detail]


def results(task: CaptionGenerationTask, counted: Figures, seconds: float) -> dict[str, Any]:
    """`results_json` of a task that has ended, by the documented names."""
    drafted = Image.objects.filter(~_OPEN, batch_id=task.pk, captioned_at__isnull=False)
    drafted = drafted.exclude(_kept(task.pk)).order_by("pk")
    scan = scan_results(task)
    return {
        "task_id": task.pk,
        **scan,
        "images_processed": counted.made,
        "captions_generated": counted.drafted,
        "errors_count": counted.failed + scan["posts_unreadable"],
        "processing_time_seconds": round(seconds, 3),
        "error_details": [
            *unreadable_posts(task),
            *(
                {"image_id": image.pk, "post_url": image.post.post_url, "error": image.processing_error}
                for image in errors(task.pk)
            ),
        ],
        "generated_image_ids": list(drafted.values_list("pk", flat=True)[:IDS_KEPT]),
    }
