"""How long to leave an engine alone that does not work: an outage is the engine's, not the picture's.

Kept by each worker process for itself; a new process asks once and knows.
"""

import threading
from datetime import timedelta
from time import monotonic

SHORTEST, LONGEST = 15.0, 600.0  # seconds between two attempts

_lock = threading.Lock()
_since: float | None = None  # when the outage was noticed
_until = 0.0  # no attempt before


def note() -> timedelta:
    """The engine did not work: how long to wait, which is about as long as it has not worked so far."""
    global _since, _until  # noqa: PLW0603  (the engine is the process's own)
    with _lock:
        now = monotonic()
        _since = now if _since is None else _since
        wait = min(max(SHORTEST, now - _since), LONGEST)
        _until = now + wait
        return timedelta(seconds=wait)


def over() -> None:
    """The engine answered."""
    global _since, _until
    with _lock:
        _since, _until = None, 0.0


def lasts() -> bool:
    """Whether an attempt now would come too early."""
    return monotonic() < _until
