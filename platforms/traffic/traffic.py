"""Asked before each request to a server and told after each answer, for all workers together."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from django.utils.translation import gettext as _

from platforms.traffic import breaker, budget
from platforms.traffic.budget import READ, Pace
from platforms.traffic.headers import SHORTEST, budget_returns_in, retry_after, window_of
from platforms.traffic.shared import Shared
from platforms.traffic.stores import MemoryStore

ANONYMOUS = "address"  # the budget of requests without a token, and of servers that count by address

OWN_PACE = Pace()

Result = TypeVar("Result")


class Held(Exception):
    """The request must not be sent for so many `seconds`; `reason` is a sentence for a person.

    `silent_for` is how long the host has not answered, in seconds; 0 where that is not why.
    """

    def __init__(self, reason: str, seconds: float, *, silent_for: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.silent_for = silent_for


@dataclass(frozen=True)
class Ticket:
    """One request that may be sent; give it back with what became of it."""

    id: str
    kind: str


@dataclass(frozen=True)
class Outlook:
    """What is known of a server, for those who look after a connection to it."""

    silent_since: datetime | None = None  # it does not answer
    asked_until: datetime | None = None  # it asked us to wait, or its budget for us is used up
    next_try: datetime | None = None


class Dependents(Protocol):
    """Whoever would try in vain (`platforms.traffic.connections`). `host` is `name` or `name:port`."""

    def pause(self, host: str, until: float) -> object:
        """Nothing can be had there before that moment, in seconds of the epoch."""

    def resume(self, host: str) -> object:
        """It answers again."""


class Traffic:
    """The requests of one budget (`counted_as`: a token, an account or our address) to one host.

    What is `asked_for` tells apart what may fail each for itself: a server whose files cannot be had answers all the
    same. `person` marks requests that somebody waits for: they go out whatever is known, and what they find of the
    host, and of the budget that they are counted in, replaces it. `dependents` are told what concerns all requests to
    the host. `now` is seconds of the epoch.
    """

    def __init__(
        self,
        host: str,
        shared: Shared,
        *,
        asked_for: str = "host",
        counted_as: str = ANONYMOUS,
        pace: Pace = OWN_PACE,
        person: bool = False,
        dependents: Dependents | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.host = host.lower()
        self._shared = shared
        self._pace = pace
        self._person = person
        self._dependents = dependents
        self._now = now
        self._host_name = f"{asked_for} {self.host}"
        self._by_address = counted_as == ANONYMOUS
        self._budget_name = f"budget {self.host} {counted_as}"

    def enter(self, kind: str = READ, *, from_reserve: bool = False) -> Ticket:
        """Leave to send one request now. Raises Held when it must wait: nothing may be sent then."""
        ticket, now = Ticket(secrets.token_hex(6), kind), self._now()
        wait = self._change_host(lambda state: breaker.enter(state, now, ticket.id, person=self._person))
        if wait:
            raise self._held_by_host(now, wait)
        wait = 0.0 if self._person else self._take(ticket, now, from_reserve)
        if wait:
            self._change_host(lambda state: (breaker.let_go(state, ticket.id), None))
            raise Held(self._budget_reason(now), wait)
        return ticket

    def answered(self, ticket: Ticket, status: int, headers: Mapping[str, str]) -> float | None:
        """An answer came. Returns the seconds after which to try again where it says so, or where we know better."""
        now = self._now()
        wish = retry_after(headers)
        if status >= 500:
            self._land(ticket, now)
            if wish is None or wish < SHORTEST:
                self._failed(ticket, now)
                return None
            self._pause_host(now, wish)
            return wish
        was_held = self._change_host(
            lambda state: (
                breaker.answered(state, now, person=self._person),
                breaker.is_open(state) or (self._person and "paused" in state),
            )
        )
        if was_held and self._dependents:
            self._dependents.resume(self.host)
        return self._note(ticket, now, status, headers)

    def failed(self, ticket: Ticket) -> None:
        """No answer came: no connection, a broken one, or none in time."""
        now = self._now()
        self._land(ticket, now)
        self._failed(ticket, now)

    def let_go(self, ticket: Ticket) -> None:
        """It was not sent after all, or what came back says nothing of the server."""
        now = self._now()
        self._land(ticket, now)
        self._change_host(lambda state: (breaker.let_go(state, ticket.id), None))

    def outlook(self) -> Outlook:
        """What is known now; nothing is asked and nothing changed."""
        now = self._now()
        host = self._shared.read(self._host_name, now)
        silent = breaker.is_open(host)
        wait = breaker.wait_of(host, now)
        asked = 0.0 if silent else wait
        asked = max(asked, budget.wait_of(self._shared.read(self._budget_name, now), now, READ, pace=self._pace))
        return Outlook(
            silent_since=_moment(host["since"]) if silent else None,
            asked_until=_moment(now + asked) if asked else None,
            next_try=_moment(now + max(wait, asked)) if wait or asked else None,
        )

    def _take(self, ticket: Ticket, now: float, from_reserve: bool) -> float:
        exact = self._shared.exact
        return self._change_budget(
            now,
            lambda state: budget.take(
                state, now, ticket.id, ticket.kind, pace=self._pace, exact=exact, from_reserve=from_reserve
            ),
        )

    def _note(self, ticket: Ticket, now: float, status: int, headers: Mapping[str, str]) -> float | None:
        window = window_of(headers)
        if status != 429:
            exact, person = self._shared.exact, self._person
            self._change_budget(
                now,
                lambda state: (
                    budget.note(state, now, ticket.id, ticket.kind, window, exact=exact, person=person),
                    0.0,
                ),
            )
            return retry_after(headers)
        wish = budget_returns_in(headers)

        def refuse(state: budget.State) -> tuple[budget.State, float]:
            changed = budget.refused(state, now, ticket.id, ticket.kind, window, wish)
            return changed, budget.wait_of(changed, now, ticket.kind, pace=self._pace)

        wait = self._change_budget(now, refuse, told=True)
        if self._by_address:
            self._tell(now, wait)
        return max(wait, wish or 0.0)

    def _land(self, ticket: Ticket, now: float) -> None:
        self._change_budget(now, lambda state: (budget.land(state, ticket.id), 0.0))

    def _failed(self, ticket: Ticket, now: float) -> None:
        def fail(state: breaker.State) -> tuple[breaker.State, float]:
            changed = breaker.failed(state, now, ticket.id)
            return changed, 0.0 if changed == state else breaker.wait_of(changed, now)

        self._tell(now, self._change_host(fail))

    def _pause_host(self, now: float, seconds: float) -> None:
        self._change_host(lambda state: (breaker.asked_to_wait(state, now, seconds), None), told=True)
        self._tell(now, seconds)

    def _tell(self, now: float, seconds: float) -> None:
        if seconds and self._dependents:
            self._dependents.pause(self.host, now + seconds)

    def _change_host(
        self, change: Callable[[breaker.State], tuple[breaker.State, Result]], *, told: bool = False
    ) -> Result:
        now = self._now()
        return self._shared.change(
            self._host_name, now, change, lambda state: breaker.useful_for(state, now), told=told
        )

    def _change_budget(
        self, now: float, change: Callable[[budget.State], tuple[budget.State, float]], *, told: bool = False
    ) -> float:
        return self._shared.change(
            self._budget_name, now, change, lambda state: budget.useful_for(state, now, self._pace), told=told
        )

    def _held_by_host(self, now: float, wait: float) -> Held:
        state = self._shared.read(self._host_name, now)
        known = {"host": self.host, "until": _clock(now + wait)}
        if breaker.is_open(state):
            text = _("%(host)s has not answered since %(since)s UTC. It is tried again at %(until)s UTC.")
            return Held(text % {**known, "since": _clock(state["since"])}, wait, silent_for=now - state["since"])
        return Held(_("%(host)s asks us to wait until %(until)s UTC.") % known, wait)

    def _budget_reason(self, now: float) -> str:
        state = self._shared.read(self._budget_name, now)
        if float(state.get("paused", 0.0)) > now:
            known = {"host": self.host, "until": _clock(state["paused"])}
            return _("%(host)s asks us to wait until %(until)s UTC.") % known
        return _("%(host)s allows only so many requests, and they are nearly used up.") % {"host": self.host}


def private(host: str) -> Traffic:
    """Traffic that nobody else knows of."""
    return Traffic(host, Shared(MemoryStore()))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _clock(seconds: float) -> str:
    return _moment(seconds).strftime("%H:%M:%S")
