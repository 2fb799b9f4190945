"""Which part of an account a scan still has to read, so that a known account costs a page or two.

A connection keeps what its scans have read so far: everything posted up to `scanned_until`, down to the post
`scan_below` (empty: down to the oldest). A scan reads what is new, with an overlap; takes up what is stored and was
never described; and goes on below. What is said here is true of posts that were read and stored, whoever describes
them, so it may be recorded as soon as a part is through.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from django.utils import timezone

from platforms.clients.base import PlatformClient, Status, UnreadableStatus
from platforms.models import PlatformConnection
from platforms.wanted import OPTIONS, moment
from processing.models import CaptionGenerationTask
from processing.task_settings import TaskSettings

OVERLAP = timedelta(days=3)  # read again: posts that came late, and alt texts that their authors added meanwhile
CURSOR = 500  # characters of an id that the columns hold


class Part(StrEnum):
    EVERYTHING = "everything"  # from the newest to the oldest, whatever was read before
    NEWS = "news"  # down to what was read before
    STORED = "stored"  # in our rows and not described: nothing is asked of the server
    OLDER = "older"  # below what was read before
    DONE = "done"


@dataclass
class Walk:
    """How far one task is. Kept in `results_json` under "walk" until the scan is through."""

    part: Part
    options: str  # a digest of the connection's options; when they change, the walk begins again
    goes_on: bool = False  # an earlier step of the task has begun it
    newest: str = ""  # when the newest post that it came across was posted, ISO 8601

    @classmethod
    def of(cls, task: CaptionGenerationTask, wishes: TaskSettings) -> Self:
        """The walk of a task, begun anew where nothing of it is kept or the connection's options changed."""
        kept = json.loads(task.results_json or "{}").get("walk")
        options = _digest(task.platform_connection)
        if kept and kept["options"] == options:
            return cls(Part(kept["part"]), options, goes_on=True, newest=kept["newest"])
        everything = wishes.everything or wishes.reprocess_existing
        return cls(Part.EVERYTHING if everything else Part.NEWS, options)

    def as_json(self) -> dict[str, str]:
        return {"part": self.part, "options": self.options, "newest": self.newest}

    def statuses(
        self, client: PlatformClient, connection: PlatformConnection, cursor: str
    ) -> Iterator[Status | UnreadableStatus]:
        """The posts of this part that are left below `cursor` (empty: all of them), newest first."""
        if self.part is Part.OLDER:
            cursor = cursor or connection.scan_below
        end = connection.scanned_until - OVERLAP if self.part is Part.NEWS and connection.scanned_until else None
        for status in client.statuses(connection.account_id, max_id=cursor or None):
            if isinstance(status, Status):
                posted_at = moment(status.created_at)
                if end is not None and posted_at is not None and posted_at < end:
                    return
                self._came_across(posted_at)
            yield status

    def _came_across(self, posted_at: datetime | None) -> None:
        # A date in the future would hide from the next scan what is posted until then.
        posted_at = min(posted_at, timezone.now()) if posted_at else None
        if posted_at is not None and (not self.newest or posted_at > datetime.fromisoformat(self.newest)):
            self.newest = posted_at.isoformat()

    def through(self, connection: PlatformConnection, wishes: TaskSettings) -> None:
        """This part was read to its end: record it, and turn to the next one."""
        if self.part is Part.EVERYTHING:
            self._record(connection, below="", **self._until())
            self.part = Part.DONE
        elif self.part is Part.NEWS:
            self._record(connection, **self._until())
            self.part = Part.STORED if wishes.describe else Part.OLDER
        elif self.part is Part.STORED:
            self.part = Part.OLDER
        else:
            self._record(connection, below="")
            self.part = Part.DONE
        if self.part is Part.OLDER and not connection.scan_below:
            self.part = Part.DONE

    def enough(self, connection: PlatformConnection, last_id: str) -> None:
        """The task has found as many posts as it was to; `last_id` is the last one that was read."""
        fits = 0 < len(last_id) <= CURSOR
        if self.part is Part.NEWS and fits:
            self._record(connection, below=last_id, **self._until())
        elif self.part is Part.OLDER and fits:
            self._record(connection, below=last_id)
        self.part = Part.DONE

    def _until(self) -> dict[str, Any]:
        return {"scanned_until": datetime.fromisoformat(self.newest)} if self.newest else {}

    def _record(self, connection: PlatformConnection, *, below: str | None = None, **values: Any) -> None:
        """Nothing is recorded where the options changed meanwhile: then other posts count."""
        if below is not None:
            values["scan_below"] = below
        same = {name: getattr(connection, name) for name in OPTIONS}
        if values and PlatformConnection.objects.filter(pk=connection.pk, **same).update(**values):
            for name, value in values.items():
                setattr(connection, name, value)


def _digest(connection: PlatformConnection) -> str:
    chosen = json.dumps([getattr(connection, name) for name in OPTIONS])
    return hashlib.sha256(chosen.encode()).hexdigest()[:16]
