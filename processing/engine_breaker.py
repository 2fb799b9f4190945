"""Whether an engine works at all, as all workers together know it: an outage is the engine's, not the picture's.

One call that fails, after its quick retries, is enough to leave the engine alone; then one picture at a time tries it,
after pauses that grow to about as long as it has not worked.
"""

import hashlib
import socket
from collections.abc import Callable
from dataclasses import astuple
from datetime import timedelta
from time import time
from typing import TypeVar

from platforms.traffic import breaker, doors
from processing import holders
from processing.engines.config import engine_config

SHORTEST, LONGEST = 15.0, 600.0  # seconds between two attempts
PATIENT = 30  # short pauses asked for one after another, without an answer between: then it does not work
IN_PROCESS = frozenset({"basic", "transformers"})  # each machine has its own

Result = TypeVar("Result")


class LeftAlone(Exception):
    """The engine is not asked now; again after `seconds`. `reason` is a sentence for a person."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds


def where(name: str) -> str:
    """What shares one limit and one fate: a server, by the engine's name; an engine in our process, by machine."""
    return f"{name}@{socket.gethostname()}"[:50] if name in IN_PROCESS else name[:50]


class EngineBreaker:
    """The breaker of one engine (a name of `where`). `probe` is the longest that a call may take, in seconds."""

    def __init__(self, engine: str, probe: timedelta) -> None:
        self.engine = engine
        self._temper = breaker.Temper(1, SHORTEST, LONGEST, probe.total_seconds())
        self._ticket = holders.new()

    def wait(self) -> float:
        """Seconds until a call may be tried; 0: now."""
        now = time()
        return self._shown(breaker.wait_of(self._read(now), now, self._temper), now)

    def enter(self) -> float:
        """Seconds that a call must wait; 0: it may be made, and its outcome must be told."""
        now = time()
        wait = self._change(now, lambda state: breaker.enter(state, now, self._ticket, temper=self._temper))
        return self._shown(wait, now)

    def failed(self, retry_after: float | None = None) -> float:
        """It did not work, or asked for `retry_after` seconds; how many seconds to wait.

        Who asks for a short pause works, and gets that and no longer one.
        """
        now = time()
        if (
            retry_after
            and retry_after <= SHORTEST
            and self._change(now, lambda state: _paused(state, now, retry_after))
        ):
            return retry_after

        def fail(state: breaker.State) -> tuple[breaker.State, float]:
            changed = breaker.failed(state, now, self._ticket, self._temper)
            if retry_after:
                changed["paused"] = now + min(retry_after, LONGEST)
            return changed, breaker.wait_of(changed, now, self._temper)

        return max(SHORTEST, self._change(now, fail))

    def answered(self) -> None:
        """It works, whatever it said."""
        now = time()
        self._change(now, lambda state: (breaker.answered(state, now), None))

    def let_go(self) -> None:
        """The call was not made after all."""
        self._change(time(), lambda state: (breaker.let_go(state, self._ticket), None))

    def let_go_dead(self, *, alone: bool = False) -> None:
        """Let another be the probe where its process is known to be dead; `alone` as for engine_slots.release_dead."""

        def let_go(state: breaker.State) -> tuple[breaker.State, None]:
            ticket = str(state.get("probe", [""])[0])
            gone = bool(ticket) and holders.is_gone(ticket, alone=alone)
            return (breaker.let_go(state, ticket) if gone else state), None

        self._change(time(), let_go)

    def silent_since(self) -> float | None:
        """Since when it has not worked, in seconds of the epoch; None: it works, or nobody knows otherwise."""
        state = self._read(time())
        return float(state["since"]) if breaker.is_open(state, self._temper) else None

    def _shown(self, wait: float, now: float) -> float:
        """While another picture tries the engine, the answer may come any moment."""
        return wait if wait <= SHORTEST or self._read(now).get("open_until", now) > now else SHORTEST

    def _read(self, now: float) -> breaker.State:
        return doors.everybodys().read(self._name, now)

    def _change(self, now: float, change: Callable[[breaker.State], tuple[breaker.State, Result]]) -> Result:
        return doors.everybodys().change(self._name, now, change, lambda state: breaker.useful_for(state, now))

    @property
    def _name(self) -> str:
        return f"engine {self.engine} {_settings_mark()}"


def _paused(state: breaker.State, now: float, seconds: float) -> tuple[breaker.State, bool]:
    """The state with a short pause in it; unchanged, and False, where there were too many of them."""
    asked = int(state.get("asked", 0)) + 1
    if asked > PATIENT:
        return state, False
    return {**breaker.asked_to_wait(state, now, seconds), "asked": asked}, True


def _settings_mark() -> str:
    """Changes with the engines' settings: what was wrong with other ones is not held against these."""
    return hashlib.sha256(repr(astuple(engine_config())).encode()).hexdigest()[:8]
