"""The session engine: a row of `user_sessions` for everybody who is signed in, a signed cookie for everybody else.

A visitor who never signs in never touches the database. The row is read by its unique index at each request and not
cached, so that ending a session ends it at once, in every process.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.core import signing
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import origin
from accounts.models import UserSession

TOUCH_EVERY = timedelta(minutes=1)
SALT = "accounts.sessions"
ANONYMOUS = "a:"


def digest(session_key: str) -> str:
    """What the row knows the cookie's value by, so that a copy of the database opens no session."""
    return sha256(session_key.encode()).hexdigest()


class SessionStore(SessionBase):
    """Django's session interface over `UserSession`."""

    _row: UserSession | None = None
    _is_new = False

    @property
    def _is_anonymous(self) -> bool:
        return not self._session_key or self._session_key.startswith(ANONYMOUS)

    def _digest(self) -> str:
        return digest(self._session_key or "")

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
        self._row = UserSession.objects.alive().filter(session_id=self._digest()).first()
        return self.decode(self._row.session_data) if self._row else None

    def exists(self, session_key: str) -> bool:
        return UserSession.objects.filter(session_id=digest(session_key)).exists()

    def create(self) -> None:
        self._session_key = self._get_new_session_key()
        self._is_new = True
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        data = self._get_session(no_load=must_create)
        user_id = data.get(SESSION_KEY)
        if user_id is None:
            self._session_key = ANONYMOUS + signing.dumps(data, salt=SALT, compress=True)
            return
        if self._is_anonymous:
            self.create()
        if must_create or self._is_new:
            self._insert(int(user_id), data)
        elif not self._alive_row().update(session_data=self.encode(data), expires_at=self.get_expiry_date()):
            raise UpdateError  # the session was ended meanwhile: do not bring it back

    def _insert(self, user_id: int, data: dict[str, Any]) -> None:
        source = origin.current()
        try:
            with transaction.atomic():
                self._row = UserSession.objects.create(
                    session_id=self._digest(),
                    user_id=user_id,
                    expires_at=self.get_expiry_date(),
                    session_data=self.encode(data),
                    ip_address=source.ip_address,
                    user_agent=source.user_agent,
                )
        except IntegrityError as error:
            raise CreateError from error
        self._is_new = False

    def _alive_row(self) -> Any:
        return UserSession.objects.alive().filter(session_id=self._digest())

    def touch(self) -> None:
        """Note that the session is in use; at most one write a minute."""
        now = timezone.now()
        if self._row is not None and now - self._row.last_activity >= TOUCH_EVERY:
            source = origin.current()
            self._alive_row().update(last_activity=now, ip_address=source.ip_address, user_agent=source.user_agent)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self._session_key
        if key and not key.startswith(ANONYMOUS):
            UserSession.objects.filter(session_id=digest(key)).update(is_active=False, session_data="")

    @classmethod
    def clear_expired(cls) -> None:
        UserSession.objects.filter(expires_at__lte=timezone.now(), is_active=True).update(
            is_active=False, session_data=""
        )
