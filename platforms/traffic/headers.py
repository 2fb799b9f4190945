"""How long a server wants us to wait: Retry-After and the X-RateLimit headers, in every shape seen in the wild.

Mastodon sends X-RateLimit-{Limit,Remaining,Reset} with an ISO date, others an epoch (JavaScript's is in milliseconds),
a number of seconds or a date as HTTP writes it; GoToSocial under load sends two Retry-After headers, one in seconds and
one a date. Seconds may have a fraction, though RFC 9110 knows none. Dates are read by the server's own clock, which
its Date header tells, so that a clock that is wrong, ours or theirs, does no harm.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 24 * 3600.0  # seconds; no server makes us wait longer
SHORTEST = 1.0  # seconds; a refusal that may be tried again sooner, or since a while ago, says nothing of when

EPOCH_FROM = 1_000_000_000  # a smaller number is a count of seconds, one a thousand times as large milliseconds
_SECONDS = re.compile(r"(?:^|,)\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*(?:,|$)")
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")


@dataclass(frozen=True)
class Window:
    """What an answer says of the budget that its request came from."""

    remaining: int  # requests
    limit: int | None = None  # requests of the whole period
    resets_in: float | None = None  # seconds, 0 to LONGEST; None where it is not said


def window_of(headers: Mapping[str, str], now: datetime | None = None) -> Window | None:
    """The budget that an answer speaks of; None where it says nothing of what is left, or nothing that can be read."""
    remaining = _count(headers, "X-RateLimit-Remaining")
    if remaining is None:
        return None
    resets_in = _until_reset(headers.get("X-RateLimit-Reset", ""), _servers_now(headers, now))
    return Window(remaining, _count(headers, "X-RateLimit-Limit"), _bounded(resets_in))


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds until the server wants to be asked again by its Retry-After, 0 to LONGEST; None when it does not say."""
    said = headers.get("Retry-After", "")
    found = _SECONDS.search(said)
    return _bounded(float(found.group(1)) if found else _until(_http_date(said), _servers_now(headers, now)))


def budget_returns_in(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The same for an answer that says that the budget is used up: by Retry-After, else by X-RateLimit-Reset."""
    said = retry_after(headers, now)
    if said is not None:
        return said
    return _bounded(_until_reset(headers.get("X-RateLimit-Reset", ""), _servers_now(headers, now)))


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


def _servers_now(headers: Mapping[str, str], now: datetime | None) -> datetime:
    return _http_date(headers.get("Date", "")) or now or datetime.now(UTC)


def _until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (moment - now).total_seconds()


def _http_date(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _until_reset(text: str, now: datetime) -> float | None:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _until_number(float(text), now)
    try:
        return _until(_aware(datetime.fromisoformat(text)), now)
    except (ValueError, OverflowError):
        return _until(_http_date(text), now)


def _until_number(number: float, now: datetime) -> float:
    while number >= EPOCH_FROM * 1000:  # milliseconds, microseconds, nanoseconds
        number /= 1000
    return number - now.timestamp() if number >= EPOCH_FROM else number


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
