"""A text column that holds a Fernet token, and what a person sees of it."""

from functools import cache
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django_cryptography.fields import EncryptedMixin


class CredentialUnreadable(ImproperlyConfigured):
    """No key of PLATFORM_ENCRYPTION_KEY opens a stored credential."""


class Unreadable(str):
    """Stands in for a value that could not be decrypted, so that one bad row does not break a list."""

    __slots__ = ()


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def fernet() -> MultiFernet:
    return _fernet(tuple(settings.PLATFORM_ENCRYPTION_KEYS))


class EncryptedTextField(EncryptedMixin, models.TextField[Any, Any]):
    """Text encrypted by the first key of PLATFORM_ENCRYPTION_KEY, opened by any of them.

    The column holds a real Fernet token (it starts with "gAAAA"), as the first Vedfolnir wrote it, so old tokens
    are read as they are. The stock field of django-cryptography derives its key from SECRET_KEY and pickles.
    Reading a value that no key opens gives an `Unreadable`; `readable()` raises for it.
    """

    base_class = models.TextField
    wasinstance = True

    def _dump(self, value: Any) -> str:  # type: ignore[override]
        readable(value)
        return fernet().encrypt(str(value).encode()).decode()

    def _load(self, value: Any) -> str:
        token = value.encode() if isinstance(value, str) else bytes(value)
        try:
            return fernet().decrypt(token).decode()
        except InvalidToken:
            return Unreadable("")

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return None if value is None else self._dump(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any, *_: Any) -> str | None:
        return None if value is None else self._load(value)

    def deconstruct(self) -> tuple[str, str, Any, dict[str, Any]]:
        name, path, args, options = models.TextField.deconstruct(self)
        return name, path, args, options

    def clone(self) -> Self:
        _name, _path, args, options = self.deconstruct()
        kind: Any = self.__class__  # mypy's Django plugin crashes on a call of `type[Self]`
        copy: Self = kind(*args, **options)
        return copy

    def get_internal_type(self) -> str:
        return "TextField"

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: never the secret."""
        return ""

    def formfield(self, **_: Any) -> None:
        """No form edits a credential in place; connecting an account sets it."""


def readable(value: str | None) -> str:
    """The secret itself. Raises CredentialUnreadable if it could not be decrypted."""
    if isinstance(value, Unreadable):
        raise CredentialUnreadable(
            "The stored credentials cannot be decrypted with PLATFORM_ENCRYPTION_KEY. Put back the key that this "
            "installation was set up with (several keys may stand there, separated by commas), or connect again."
        )
    return value or ""
