"""The session engine: a row of `user_sessions` for everybody who is signed in, a signed cookie for everybody else.

A visitor who never signs in never touches the database. The row is read by its unique index at each request and not
cached, so that ending a session ends it at once, in every process (docs/decisions.md).
"""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import VALID_KEY_CHARS, CreateError, SessionBase, UpdateError
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts import origin
from accounts.models import UserSession, UserSessionQuerySet

TOUCH_EVERY = timedelta(minutes=1)
SALT = "accounts.sessions"
ANONYMOUS = "a:"  # no key of a row has a colon


def digest(session_key: str) -> str:
    """What the row knows the cookie's value by, so that a copy of the database opens no session."""
    return sha256(session_key.encode()).hexdigest()


class SessionStore(SessionBase):
    """Django's session interface over `UserSession`."""

    _row: UserSession | None = None
    _before: UserSession | None = None  # the row that a new key takes over from
    _is_new = False
    _origin = origin.Origin()

    @property
    def _is_anonymous(self) -> bool:
        return not self._session_key or self._session_key.startswith(ANONYMOUS)

    @property
    def row(self) -> UserSession | None:
        """The session's row; None for a visitor, and until a new session is saved."""
        self.get(SESSION_KEY)  # loads it, if nobody asked yet
        return self._row

    @property
    def active_platform_id(self) -> int | None:
        """The connection that this session's pages are about; None for all. `platforms.switching` says who may."""
        row = self.row
        return row.active_platform_id if row else None

    def set_active_platform(self, pk: int | None) -> None:
        row = self.row
        if row is not None and self._alive_row().update(active_platform=pk):
            row.active_platform_id = pk

    def is_empty(self) -> bool:
        """Also a visitor whose session holds nothing any more: the cookie goes away."""
        if self._session_key and not hasattr(self, "_session_cache"):
            return False  # not looked at in this request
        return self._is_anonymous and not getattr(self, "_session_cache", {})

    def load(self) -> dict[str, Any]:
        loaded = self._load_cookie() if self._is_anonymous else self._load_row()
        if loaded is None:
            self._session_key = None
            return {}
        return loaded

    def _load_cookie(self) -> dict[str, Any] | None:
        try:
            data = signing.loads(
                (self._session_key or "").removeprefix(ANONYMOUS), salt=SALT, max_age=settings.SESSION_COOKIE_AGE
            )
        except signing.BadSignature:
            return None
        # A signed cookie never signs anybody in: that takes a row.
        return data if isinstance(data, dict) and SESSION_KEY not in data else None

    def _load_row(self) -> dict[str, Any] | None:
        row = self._alive_row().first()
        data = self.decode(row.session_data) if row else {}
        # The data is signed, but not for this row: one person's must not open another's.
        if row is None or data.get(SESSION_KEY) != str(row.user_id):
            return None
        self._row = row
        return data

    def exists(self, session_key: str) -> bool:
        return UserSession.objects.filter(session_id=digest(session_key)).exists()

    def create(self) -> None:
        """A new key; its row is written by `save()`, once it is known whose it is."""
        self._session_key = get_random_string(32, VALID_KEY_CHARS)
        self._origin = origin.current()  # the middleware saves when the request's origin is forgotten
        self._before, self._row = self._row, None
        self._is_new = True
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        data: dict[str, Any] = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        user_id = data.get(SESSION_KEY)
        if user_id is None:
            if not self._is_anonymous and not self._is_new:
                self.delete()  # nobody is signed in any more
            self._session_key = ANONYMOUS + signing.dumps(data, salt=SALT, compress=True)
            self._row = None
            self._is_new = False
            return
        if self._is_anonymous:
            self.create()
        if must_create or self._is_new:
            self._insert(int(user_id), data, CreateError if must_create else UpdateError)
        elif not self._alive_row().update(session_data=self.encode(data), expires_at=self.get_expiry_date()):
            raise UpdateError  # the session was ended meanwhile: do not bring it back

    def _insert(self, user_id: int, data: dict[str, Any], failure: type[Exception]) -> None:
        try:
            with transaction.atomic():
                self._row = UserSession.objects.create(
                    session_id=digest(self._session_key or ""),
                    user_id=user_id,
                    expires_at=self.get_expiry_date(),
                    session_data=self.encode(data),
                    ip_address=self._origin.ip_address,
                    user_agent=self._origin.user_agent,
                    active_platform_id=self._kept_platform(user_id),
                )
        except IntegrityError as error:
            raise failure from error  # the person is gone
        self._is_new = False

    def _kept_platform(self, user_id: int) -> int | None:
        """A new key, as after a new password, changes nothing for the same person; another one begins with all."""
        before = self._before
        return before.active_platform_id if before is not None and before.user_id == user_id else None

    def _alive_row(self) -> UserSessionQuerySet:
        return UserSession.objects.alive().filter(session_id=digest(self._session_key or ""))

    def touch(self) -> None:
        """Note that the session is in use; at most one write a minute."""
        now = timezone.now()
        if self._row is None or now - self._row.last_activity < TOUCH_EVERY:
            return
        source = origin.current()
        # Asked again in the query: requests of one page arrive together, one of them writes.
        self._alive_row().filter(last_activity__lte=now - TOUCH_EVERY).update(
            last_activity=now, ip_address=source.ip_address, user_agent=source.user_agent
        )

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self._session_key
        if key and not key.startswith(ANONYMOUS):
            UserSession.objects.filter(session_id=digest(key)).end()

    @classmethod
    def clear_expired(cls) -> None:
        UserSession.objects.filter(expires_at__lte=timezone.now()).end()
