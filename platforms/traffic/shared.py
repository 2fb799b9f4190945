"""Changing a state that all workers share, and going on without them when the store does not answer."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from platforms.traffic.stores import MemoryStore, RedisStore, Row, State, Store, StoreUnavailable

logger = logging.getLogger(__name__)

TRIES = 50  # of one change, against others that change the same
ALONE = 10.0  # seconds without asking a store that did not answer

Result = TypeVar("Result")


class Shared:
    """The states of a store, with a memory of what this process wrote there.

    The memory is what remains after FLUSHALL, after a rollback and while the store does not answer: a state that is
    older there than here, by its version, is replaced by ours. While it does not answer each process goes by what it
    knows itself; that is logged once at the beginning and once at the end.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._memory = store if isinstance(store, MemoryStore) else MemoryStore()
        self._alone_until = 0.0  # time.monotonic()
        self._is_alone = False

    @property
    def exact(self) -> bool:
        """Whether every request may be counted."""
        return self._is_alone or self._store.exact

    def read(self, name: str, now: float) -> State:
        """The state of that name as it is known now; empty where there is none."""
        return self._asking(lambda store: self._newest(store.read(name), name, now).state)

    def change(
        self,
        name: str,
        now: float,
        change: Callable[[State], tuple[State, Result]],
        useful_for: Callable[[State], float],
    ) -> Result:
        """Replace the state by what `change` makes of it, and return what it says; it may be called more than once."""
        return self._asking(lambda store: self._change(store, name, now, change, useful_for))

    def forget(self) -> None:
        """Forget what this process knows, and what Redis does: for tests."""
        self._memory.clear()
        if isinstance(self._store, RedisStore):
            self._store.clear()
        self._alone_until, self._is_alone = 0.0, False

    def _change(
        self,
        store: Store,
        name: str,
        now: float,
        change: Callable[[State], tuple[State, Result]],
        useful_for: Callable[[State], float],
    ) -> Result:
        tries = 0
        while True:
            kept = store.read(name)
            newest = self._newest(kept, name, now)
            state, result = change(newest.state)
            if state == newest.state and newest.version == kept.version:
                return result
            row, seconds = Row(newest.version + 1, state), useful_for(state)
            if store.swap(name, kept.version, row, now=now, seconds=seconds):
                self._memory.put(name, row, now=now, seconds=seconds)
                return result
            tries += 1
            if tries == TRIES:
                logger.warning("The state of %s changes so fast that one change of it was not noted.", name)
                return result

    def _newest(self, kept: Row, name: str, now: float) -> Row:
        ours = self._memory.newest(name, now)
        return ours if ours.version > kept.version else kept

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
