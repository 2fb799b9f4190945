"""How long a server wants us to wait: Retry-After and the X-RateLimit headers, in every shape seen in the wild.

Mastodon sends X-RateLimit-{Limit,Remaining,Reset} with an ISO date, others an epoch or a number of seconds; GoToSocial
under load sends two Retry-After headers, one in seconds and one a date.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RESERVE = 20  # requests of a period that are left over, so that an edit begun can also be verified
LONGEST = 24 * 3600.0  # seconds; no server makes us wait longer
UNSAID = 60.0  # seconds, when the reserve is reached and the server does not say until when

EPOCH_FROM = 1_000_000_000  # a smaller number is a count of seconds
_SECONDS = re.compile(r"(?:^|,)\s*([0-9]{1,10})\s*(?:,|$)")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds until the server wants to be asked again, 0 to `LONGEST`; None when it does not say."""
    now = now or datetime.now(UTC)
    said = headers.get("Retry-After", "")
    found = _SECONDS.search(said)
    seconds = float(found.group(1)) if found else _until(_http_date(said), now)
    if seconds is None:
        seconds = _until_reset(headers.get("X-RateLimit-Reset", ""), now)
    return None if seconds is None else min(max(seconds, 0.0), LONGEST)


def _until(moment: datetime | None, now: datetime) -> float | None:
    return None if moment is None else (moment - now).total_seconds()


def _http_date(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except ValueError:
        return None


def _until_reset(text: str, now: datetime) -> float | None:
    text = text.strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", text):
        number = float(text)
        return number - now.timestamp() if number >= EPOCH_FROM else number
    try:
        return _until(_aware(datetime.fromisoformat(text)), now)
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Budget:
    """What one client has left on its server. One thread at a time."""

    def __init__(self) -> None:
        self._resume_at = 0.0  # time.monotonic()

    def note(self, headers: Mapping[str, str]) -> None:
        """Read an answer's headers: near the end of the budget, hold back until it is filled again."""
        remaining, limit = _count(headers, "X-RateLimit-Remaining"), _count(headers, "X-RateLimit-Limit")
        if remaining is None or remaining >= (RESERVE if limit is None else min(RESERVE, limit // 10)):
            return
        pause = retry_after({"X-RateLimit-Reset": headers.get("X-RateLimit-Reset", "")})
        self._resume_at = time.monotonic() + (UNSAID if pause is None else pause)

    @property
    def pause(self) -> float:
        """Seconds to wait before the next request; 0 when there is enough left."""
        return max(0.0, self._resume_at - time.monotonic())


def _count(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else None
