"""Which part of an account a scan still has to read, so that a known account costs a page or two.

A connection keeps what its scans have read so far: everything posted up to `scanned_until`, down to the post
`scan_below` (empty: down to the oldest). A scan reads what is new, with an overlap; takes up what is stored and was
never described; and goes on below. What is said here is true of posts that were read and stored, whoever describes
them, so it may be recorded as soon as a part is through.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import chain, islice
from typing import Any, Self

from django.utils import timezone

from platforms.clients.base import PlatformClient, Status, UnreadableStatus
from platforms.models import PlatformConnection
from platforms.wanted import moment
from processing.models import CaptionGenerationTask
from processing.task_settings import TaskSettings

OVERLAP = timedelta(days=3)  # read again: posts that came late, and alt texts that their authors added meanwhile
OLD_IN_A_ROW = 20  # posts from before the overlap that end the news; fewer may be imported ones with their old dates
CURSOR = 500  # characters of an id that the columns hold
TOP = 5  # posts by which the top of an account is known again
LOOKED_AT = 40  # posts below a cursor among which those would be


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
    forgotten: int  # the connection's `scans_forgotten`; when it changes, the walk begins again
    goes_on: bool = False  # an earlier step of the task has begun it
    newest: str = ""  # when the newest post that it came across was posted, ISO 8601
    top: list[str] = field(default_factory=list)  # marks of the first posts that the server gave
    # The server gives all posts again, whatever it is asked for: a part is not left before its end.
    in_one_go: bool = False

    @classmethod
    def of(cls, task: CaptionGenerationTask, wishes: TaskSettings) -> Self:
        """The walk of a task, begun anew where nothing of it is kept or the scans so far were forgotten meanwhile."""
        kept = json.loads(task.results_json or "{}").get("walk")
        forgotten = task.platform_connection.scans_forgotten
        if kept and kept["forgotten"] == forgotten:
            return cls(Part(kept["part"]), forgotten, goes_on=True, newest=kept["newest"], top=kept["top"])
        everything = wishes.everything or wishes.reprocess_existing
        return cls(Part.EVERYTHING if everything else Part.NEWS, forgotten)

    def as_json(self) -> dict[str, Any]:
        return {"part": self.part, "forgotten": self.forgotten, "newest": self.newest, "top": self.top}

    def statuses(
        self, client: PlatformClient, connection: PlatformConnection, cursor: str, read: int
    ) -> Iterator[Status | UnreadableStatus]:
        """The posts of this part that are left below `cursor` (empty: all of them), newest first.

        `read` is how many the walk has read already.
        """
        if self.part is Part.OLDER:
            cursor = cursor or connection.scan_below
        everything = partial(client.statuses, connection.account_id)
        listed = self._below(cursor, everything, read) if cursor else self._from_the_top(everything())
        for status in self._news(connection, listed) if self.part is Part.NEWS else listed:
            if isinstance(status, Status):
                self._came_across(moment(status.created_at))
            yield status

    def _from_the_top(self, listed: Iterator[Status | UnreadableStatus]) -> Iterator[Status | UnreadableStatus]:
        first = list(islice(listed, TOP))
        self.top = [_mark(status) for status in first]
        return chain(first, listed)

    def _below(
        self, cursor: str, everything: Callable[..., Iterator[Status | UnreadableStatus]], read: int
    ) -> Iterator[Status | UnreadableStatus]:
        """What the server lists below `cursor`, also where it begins at the top again, as snac before 2.96 does.

        There what comes before the post at the cursor is passed over; if that post is gone, as many as were read.
        """
        listed = everything(max_id=cursor)
        first = list(islice(listed, LOOKED_AT))
        listed = chain(first, listed)
        self.in_one_go = not set(self.top).isdisjoint(map(_mark, first))
        if not self.in_one_go:
            return listed
        is_there = any(status.id == cursor for status in listed)  # and what follows it is left in `listed`
        return listed if is_there else islice(everything(), read, None)

    def _news(
        self, connection: PlatformConnection, listed: Iterator[Status | UnreadableStatus]
    ) -> Iterator[Status | UnreadableStatus]:
        """Down to where everything was read before: to enough posts that are older, or where earlier scans stopped."""
        end = connection.scanned_until - OVERLAP if connection.scanned_until else None
        older = 0
        for status in listed:
            if isinstance(status, Status):
                posted_at = moment(status.created_at)
                older = older + 1 if end and posted_at and posted_at < end else 0
            yield status
            if older == OLD_IN_A_ROW or (status.id and status.id == connection.scan_below):
                return

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
        """Nothing is recorded where all is to be read anew since this walk began: because other posts count, say."""
        if below is not None:
            values["scan_below"] = below
        same = PlatformConnection.objects.filter(pk=connection.pk, scans_forgotten=self.forgotten)
        if values and same.update(**values):
            for name, value in values.items():
                setattr(connection, name, value)


def _mark(status: Status | UnreadableStatus) -> str:
    """By the address where there is one: an edit may change the id (snac)."""
    name = status.uri if isinstance(status, Status) and status.uri else status.id
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()[:16]
