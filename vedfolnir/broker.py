"""Celery's messages as files, for the embedded set-up: kombu's filesystem transport, made whole.

kombu writes a message into the folder that others read from, so a reader can take half of it and the worker ends with
a JSON error (4 of 8 runs of 5,000 messages). Here a file gets its name only once it is complete. The folder belongs to
this user alone: who can write a message can make the worker do things.
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.objects import cached_property

SCHEME = "vedfolnir-files"
MODE = 0o700


def register() -> None:
    """Make `vedfolnir-files://` known; kombu refuses dotted names in addresses."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def make_folder(path: str | Path) -> Path:
    """The folder, for this user only."""
    folder = Path(path)
    folder.mkdir(mode=MODE, parents=True, exist_ok=True)
    folder.chmod(MODE)
    return folder


def write_whole(path: Path, content: str) -> None:
    """Write a file that others see complete or not at all; its folder must be on one file system."""
    unfinished = path.parent / f".{uuid4().hex}.new"
    unfinished.write_text(content, encoding="utf-8")
    unfinished.rename(path)


class Channel(filesystem.Channel):
    """One message is one file, `TIME_UUID.QUEUE.msg`; taking it is renaming it, which only one reader can do."""

    @cached_property
    def folder(self) -> Path:
        return make_folder(self.transport_options["data_folder_in"])

    @cached_property
    def control_folder(self) -> Path:
        return make_folder(self.transport_options["control_folder"])

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]  # as kombu itself does
        # The wall clock, because what was queued before a restart of the machine comes first.
        write_whole(self.folder / f"{time.time_ns():020}_{uuid4().hex}.{queue}.msg", json.dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for path in self._messages(queue):
            taken = path.with_name(f".{path.name}.taken")
            try:
                path.rename(taken)
            except FileNotFoundError:
                continue  # another reader was quicker
            payload = json.loads(taken.read_text(encoding="utf-8"))
            taken.unlink()
            return payload
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        messages = self._messages(queue)
        for path in messages:
            path.unlink(missing_ok=True)
        return len(messages)

    def _messages(self, queue: str) -> list[Path]:
        """The messages of a queue, oldest first; unfinished and taken files start with a dot."""
        ending = f".{queue}.msg"
        names = (path.name for path in self.folder.iterdir() if not path.name.startswith("."))
        return [self.folder / name for name in sorted(names) if "." + name.partition(".")[2] == ending]

    # The table of an exchange, which kombu also writes in place.

    def get_table(self, exchange: str) -> list[Any]:
        try:
            table = json.loads(self._table_file(exchange).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*row) for row in table]

    def _queue_bind(self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._changing_tables():
            table = self.get_table(exchange)
            if row not in table:
                write_whole(self._table_file(exchange), json.dumps([row, *table]))

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._changing_tables():
            table = self.get_table(exchange)
            if row in table:
                table.remove(row)
                write_whole(self._table_file(exchange), json.dumps(table))

    def _table_file(self, exchange: str) -> Path:
        return Path(self._exchange_file(exchange))  # type: ignore[no-untyped-call]  # refuses names that leave the folder

    @contextmanager
    def _changing_tables(self) -> Iterator[None]:
        with (self.control_folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    """What `vedfolnir-files://` names."""

    Channel = Channel
