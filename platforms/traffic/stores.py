"""Where the state of the traffic is kept: in Redis, in the database when embedded (`database`), else in this process.

All three keep small JSON objects by name, each with a version, and change one only where it is still as it was read.
They may drop a row that nobody needs any more, and need not: whoever reads looks at its `until`.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import redis
from redis.exceptions import RedisError

State = dict[str, Any]

PREFIX = "vedfolnir:traffic:"
PATIENCE = 1.0  # seconds; a worker must not wait for a Redis that is gone
REMEMBERED = 2000  # names in the memory of a process, before those that have expired are dropped

# KEYS: name. ARGV: the version as it was read, the new one, the state, until when it counts, seconds to keep it.
SWAP = """
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'state', ARGV[3], 'until', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1
"""


class StoreUnavailable(Exception):
    """The store does not answer at the moment."""


@dataclass(frozen=True)
class Row:
    """A state, its version, which grows with every change, and until when it counts, in seconds of the epoch.

    Version 0: there is none.
    """

    version: int = 0
    state: State = field(default_factory=dict)
    until: float = 0.0


NOTHING = Row()


class Store(Protocol):
    """`exact`: a write costs so little that every request may be counted."""

    exact: bool

    def read(self, name: str) -> Row:
        """What is kept under a name, also when it does not count any more. Raises StoreUnavailable."""

    def swap(self, name: str, seen: int, row: Row, *, now: float) -> bool:
        """Keep `row` for as long as it counts, if the version is still the one `seen`; False if it is not.

        Raises StoreUnavailable.
        """


class MemoryStore:
    """For one process, any number of threads."""

    exact = True

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> Row:
        with self._lock:
            return self._rows.get(name, NOTHING)

    def swap(self, name: str, seen: int, row: Row, *, now: float) -> bool:
        with self._lock:
            if self._rows.get(name, NOTHING).version != seen:
                return False
            self._keep(name, row, now)
            return True

    def put(self, name: str, row: Row, *, now: float) -> None:
        """Keep `row`, whatever was there."""
        with self._lock:
            self._keep(name, row, now)

    def clear(self) -> None:
        with self._lock:
            self._rows.clear()

    def _keep(self, name: str, row: Row, now: float) -> None:
        if len(self._rows) >= REMEMBERED and name not in self._rows:
            self._rows = {each: kept for each, kept in self._rows.items() if kept.until > now}
        self._rows[name] = row


class RedisStore:
    """For all machines. One hash for each name, changed by a script, which Redis runs alone; it expires by itself."""

    exact = True

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, decode_responses=True
        )
        self._swap = self._client.register_script(SWAP)

    def read(self, name: str) -> Row:
        try:
            fields = cast("Sequence[str | None]", self._client.hmget(PREFIX + name, ["version", "state", "until"]))
        except RedisError as error:
            raise StoreUnavailable(str(error)) from error
        version, state, until = fields
        return Row(int(version), json.loads(state), float(until)) if version and state and until else NOTHING

    def swap(self, name: str, seen: int, row: Row, *, now: float) -> bool:
        seconds = max(0, int(row.until - now)) + 1
        values: list[str | int] = [str(seen), str(row.version), json.dumps(row.state), repr(row.until), seconds]
        try:
            return bool(self._swap(keys=[PREFIX + name], args=values))
        except RedisError as error:
            raise StoreUnavailable(str(error)) from error

    def clear(self) -> None:
        """Forget everything: for tests."""
        for key in self._client.scan_iter(match=f"{PREFIX}*"):
            self._client.delete(key)

    def close(self) -> None:
        self._client.close()
