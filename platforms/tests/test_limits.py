from datetime import UTC, datetime

import pytest

from platforms.clients.limits import LONGEST, Budget, retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": " 30 "}, 30),
        ({"Retry-After": "Sat, 21 Nov 2026 12:01:00 GMT"}, 60),
        ({"Retry-After": "30, Sat, 21 Nov 2026 12:01:00 GMT"}, 30),  # GoToSocial sends both
        ({"Retry-After": "Sat, 21 Nov 2026 12:01:00 GMT, 30"}, 30),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),  # a clock that is late
        ({"Retry-After": "99999999"}, LONGEST),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon", "X-RateLimit-Reset": "90"}, 90),
        ({"X-RateLimit-Reset": "2026-11-21T12:02:00.000000Z"}, 120),  # Mastodon
        ({"X-RateLimit-Reset": "2026-11-21T12:02:00.000Z"}, 120),
        ({"X-RateLimit-Reset": "2026-11-21T13:02:00+01:00"}, 120),
        ({"X-RateLimit-Reset": "2026-11-21T12:02:00"}, 120),
        ({"X-RateLimit-Reset": str(EPOCH + 45)}, 45),
        ({"X-RateLimit-Reset": f"{EPOCH + 45}.5"}, 45.5),
        ({"X-RateLimit-Reset": "45"}, 45),  # a count of seconds
        ({"X-RateLimit-Reset": str(EPOCH - 45)}, 0),
        ({"X-RateLimit-Reset": "2026-13-41"}, None),
        ({"X-RateLimit-Reset": "٤٥"}, None),
        ({}, None),
    ],
)
def test_it_reads_every_way_of_saying_when(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"X-RateLimit-Remaining": "19", "X-RateLimit-Limit": "300", "X-RateLimit-Reset": "60"}, True),
        ({"X-RateLimit-Remaining": "20", "X-RateLimit-Limit": "300", "X-RateLimit-Reset": "60"}, False),
        ({"X-RateLimit-Remaining": "19", "X-RateLimit-Reset": "60"}, True),
        ({"X-RateLimit-Remaining": "19", "X-RateLimit-Limit": "30", "X-RateLimit-Reset": "60"}, False),
        ({"X-RateLimit-Remaining": "2", "X-RateLimit-Limit": "30"}, True),  # until when is not said
        ({"X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "0"}, False),  # filled again by now
        ({"X-RateLimit-Remaining": "few"}, False),
        ({}, False),
    ],
)
def test_it_holds_back_near_the_end_of_the_budget(headers: dict[str, str], waits: bool) -> None:
    budget = Budget()
    budget.note(headers)
    assert (budget.pause > 0) is waits
