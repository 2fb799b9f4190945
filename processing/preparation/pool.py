"""Preparation in processes of its own, so that no picture harms the one who asks: see `prepare`.

Not by multiprocessing: Celery's own children may not start children by it. Nothing here needs Django.
"""

import atexit
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from processing.preparation import wire
from processing.preparation.model import (
    FORMATS,
    HEIC,
    MAX_BYTES,
    PictureRefused,
    PreparationUnavailable,
    PreparedImage,
)

# Bytes of address space of one child. Measured with Pillow 13: pictures of 50 million pixels come to at most 1,284 MiB
# (an animated AVIF in 4:4:4 with transparency), most of them to less than half.
MEMORY = 1792 * 1024**2
SECONDS = 60.0  # for one picture, on the clock; one of 50 million pixels takes up to nine
START_SECONDS = 60.0  # until a child is there: 0.1 unless the machine is very busy
WAIT_SECONDS = 120.0  # for one's turn
ATTEMPTS = 2  # with a new child, where one ended
MOST_SECONDS = WAIT_SECONDS + ATTEMPTS * (START_SECONDS + SECONDS)  # that `prepare` takes
PICTURES = 300  # until a child is ended, whatever has gathered in it
MOST_CHILDREN = max(1, min(4, os.cpu_count() or 1))  # at a time; who comes next waits
_LAST_SECONDS = 1.0  # from the end of its pipes to that of a child
MOST_REPLY = 16 * 1024**2  # bytes: three JPEGs of at most 1024 x 1024

_ROOT = Path(__file__).resolve().parents[2]
# For glibc: one heap, which keeps 64 MiB between pictures instead of giving every page back and asking for it again: a
# sixth of the time of a photograph.
_MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TOP_PAD_": str(16 * 1024**2),
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2),
}
# What a Python may need to find its own libraries. Nothing else is inherited: no key, no password.
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
_HASH = re.compile(r"[0-9a-f]{16}")
_JPEG = b"\xff\xd8\xff"


class ChildDied(Exception):
    """The process ended instead of answering, or answered what is no answer.

    `from_outside` if the system or somebody ended it by force (SIGKILL): a fault of a file's making ends it otherwise.
    """

    def __init__(self, *, from_outside: bool = False) -> None:
        super().__init__()
        self.from_outside = from_outside


