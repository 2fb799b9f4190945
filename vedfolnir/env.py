"""Reading the environment: every value from a variable, secrets also from the file that `NAME_FILE` names.

A missing or malformed value raises `ImproperlyConfigured` with what to do about it.
"""

import os
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
MAKE_SECRET = 'python -c "import secrets; print(secrets.token_urlsafe(50))"'  # noqa: S105  (how to make one)

# What the documents of the first Vedfolnir tell operators to set, and what does that job now.
REPLACED = {
    "DB_TYPE": "the scheme of DATABASE_URL (mysql://, postgres:// or sqlite:///)",
    "DB_POOL_SIZE": "persistent connections, one per thread (CONN_MAX_AGE, in seconds)",
    "DB_MAX_OVERFLOW": "persistent connections, one per thread (CONN_MAX_AGE, in seconds)",
}


def load_env_file(path: Path) -> None:
    """Add the variables of `path`, where they are not set already; no file, nothing to add."""
    if path.is_file():
        environ.Env.read_env(path)


def text(name: str, default: str = "") -> str:
    """The value of `name`, or the content of the file named by `NAME_FILE`, or `default`.

    Raises:
        ImproperlyConfigured: both are set, or the file cannot be read.
    """
    file_name = os.environ.get(f"{name}_FILE", "")
    if file_name and os.environ.get(name):
        raise ImproperlyConfigured(f"Both {name} and {name}_FILE are set. Keep one of them.")
    if file_name:
        try:
            return Path(file_name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {file_name}, which cannot be read: {error}.") from error
    return os.environ.get(name, default).strip()


def flag(name: str, *, default: bool) -> bool:
    value = text(name).lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    raise ImproperlyConfigured(f"{name} is {value!r}. Use true or false.")


def number(name: str, *, default: int) -> int:
    value = text(name)
    if value.isdecimal() or not value:
        return int(value) if value else default
    raise ImproperlyConfigured(f"{name} is {value!r}. Use a whole number.")


def words(name: str, default: str = "") -> tuple[str, ...]:
    """A comma-separated list, without blanks."""
    return tuple(word.strip() for word in text(name, default).split(",") if word.strip())


def secret_key() -> str:
    key = text("SECRET_KEY")
    if not key:
        raise ImproperlyConfigured(
            f"SECRET_KEY is missing. Make one with `{MAKE_SECRET}` and set it as SECRET_KEY, or name a file that "
            "holds it as SECRET_KEY_FILE. For a first try, scripts/run does that for you."
        )
    return key


def encryption_keys() -> tuple[str, ...]:
    """The Fernet keys of PLATFORM_ENCRYPTION_KEY: the first encrypts, all decrypt."""
    keys = words("PLATFORM_ENCRYPTION_KEY")
    if not keys:
        raise ImproperlyConfigured(
            "PLATFORM_ENCRYPTION_KEY is missing. If this installation has connected accounts already, restore the key "
            f"from your backup: nothing else can read their credentials. For a new one, make a key with `{MAKE_KEY}` "
            "and set it as PLATFORM_ENCRYPTION_KEY, or name a file that holds it as PLATFORM_ENCRYPTION_KEY_FILE."
        )
    for position, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"Key {position} of PLATFORM_ENCRYPTION_KEY is not a Fernet key (32 bytes, URL-safe base64, 44 "
                f"characters). Make one with `{MAKE_KEY}`; several are separated by commas."
            ) from error
    return keys


def database(url: str, *, max_age: int) -> dict[str, Any]:
    """Django's database settings for `url`, with what each kind needs to be correct.

    Understands the form of the first Vedfolnir too: `mysql+pymysql://user:password@host/name?charset=utf8mb4`.
    """
    named, _colon, rest = url.partition(":")
    scheme = named.partition("+")[0]
    scheme = {"mariadb": "mysql", "postgresql": "postgres"}.get(scheme, scheme)
    if scheme not in {"mysql", "postgres", "sqlite"}:
        raise ImproperlyConfigured(
            f"DATABASE_URL starts with {named or 'nothing'!r}. Use mysql://user:password@host:3306/name, "
            "postgres://user:password@host:5432/name or sqlite:////absolute/path/to/file.sqlite3."
        )
    config: dict[str, Any] = dict(environ.Env.db_url_config(f"{scheme}:{rest}"))
    options = config.setdefault("OPTIONS", {})
    if scheme == "mysql":
        # Every connection speaks UTC, or the server's clock would decide the documented DEFAULT NOW columns.
        options |= {
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": "SET time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')",
        }
        config["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    elif scheme == "sqlite":
        options |= {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
        }
    if scheme != "sqlite":
        config |= {"CONN_MAX_AGE": max_age, "CONN_HEALTH_CHECKS": True}
    return config


def replaced_variables() -> dict[str, str]:
    """Variables that are set and no longer read, with what replaces them."""
    return {name: instead for name, instead in REPLACED.items() if name in os.environ}
