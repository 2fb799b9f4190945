"""Whether an instance answers at all: the circuit breaker of one host, as functions of its state.

State: `failures` in a row, `since` (of the first of them), `open_until`, `probe` ([ticket, until], who tries while it
is half open), `paused` (the server itself said until when, by 503 and Retry-After). Moments are seconds of the epoch.
An empty state is a host that answers.
"""

from typing import Any

State = dict[str, Any]

TRIPS = 10  # failures in a row
OPEN = 60.0  # seconds without a request
PROBE = 60.0  # seconds that a probe may take, more than the total time of a request: its worker may have died
KEPT = 3600.0  # seconds after which old failures are forgotten


def is_open(state: State) -> bool:
    """Whether the host is taken for dead; a probe may be due all the same."""
    return int(state.get("failures", 0)) >= TRIPS


def enter(state: State, now: float, ticket: str, *, person: bool) -> tuple[State, float]:
    """The state with this request in it, and the seconds that it must wait instead; 0: it may go.

    A person's request always goes: it is the probe.
    """
    wait = 0.0 if person else wait_of(state, now)
    if wait or not is_open(state):
        return state, wait
    return {**state, "probe": [ticket, now + PROBE]}, 0.0


def wait_of(state: State, now: float) -> float:
    """Seconds until a request may be tried; 0: now."""
    until = float(state.get("paused", 0.0))
    if is_open(state):
        until = max(until, state.get("open_until", 0.0), state.get("probe", ["", 0.0])[1])
    return max(0.0, until - now)


def failed(state: State, now: float, ticket: str) -> State:
    """No answer, or one that only a dead instance gives. What was under way when it opened changes nothing."""
    is_probe = state.get("probe", [""])[0] == ticket
    if is_open(state) and not is_probe and float(state.get("open_until", 0.0)) > now:
        return state
    changed: State = {**state, "failures": int(state.get("failures", 0)) + 1, "since": state.get("since", now)}
    if is_probe:
        del changed["probe"]
    if is_open(changed):
        changed["open_until"] = now + OPEN
    return changed


def answered(state: State, now: float, *, person: bool) -> State:
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