class Child:
    """One process; belongs to one thread at a time. Raises PreparationUnavailable if it cannot be started."""

    def __init__(self, *, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.done = 0  # pictures
        self._overdue = False
        self.process = _start(memory)
        self._requests = cast("BinaryIO", self.process.stdin)
        self._replies = cast("BinaryIO", self.process.stdout)
        try:
            with self._deadline(START_SECONDS):
                head, _parts = wire.receive(self._replies, 0)
        except (ChildDied, PictureRefused) as error:
            self.end()
            raise PreparationUnavailable("The process that reads pictures does not start; the log says why.") from error
        self.is_limited = head.get("limited") is True  # whether the system keeps it to its memory

    @property
    def is_alive(self) -> bool:
        return not self._overdue and self.process.poll() is None

    def prepare(self, data: bytes) -> PreparedImage:
        """As `prepare` below, at one attempt: raises ChildDied as well."""
        self.done += 1
        with self._deadline(self.seconds):
            wire.send(self._requests, {}, [data])
            digest = hashlib.sha256(data).hexdigest()  # while the child decodes
            head, parts = wire.receive(self._replies, MOST_REPLY)
        if "refused" in head:
            raise PictureRefused(" ".join(str(head["refused"])[:300].split()))
        if "failed" in head:
            raise RuntimeError(f"preparation failed in its own process:\n{head['failed']}")
        return _prepared(head.get("prepared"), parts, digest)

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        """Kill the child when its time is over. Raises PictureRefused then, and ChildDied when it ended by itself."""
        timer = threading.Timer(seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, EOFError, wire.Malformed) as error:
            if self._overdue:
                raise PictureRefused(
                    "The picture takes too long to read: it is far too complicated, or made to do harm."
                ) from error
            raise ChildDied(from_outside=self._was_killed()) from error
        finally:
            timer.cancel()

    def _was_killed(self) -> bool:
        """Asked when its pipes are closed, so that it has ended or is about to."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(_LAST_SECONDS) == -signal.SIGKILL
        return False

    def _expire(self) -> None:
        self._overdue = True
        self.process.kill()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._close_pipes()

    def forget(self) -> None:
        """After a fork: it is our parent's. Close our copies of its pipes and let it be."""
        self._close_pipes()
        self.process.returncode = 0  # so that nobody waits for it here

    def _close_pipes(self) -> None:
        for pipe in (self._requests, self._replies):
            with suppress(OSError):  # what was not sent yet cannot be sent any more
                pipe.close()


class Pool:
    """Children that are started when they are needed and used again. For any number of threads."""

    def __init__(
        self,
        *,
        most: int = MOST_CHILDREN,
        pictures: int = PICTURES,
        memory: int = MEMORY,
        seconds: float = SECONDS,
        patience: float = WAIT_SECONDS,
    ) -> None:
        self.most, self.pictures, self.memory, self.seconds, self.patience = most, pictures, memory, seconds, patience
        self._reset()

    def _reset(self) -> None:
        self._idle: list[Child] = []
        self._lock = threading.Lock()
        self._turns = threading.BoundedSemaphore(self.most)

    def prepare(self, data: bytes) -> PreparedImage:
        """See the function of that name."""
        if len(data) > MAX_BYTES:
            raise PictureRefused(f"The file is larger than {MAX_BYTES // 1024**2} MiB.")
        killed = 0
        with self._turn():
            for _attempt in range(ATTEMPTS):
                try:
                    with self._child() as child:
                        return child.prepare(data)
                except ChildDied as death:
                    killed += death.from_outside
        if killed == ATTEMPTS:
            raise PreparationUnavailable(
                "The program that reads pictures was ended by force, each time: the machine may be out of memory."
            )
        raise PictureRefused(
            "The file ends the program that reads pictures, each time: it is damaged, or made to do harm."
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        turns = self._turns  # `forget` replaces them
        if not turns.acquire(timeout=self.patience):
            raise PreparationUnavailable("All processes that read pictures are busy.")
        try:
            yield
        finally:
            turns.release()

    @contextmanager
    def _child(self) -> Iterator[Child]:
        child = self._take()
        fit = False
        try:
            yield child
            fit = True
        except PictureRefused:
            fit = True
            raise
        finally:
            self._give_back(child, fit=fit)

    def _take(self) -> Child:
        """The child that was used last, since its memory is warm; another when there is none, or it died meanwhile."""
        while True:
            with self._lock:
                child = self._idle.pop() if self._idle else None
            if child is None:
                return Child(memory=self.memory, seconds=self.seconds)
            if child.is_alive:
                return child
            child.end()

    def _give_back(self, child: Child, *, fit: bool) -> None:
        if fit and child.done < self.pictures and child.is_alive:
            with self._lock:
                self._idle.append(child)
        else:
            child.end()

    def close(self) -> None:
        """End the children that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def forget(self) -> None:
        """Leave all children to the process that we were forked from."""
        for child in self._idle:
            child.forget()
        self._reset()


def prepare(data: bytes) -> PreparedImage:
    """Check and convert a stranger's file in a process of its own, within bounds of memory and time.

    Raises PictureRefused, also for a file that takes too long or ends that process twice; and PreparationUnavailable
    when it cannot be started, none is free for long, or the system ended it by force each time. Safe in any number of
    threads and in forked processes.
    """
    return _pool.prepare(data)


def _start(memory: int) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "processing.preparation.worker", str(os.getpid()), str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env={**environment, **_MALLOC, "PYTHONPATH": str(_ROOT)},
            pipesize=1024**2,
        )
    except OSError as error:
        raise PreparationUnavailable(f"The process that reads pictures cannot be started: {error}.") from error


def _prepared(facts: Any, parts: list[bytes], digest: str) -> PreparedImage:
    """What a child says of a picture, if it can be that. Raises ChildDied: who sends anything else is not ours."""
    try:
        jpeg, *more = parts
        numbers = [facts["width"], facts["height"], facts["frames"]]
        fine = (
            all(type(number) is int and number > 0 for number in numbers)
            and facts["format"] in (*FORMATS, HEIC)
            and _HASH.fullmatch(facts["perceptual_hash"]) is not None
            and len(more) <= 2
            and all(part.startswith(_JPEG) for part in parts)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ChildDied from error
    if not fine:
        raise ChildDied
    width, height, frames = numbers
    return PreparedImage(
        jpeg=jpeg,
        width=width,
        height=height,
        format=facts["format"],
        frames=frames,
        sha256=digest,
        perceptual_hash=facts["perceptual_hash"],
        more_frames=tuple(more),
    )


_pool = Pool()
atexit.register(_pool.close)
os.register_at_fork(after_in_child=_pool.forget)
