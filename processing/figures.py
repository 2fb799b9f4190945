"""What a task has done, counted in SQL: nothing is added up in memory, so nothing is lost with a worker."""

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from captions.models import Image
from processing.models import CaptionGenerationTask

ERRORS_KEPT = 50
IDS_KEPT = 1000

_OPEN = Q(status=Image.Status.PENDING, captioned_at=None, next_attempt_at__isnull=False)


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
    counted = Image.objects.filter(batch_id=task_id).aggregate(
        found=Count("pk"),
        drafted=Count("pk", filter=Q(captioned_at__isnull=False)),
        failed=Count("pk", filter=Q(status=Image.Status.ERROR)),
        left=Count("pk", filter=_OPEN),
    )
    return Figures(**counted)


def errors(task_id: str, limit: int = ERRORS_KEPT) -> list[Image]:
    """The images of a task that came to nothing, with their posts, latest first."""
    failed = Image.objects.filter(batch_id=task_id, status=Image.Status.ERROR)
    return list(failed.select_related("post").order_by("-pk")[:limit])


def scan_results(task: CaptionGenerationTask) -> dict[str, Any]:
    """What the scan has noted in `results_json` so far."""
    stored = json.loads(task.results_json) if task.results_json else {}
    return {name: stored.get(name, 0) for name in ("posts_processed", "skipped_existing")}


def results(task: CaptionGenerationTask, counted: Figures, seconds: float) -> dict[str, Any]:
    """`results_json` of a task that has ended, by the documented names."""
    drafted = Image.objects.filter(batch_id=task.pk, captioned_at__isnull=False).order_by("pk")
    return {
        "task_id": task.pk,
        **scan_results(task),
        "images_processed": counted.made,
        "captions_generated": counted.drafted,
        "errors_count": counted.failed,
        "processing_time_seconds": round(seconds, 3),
        "error_details": [
            {"image_id": image.pk, "post_url": image.post.post_url, "error": image.processing_error}
            for image in errors(task.pk)
        ],
        "generated_image_ids": list(drafted.values_list("pk", flat=True)[:IDS_KEPT]),
    }
