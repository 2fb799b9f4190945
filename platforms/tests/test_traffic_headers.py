from datetime import UTC, datetime

import pytest

from platforms.traffic.headers import LONGEST, Window, budget_returns_in, retry_after, window_of

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
        ({"Retry-After": "99999999999"}, LONGEST),
        ({"Retry-After": "120.5"}, 120.5),
        ({"Retry-After": "120.5, Sat, 21 Nov 2026 12:01:00 GMT"}, 120.5),
        ({"Retry-After": "Saturday, 21-Nov-26 12:01:00 GMT"}, 60),
        ({"Retry-After": "1e3"}, None),
        ({"Retry-After": "120."}, None),
        ({"Retry-After": "1" * 21}, None),
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
        ({"X-RateLimit-Reset": f"{EPOCH + 45}500"}, 45.5),  # milliseconds
        ({"X-RateLimit-Reset": f"{EPOCH + 45}000000"}, 45),
        ({"X-RateLimit-Reset": f"{EPOCH - 45}000"}, 0),
        ({"X-RateLimit-Reset": "9" * 20}, LONGEST),
        ({"X-RateLimit-Reset": "9" * 21}, None),
        ({"X-RateLimit-Reset": "Sat, 21 Nov 2026 12:02:00 GMT"}, 120),
        ({"X-RateLimit-Reset": str(EPOCH - 45)}, 0),
        ({"X-RateLimit-Reset": "2026-13-41"}, None),
        ({"X-RateLimit-Reset": "٤٥"}, None),
        ({"X-RateLimit-Reset": "9999-12-31T23:59:59Z"}, LONGEST),
        ({"X-RateLimit-Reset": "0001-01-01T00:00:00+14:00"}, 0),
        ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 -0000"}, LONGEST),
        ({}, None),
    ],
)
def test_it_reads_every_way_of_saying_when(headers: dict[str, str], seconds: float | None) -> None:
    assert budget_returns_in(headers, NOW) == seconds


def test_dates_are_read_by_the_clock_of_the_server() -> None:
    """Ours is an hour ahead; by it, the budget would be filled again already."""
    headers = {
        "Date": "Sat, 21 Nov 2026 11:00:00 GMT",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Reset": "2026-11-21T11:05:00.000000Z",
    }
    assert window_of(headers, NOW) == Window(remaining=0, limit=300, resets_in=300)
    assert retry_after({"Date": headers["Date"], "Retry-After": "Sat, 21 Nov 2026 11:00:30 GMT"}, NOW) == 30


def test_the_end_of_a_budget_is_no_wish_of_a_server_in_trouble() -> None:
    assert retry_after({"X-RateLimit-Reset": "90"}, NOW) is None


@pytest.mark.parametrize(
    ("headers", "window"),
    [
        ({}, None),
        ({"X-RateLimit-Remaining": "few"}, None),
        ({"X-RateLimit-Remaining": "-1"}, None),
        ({"X-RateLimit-Remaining": "²"}, None),
        ({"X-RateLimit-Remaining": "1" * 20}, None),
        ({"X-RateLimit-Limit": "300"}, None),
        ({"X-RateLimit-Remaining": "5"}, Window(5)),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Limit": "many", "X-RateLimit-Reset": "soon"}, Window(5)),
        ({"X-RateLimit-Remaining": " 5 ", "X-RateLimit-Limit": "300"}, Window(5, 300)),
        ({"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": str(EPOCH + 7)}, Window(5, None, 7)),
    ],
)
def test_it_reads_what_is_left_and_passes_over_what_is_malformed(
    headers: dict[str, str], window: Window | None
) -> None:
    assert window_of(headers, NOW) == window
