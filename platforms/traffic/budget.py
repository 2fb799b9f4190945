"""What a server allows one token (or address, or user): its budget as functions of its state.

State: `windows` (what the server said: {limit, remaining, until, said, kinds}), `flying` ([ticket, since] of requests
without an answer yet), `paused` (after 429), `strikes` (429 in a row without a useful word of how long), `writes`
([bucket, count] of the requests that change something). Moments are seconds of the epoch.

A server may count several budgets at once (Mastodon: all requests, pages of lists, edits) and shows the nearest one;
its end tells them apart. A budget binds only the kinds of request that were seen to come from it.
"""

from dataclasses import dataclass
from typing import Any

from platforms.traffic.headers import SHORTEST, Window

State = dict[str, Any]

READ, PAGE, WRITE = "read", "page", "write"

RESERVE = 20  # requests of a period that are left over, so that an edit begun can also be verified
UNSAID = 60.0  # seconds to wait where the server does not say; doubled with every 429 in a row
LONGEST_UNSAID = 1800.0
NEAR = 40  # requests above the reserve, from which on every single one is counted, also where that is dear
SAME_END = 3.0  # seconds: two answers may name the end of one window so far apart
FLIGHT = 60.0  # seconds, more than the total time of a request: who is gone longer has died
MOST_WINDOWS = 8  # of one server; one that names another limit with each answer must not fill our store
BUCKETS = 12  # of a period of writes; in any such period there are at most as many writes as allowed


@dataclass(frozen=True)
class Pace:
    """What we allow ourselves where the server does not tell what it allows: `writes` of any `period` seconds."""

    writes: int | None = None
    period: float = 60.0


def take(
    state: State, now: float, ticket: str, kind: str, *, pace: Pace, exact: bool, from_reserve: bool
) -> tuple[State, float]:
    """The state with this request counted, and the seconds that it must wait instead; 0: it may go.

    Without `exact`, requests are counted one by one only near the end of a budget; before it the answers' own count
    will do. `from_reserve` passes where the reserve was reached, not where the server has said no.
    """
    wait = wait_of(state, now, kind, pace=pace, from_reserve=from_reserve)
    if wait:
        return state, wait
    changed = state
    if exact or any(_is_near(window) for window in _windows(state, now, kind)):
        changed = {**changed, "flying": [*_flying(state, now), [ticket, now]]}
    if _keeps_pace(state, now, kind, pace):
        changed = {**changed, "writes": _with_one_more(state, now, pace)}
    return changed, 0.0


def wait_of(state: State, now: float, kind: str, *, pace: Pace, from_reserve: bool = False) -> float:
    """Seconds until a request of that kind may go; 0: now."""
    waits = [float(state.get("paused", 0.0)) - now]
    flying = 0 if from_reserve else len(_flying(state, now))
    for window in _windows(state, now, kind):
        least = 1 if from_reserve else max(1, _reserve(window["limit"]))
        if window["remaining"] - flying < least:
            waits.append(window["until"] - now)
    if pace.writes is not None and _keeps_pace(state, now, kind, pace):
        waits.append(_wait_for_pace(state, now, pace.writes, pace.period))
    return max(0.0, *waits)


def note(
    state: State, now: float, ticket: str, kind: str, window: Window | None, *, exact: bool, person: bool = False
) -> State:
    """The state after an answer that is not 429. Without `exact`, the same one where nothing that matters changed."""
    changed = land(state, ticket)
    if window is not None:
        changed = {**changed, "windows": _merged(state, now, kind, window)}
    if person or (state.get("strikes") and float(state.get("paused", 0.0)) <= now):
        changed = {name: value for name, value in changed.items() if name not in ("paused", "strikes")}
    return changed if exact or _matters(state, changed) else state


def refused(state: State, now: float, ticket: str, kind: str, window: Window | None, seconds: float | None) -> State:
    """The state after 429; `seconds` is how long the server wants to be left alone, None where it does not say.

    Where it says which budget is used up, only the requests that come from that one wait. "At once" is no answer: that
    is when it has just refused.
    """
    changed = land(state, ticket)
    resets_in = window.resets_in if window is not None else None
    wait = max(seconds or 0.0, resets_in or 0.0)
    if window is not None and resets_in is not None and wait >= SHORTEST:
        return {**changed, "windows": _merged(state, now, kind, Window(0, window.limit, wait))}
    if wait >= SHORTEST:
        return {**changed, "paused": max(now + wait, float(state.get("paused", 0.0)))}
    if float(state.get("paused", 0.0)) > now:
        return changed  # several were under way: one refusal
    strikes = int(state.get("strikes", 0))
    return {**changed, "paused": now + min(UNSAID * 2**strikes, LONGEST_UNSAID), "strikes": min(strikes + 1, 10)}


