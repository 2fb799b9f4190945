"""Whether this process is about to end: long work stops at its next step, and another worker goes on with it."""

import threading

_asked = threading.Event()


class Stopping(Exception):
    """The process is to end. Nothing is wrong; give back what you hold."""


def ask() -> None:
    _asked.set()


def asked() -> bool:
    return _asked.is_set()


def pause(seconds: float) -> None:
    """Wait, but not longer than the process is to live. Raises Stopping."""
    if _asked.wait(seconds):
        raise Stopping
