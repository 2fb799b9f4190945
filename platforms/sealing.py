"""Secrets in the database: encrypted, and bound to the one place where they may be read.

A stored secret is a Fernet token. Inside it stands where it belongs (the column, the row's primary key, the server that
it was given for) beside the secret itself, so a token that somebody moves or copies to another row, column or table
opens there no more, nor does it after its row was pointed at another server. Tokens of the first Vedfolnir hold the
secret alone, so nobody can tell whether they were moved: they open nowhere until an operator has them bound to the rows
where they lie (`manage.py rotate_encryption_key --bind`).
"""

import json
from dataclasses import dataclass, field
from enum import Enum
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

BOUND = "\0"  # no secret starts with it: it could not be sent in a header


class CredentialUnreadable(ImproperlyConfigured):
    """A stored credential cannot be used: no key opens it, or it does not belong where it lies."""


class Unreadable(str):
    """Stands in for a value that could not be decrypted, so that one bad row does not break a list."""

    __slots__ = ()
    why: str | Promise = _(
        "The stored credentials cannot be decrypted with PLATFORM_ENCRYPTION_KEY. Put back the key that this "
        "installation was set up with (several keys may stand there, separated by commas), or connect again."
    )


class Misplaced(Unreadable):
    """Stands in for a secret that was stored for another row, column, table or server."""

    __slots__ = ()
    why = _(
        "The stored credentials were stored for another connection or another server: they were moved or copied, or "
        "the connection was changed, in the database itself. Connect again."
    )


class Unbound(Unreadable):
    """Stands in for a secret that does not say where it belongs, as the first Vedfolnir stored them."""

    __slots__ = ()
    why = _(
        "The stored credentials do not say which connection they belong to. If the data was just brought over from the "
        "first Vedfolnir, let an operator run rotate_encryption_key --bind. Otherwise connect again."
    )


class Missing(Unreadable):
    """Stands in for a secret that is not there: the row came from a dump, and dumps hold no secrets."""

    __slots__ = ()
    why = _("No credentials are stored: dumps do not hold them. Connect again.")


def readable(value: "str | Sealed | None") -> str:
    """The secret itself. Raises CredentialUnreadable if it could not be decrypted, or was read without its row."""
    if isinstance(value, Unreadable):
        raise CredentialUnreadable(str(value.why))
    if isinstance(value, Sealed):
        raise CredentialUnreadable("A secret is read as an attribute of its row; values() and the like cannot open it.")
    return value or ""


@dataclass(frozen=True)
class Place:
    """Where a secret belongs: `column` is "table.column", `row` the primary key, `server` an instance's URL or ""."""

    column: str
    row: str
    server: str = ""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What lies in the column, as a query gives it. Only its row opens it; printing it shows nothing."""

    token: str = field(repr=False)

    def __str__(self) -> str:
        return "<sealed>"


class Binding(Enum):
    """What a token says of where it belongs."""

    HERE = "here"
    UNBOUND = "unbound"
    ELSEWHERE = "elsewhere"
    NOTHING = "nothing"  # holds no secret
    UNKNOWN = "unknown"  # no key opens it


@dataclass(frozen=True)
class Finding:
    """What is in a token: where it belongs, whether the first key opens it, and the secret."""

    binding: Binding
    by_first_key: bool = False
    secret: str = field(default="", repr=False)


def seal(secret: str, place: Place) -> str:
    """A Fernet token under the first key that opens at `place` alone."""
    return _encrypt([place.column, place.row, place.server, secret])


def seal_nothing() -> str:
    """A token without a secret, which belongs nowhere: what a column holds until there is a primary key to bind to."""
    return _encrypt([])


def seal_unbound(secret: str) -> str:
    """A token that does not say where it belongs, as before there were bound ones: for going back to such a version."""
    return _fernets(tuple(settings.PLATFORM_ENCRYPTION_KEYS))[0].encrypt(secret.encode()).decode()


def inspect(token: str, place: Place) -> Finding:
    """What `token` is at `place`. Never raises."""
    for number, fernet in enumerate(_fernets(tuple(settings.PLATFORM_ENCRYPTION_KEYS))):
        try:
            text = fernet.decrypt(token.encode()).decode()
        except (InvalidToken, UnicodeDecodeError):
            continue
        return _judge(text, place, by_first_key=number == 0)
    return Finding(Binding.UNKNOWN)


def unseal(sealed: Sealed, place: Place) -> str:
    """The secret, or the kind of `Unreadable` that says why not."""
    found = inspect(sealed.token, place)
    if found.binding is Binding.HERE:
        return found.secret
    reasons: dict[Binding, type[Unreadable]] = {
        Binding.ELSEWHERE: Misplaced,
        Binding.UNBOUND: Unbound,
        Binding.NOTHING: Missing,
    }
    return reasons.get(found.binding, Unreadable)("")


@cache
def _fernets(keys: tuple[str, ...]) -> tuple[Fernet, ...]:
    return tuple(Fernet(key) for key in keys)


def _encrypt(content: list[str]) -> str:
    first = _fernets(tuple(settings.PLATFORM_ENCRYPTION_KEYS))[0]
    return first.encrypt((BOUND + json.dumps(content)).encode()).decode()


def _judge(text: str, place: Place, *, by_first_key: bool) -> Finding:
    if not text.startswith(BOUND):
        return Finding(Binding.UNBOUND, by_first_key, text)
    content: list[str] = json.loads(text.removeprefix(BOUND))
    if not content:
        return Finding(Binding.NOTHING, by_first_key)
    if content[:-1] != [place.column, place.row, place.server]:
        return Finding(Binding.ELSEWHERE, by_first_key)
    return Finding(Binding.HERE, by_first_key, str(content[-1]))
