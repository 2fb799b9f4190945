"""How time passes on this machine, for deadlines that must hold although a worker was stopped."""

import time

# On Linux it goes on while the machine sleeps, which time.monotonic() does not: a lease in the database ends meanwhile.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def moment() -> float:
    """Seconds since some moment in the past; never goes back."""
    return time.clock_gettime(_CLOCK)
