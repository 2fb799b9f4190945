"""The named steps of an attempt, in their order: a crash at any of them must lose nothing and repeat nothing.

`publish_publication(pk, at_step=…)` calls `at_step` at each. Production passes nothing; a test or the chaos run passes
something that kills, stops or looks.
"""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    CLAIMED = "claimed"  # the row is ours, nothing was read yet
    READ = "read"  # the post as it is now was read
    KEPT = "kept"  # what is to be sent and the state before are in the row
    BEFORE_REQUEST = "before request"  # before each request that may change something; several where many are sent
    RENEWED = "renewed"  # the lease was begun anew for it: only the clock is looked at once more before it goes out
    WRITTEN = "written"  # every request was answered
    READ_BACK = "read back"  # the post as it is afterwards was read, nothing is recorded yet
    SETTLED = "settled"  # the outcome is recorded


AtStep = Callable[[Step], None]


def unwatched(step: Step) -> None:
    """What production does at each step."""
