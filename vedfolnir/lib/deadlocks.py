"""Deadlocks and lock waits: the whole block again, at the outermost place, never inside a transaction."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

Outcome = TypeVar("Outcome")

TRIES = 5
# MySQL and MariaDB: deadlock, lock wait timeout, and MariaDB's "record has changed" under snapshot isolation.
_MYSQL_CODES = frozenset({1213, 1205, 1020})
_POSTGRESQL_CODES = frozenset({"40P01", "55P03", "40001"})


def again_after_deadlock(work: Callable[[], Outcome]) -> Outcome:
    """Do `work`, which must be one whole transaction, up to five times if the database chose it as a victim."""
    for number in range(1, TRIES):
        try:
            return work()
        except OperationalError as error:
            if connection.in_atomic_block or not is_lock_trouble(error):
                raise
        time.sleep(random.uniform(0, 0.05 * 2**number))  # noqa: S311  (spreads load, keeps no secret)
    return work()


def is_lock_trouble(error: OperationalError) -> bool:
    """Whether the same block can succeed when it is done again."""
    code = error.args[0] if error.args else None
    state = getattr(error.__cause__, "sqlstate", None)
    return code in _MYSQL_CODES or state in _POSTGRESQL_CODES or "database is locked" in str(error)
