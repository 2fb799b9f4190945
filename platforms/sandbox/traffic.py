"""Rate limits: how requests are counted, and the headers that tell clients, in each shape that servers use.

| setting | values |
|---|---|
| `per` | `token` as Mastodon (without one: the address), `address` as GoToSocial: all who share one share the limit |
| `shape` | of X-RateLimit-Reset: `iso` as Mastodon does, `epoch` seconds since 1970, `delta` seconds to go; |
| | `none`: no X-RateLimit header at all |
| `retry_after` | of the refusal: `seconds`, `date`, `both` (as GoToSocial at its start), `none` as Mastodon |
"""

import json
import sqlite3
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import StrEnum
from math import ceil
from time import time

from platforms.sandbox import store

RATE_LIMIT = 30_000  # Mastodon's 300 would make every test run wait
WINDOW = 300  # seconds, as Mastodon's


class Shape(StrEnum):
    """How X-RateLimit-Reset names the end of the window."""

    ISO = "iso"
    EPOCH = "epoch"
    DELTA = "delta"
    NONE = "none"


class Wait(StrEnum):
    """How Retry-After says when to come back."""

    SECONDS = "seconds"
    DATE = "date"
    BOTH = "both"
    NONE = "none"


class Per(StrEnum):
    """What shares one limit."""

    TOKEN = "token"  # noqa: S105 - a word, not a secret
    ADDRESS = "address"


@dataclass(frozen=True)
class Rule:
    """A rate limit: so many requests in each window of so many seconds."""

    limit: int = RATE_LIMIT
    shape: Shape = Shape.ISO
    per: Per | None = None  # as the family does; a rule that holds always names it
    retry_after: Wait = Wait.NONE
    window: int = WINDOW

    def counted(self, token: store.Token | None, address: str) -> str:
        """Whose count a request belongs to."""
        return f"token {token.id}" if token and self.per is Per.TOKEN else f"address {address}"

    def headers(self, count: int, resets_at: int) -> dict[str, str]:
        """What every answer tells, the `count`th request of its window being answered."""
        if self.shape is Shape.NONE:
            return {}
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - count)),
            "X-RateLimit-Reset": reset_header(self.shape, resets_at),
        }


def save(db: sqlite3.Connection, rule: Rule) -> None:
    """Let this rule hold from now on."""
    store.set_setting(db, "rate_limit", json.dumps(asdict(rule)))


def current(db: sqlite3.Connection, limited_by: str) -> Rule | None:
    """The rule that holds: the one that was set, else the usual one, which counts by `limited_by`.

    An empty `limited_by` is a family that knows no rate limit: None, unless a rule was set.
    """
    row = db.execute("SELECT value FROM settings WHERE name = 'rate_limit'").fetchone()
    if row is None:
        return Rule(per=Per(limited_by)) if limited_by else None
    kept = json.loads(row[0])
    per = Per(kept["per"] or limited_by or Per.TOKEN)
    return Rule(kept["limit"], Shape(kept["shape"]), per, Wait(kept["retry_after"]), kept["window"])


class Counter:
    """Counts requests in windows of time, in the memory of this process."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def add(self, rule: Rule, who: str) -> tuple[int, int]:
        """Count one request: how many it is in its window, and when the window ends, in seconds since 1970."""
        ends = (int(time()) // rule.window + 1) * rule.window
        with self._lock:
            self._counts = {key: count for key, count in self._counts.items() if key[1] == ends}
            count = self._counts[who, ends] = self._counts.get((who, ends), 0) + 1
        return count, ends


def reset_header(shape: Shape, moment: float) -> str:
    """`moment` (seconds since 1970) in the shape of an X-RateLimit-Reset header."""
    if shape is Shape.ISO:
        return store.timestamp(datetime.fromtimestamp(moment, UTC))
    return str(ceil(moment) if shape is Shape.EPOCH else max(0, ceil(moment - time())))


def retry_headers(wait: Wait, moment: float) -> list[tuple[str, str]]:
    """The Retry-After headers that ask to wait until `moment` (seconds since 1970)."""
    seconds = ("Retry-After", str(max(0, ceil(moment - time()))))
    date = ("Retry-After", format_datetime(datetime.fromtimestamp(ceil(moment), UTC), usegmt=True))
    return {Wait.SECONDS: [seconds], Wait.DATE: [date], Wait.BOTH: [seconds, date], Wait.NONE: []}[wait]
