"""Whether an instance answers at all: the circuit breaker of one host (or engine), as functions of its state.

State: `failures` in a row, `since` (of the first of them), `open_until`, `probe` ([ticket, until], who tries while it
is half open), `paused` (the server itself said until when, by 503 and Retry-After). Moments are seconds of the epoch.
An empty state is a host that answers.
"""

from dataclasses import dataclass
from typing import Any

State = dict[str, Any]

TRIPS = 10  # failures in a row
OPEN = 60.0  # seconds without a request
PROBE = 60.0  # seconds that a probe may take, more than the total time of a request: its worker may have died
KEPT = 3600.0  # seconds after which old failures are forgotten


@dataclass(frozen=True)
class Temper:
    """When a host is taken for dead, and for how long it is left alone then; times in seconds."""

    trips: int = TRIPS
    pause: float = OPEN  # the shortest
    longest: float = OPEN  # up to which pauses grow: each is about as long as the host has not answered so far
    probe: float = PROBE


HOST = Temper()


def is_open(state: State, temper: Temper = HOST) -> bool:
    """Whether the host is taken for dead; a probe may be due all the same."""
    return int(state.get("failures", 0)) >= temper.trips


def enter(state: State, now: float, ticket: str, *, person: bool = False, temper: Temper = HOST) -> tuple[State, float]:
    """The state with this request in it, and the seconds that it must wait instead; 0: it may go.

    A person's request always goes: it is the probe.
    """
    wait = 0.0 if person else wait_of(state, now, temper)
    if wait or not is_open(state, temper):
        return state, wait
    return {**state, "probe": [ticket, now + temper.probe]}, 0.0


def wait_of(state: State, now: float, temper: Temper = HOST) -> float:
    """Seconds until a request may be tried; 0: now."""
    until = float(state.get("paused", 0.0))
    if is_open(state, temper):
        until = max(until, state.get("open_until", 0.0), state.get("probe", ["", 0.0])[1])
    return max(0.0, until - now)


def failed(state: State, now: float, ticket: str, temper: Temper = HOST) -> State:
    """No answer, or one that only a dead instance gives. What was under way when it opened changes nothing."""
    is_probe = state.get("probe", [""])[0] == ticket
    if is_open(state, temper) and not is_probe and float(state.get("open_until", 0.0)) > now:
        return state
    changed: State = {**state, "failures": int(state.get("failures", 0)) + 1, "since": state.get("since", now)}
    if is_probe:
        del changed["probe"]
    if is_open(changed, temper):
        changed["open_until"] = now + min(max(temper.pause, now - float(changed["since"])), temper.longest)
    return changed


def answered(state: State, now: float, *, person: bool = False) -> State:
    """The instance lives. A request of a person also ends the pause that it had asked for."""
    paused = 0.0 if person else float(state.get("paused", 0.0))
    return {"paused": paused} if paused > now else {}


def asked_to_wait(state: State, now: float, seconds: float) -> State:
    """It lives, and wants to be left alone for `seconds` (503 with Retry-After)."""
    return {"paused": max(now + seconds, float(state.get("paused", 0.0)))}


def let_go(state: State, ticket: str) -> State:
    """Nothing was learned: another request may be the probe."""
    if state.get("probe", [""])[0] != ticket:
        return state
    return {name: value for name, value in state.items() if name != "probe"}


def useful_for(state: State, now: float) -> float:
    """Seconds for which the state is worth keeping."""
    return KEPT + max(0.0, float(state.get("paused", 0.0)) - now, float(state.get("open_until", 0.0)) - now)