def land(state: State, ticket: str) -> State:
    """The state without that request under way."""
    if all(one[0] != ticket for one in state.get("flying", [])):
        return state
    return {**state, "flying": [one for one in state["flying"] if one[0] != ticket]}


def useful_for(state: State, now: float, pace: Pace) -> float:
    """Seconds for which the state is worth keeping."""
    ends = [float(state.get("paused", 0.0)), *(float(one["until"]) for one in state.get("windows", []))]
    return FLIGHT + max(0.0, *(end - now for end in ends)) + pace.period + (LONGEST_UNSAID if "strikes" in state else 0)


def _reserve(limit: int | None) -> int:
    return RESERVE if limit is None else min(RESERVE, limit // 10)


def _is_near(window: State) -> bool:
    return bool(window["remaining"] - _reserve(window["limit"]) <= NEAR)


def _windows(state: State, now: float, kind: str) -> list[State]:
    """Those that bind a kind of request and have not ended."""
    return [one for one in state.get("windows", []) if one["until"] > now and kind in one["kinds"]]


def _keeps_pace(state: State, now: float, kind: str, pace: Pace) -> bool:
    """A server that tells what it allows is believed."""
    return kind == WRITE and pace.writes is not None and not _windows(state, now, kind)


def _flying(state: State, now: float) -> list[Any]:
    return [one for one in state.get("flying", []) if one[1] > now - FLIGHT]


def _merged(state: State, now: float, kind: str, window: Window) -> list[State]:
    """The windows with what an answer says; answers may come out of order, so the smallest count is the newest."""
    ongoing = [one for one in state.get("windows", []) if one["until"] > now]
    said = window.resets_in is not None
    until = now + (UNSAID if window.resets_in is None else window.resets_in)
    for one in ongoing:
        same_end = abs(one["until"] - until) <= SAME_END if said else True
        if one["limit"] == window.limit and one["said"] == said and same_end:
            newer = {
                **one,
                "remaining": min(one["remaining"], window.remaining) if said else window.remaining,
                "until": max(one["until"], until) if window.remaining == 0 or not said else one["until"],
                "kinds": sorted({*one["kinds"], kind}),
            }
            return [newer if other is one else other for other in ongoing]
    new = {"limit": window.limit, "remaining": window.remaining, "until": until, "said": said, "kinds": [kind]}
    return [*ongoing, new][-MOST_WINDOWS:] if until > now else ongoing


def _matters(old: State, new: State) -> bool:
    """Whether others must know: anything but a count that went down a little, far from the end."""
    were, are = old.get("windows", []), new.get("windows", [])
    if {**old, "windows": 0} != {**new, "windows": 0} or len(were) != len(are):
        return True
    for was, now_is in zip(were, are, strict=True):
        step = max(1, (now_is["limit"] or 10 * NEAR) // 10)
        if {**was, "remaining": 0} != {**now_is, "remaining": 0} or was["remaining"] - now_is["remaining"] >= step:
            return True
        if was != now_is and _is_near(now_is):
            return True
    return False


def _bucket(now: float, period: float) -> int:
    return int(now // (period / BUCKETS))


def _with_one_more(state: State, now: float, pace: Pace) -> list[list[int]]:
    newest = _bucket(now, pace.period)
    counts = {bucket: count for bucket, count in state.get("writes", []) if bucket >= newest - BUCKETS}
    counts[newest] = counts.get(newest, 0) + 1
    return [[bucket, count] for bucket, count in sorted(counts.items())]


def _wait_for_pace(state: State, now: float, most: int, period: float) -> float:
    """Seconds until another write may go. A bucket counts until none of it lies within the period any more."""
    newest = _bucket(now, period)
    counts = [(bucket, count) for bucket, count in state.get("writes", []) if bucket >= newest - BUCKETS]
    too_many = sum(count for _number, count in counts) - most + 1
    free_from = 0
    for bucket, count in counts:
        if too_many <= 0:
            break
        too_many -= count
        free_from = bucket + BUCKETS + 1
    return max(0.0, free_from * (period / BUCKETS) - now)
