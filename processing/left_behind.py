"""What a dead worker's calls of engines still hold, freed when the next one starts on the same machine."""

import logging

from django.conf import settings
from django.db import DatabaseError, connection

from processing import engine_slots, leases
from processing.engine_breaker import EngineBreaker, where
from processing.engine_names import NAMES

logger = logging.getLogger(__name__)


def release_calls() -> int:
    """Free the places at engines, and the turn to try one that does not work; how many places.

    Where several machines share the database, only what dead processes of this one held: others may be at work.
    """
    alone = settings.EMBEDDED
    for name in NAMES:
        EngineBreaker(where(name), leases.call_lease()).let_go_dead(alone=alone)
    return engine_slots.release_dead(alone=alone)


def release_at_start() -> None:
    """The same for a worker process that starts. Where the database does not answer, leases end by themselves."""
    try:
        if freed := release_calls():
            logger.info("%d calls of engines by workers that are dead: their places are free again", freed)
    except DatabaseError as error:
        logger.warning("the places of dead workers were not freed, and will be when their time is over: %s", error)
    finally:
        connection.close()  # what a worker forks must not share it
