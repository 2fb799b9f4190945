"""Changing a state that all workers share, and going on without them when the store does not answer."""

import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from platforms.traffic.stores import NOTHING, REMEMBERED, MemoryStore, RedisStore, Row, State, Store, StoreUnavailable

logger = logging.getLogger(__name__)

TRIES = 50  # of one change, against others that change the same
ALONE = 10.0  # seconds without asking a store that did not answer
WORDS = 8  # of a server, of one name, that are told to the store when it answers again

Result = TypeVar("Result")
Change = Callable[[State], tuple[State, Result]]


class Shared:
    """The states of a store, and a memory of how this process last saw them there.

    What the store has counts, always. The memory counts where the store has nothing although it should: a row never
    counts for less time than the ones it replaced, so where what we remember would still count, the store's row was
    not given up, but lost (FLUSHALL, a rollback); and what an answer has ended cannot come back as time goes by.

    While the store does not answer each process goes by what it knows itself, which is logged once at the beginning
    and once at the end. What servers told it then to keep to, it tells the store when that answers again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._memory = store if isinstance(store, MemoryStore) else MemoryStore()
        self._untold: dict[str, deque[Change[object]]] = {}
        self._alone_until = 0.0  # time.monotonic()
        self._is_alone = False

    @property
    def exact(self) -> bool:
        """Whether every request may be counted."""
        return self._is_alone or self._store.exact

    def read(self, name: str, now: float) -> State:
        """The state of that name as it is known now; empty where there is none."""
        return self._asking(lambda store: self._known(store, name, store.read(name), now).state)

    def change(
        self,
        name: str,
        now: float,
        change: Change[Result],
        useful_for: Callable[[State], float],
        *,
        told: bool = False,
    ) -> Result:
        """Replace the state by what `change` makes of it, and return what it says; it may be called more than once.

        The new state counts for at least as many seconds as it is `useful_for`. `told`: the server told us to keep
        to it, so the store must hear it, too, when it answers again.
        """

        def work(store: Store) -> Result:
            if store is self._store:
                untold = list(self._untold.get(name, ()))
                result = self._change(store, name, now, _after(untold, change), useful_for)
                if untold:
                    self._untold.pop(name, None)
                return result
            if told and (name in self._untold or len(self._untold) < REMEMBERED):
                self._untold.setdefault(name, deque(maxlen=WORDS)).append(change)
            return self._change(store, name, now, change, useful_for)

        return self._asking(work)

    def forget(self) -> None:
        """Forget what this process knows, and what Redis does: for tests."""
        self._memory.clear()
        self._untold.clear()
        if isinstance(self._store, RedisStore):
            self._store.clear()
        self._alone_until, self._is_alone = 0.0, False

    def _change(
        self, store: Store, name: str, now: float, change: Change[Result], useful_for: Callable[[State], float]
    ) -> Result:
        tries = 0
        while True:
            kept = store.read(name)
            known = self._known(store, name, kept, now)
            state, result = change(known.state)
            if state == (kept.state if kept.until > now else {}):
                return result
            row = Row(kept.version + 1, state, max(now + useful_for(state), known.until))
            if store.swap(name, kept.version, row, now=now):
                self._remember(store, name, row, now)
                return result
            tries += 1
            if tries == TRIES:
                logger.warning("The state of %s changes so fast that one change of it was not noted.", name)
                return result

    def _known(self, store: Store, name: str, kept: Row, now: float) -> Row:
        """What counts of a name, when the store has `kept` of it."""
        if kept.until > now:
            self._remember(store, name, kept, now)
            return kept
        remembered = self._memory.read(name)
        return remembered if remembered.until > now else NOTHING

    def _remember(self, store: Store, name: str, row: Row, now: float) -> None:
        if store is not self._memory:
            self._memory.put(name, row, now=now)

    def _asking(self, work: Callable[[Store], Result]) -> Result:
        if monotonic() >= self._alone_until:
            try:
                done = work(self._store)
            except StoreUnavailable as error:
                if not self._is_alone:
                    logger.warning("What servers allow is not shared with other workers for now: %s", error)
                self._is_alone, self._alone_until = True, monotonic() + ALONE
            else:
                if self._is_alone:
                    logger.warning("What servers allow is shared with other workers again.")
                self._is_alone = False
                return done
        return work(self._memory)


def _after(first: list[Change[object]], change: Change[Result]) -> Change[Result]:
    """What `change` does after those."""

    def all_of_them(state: State) -> tuple[State, Result]:
        for each in first:
            state, _result = each(state)
        return change(state)

    return all_of_them
