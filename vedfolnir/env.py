"""Reading the environment: every value from a variable, secrets also from the file that `NAME_FILE` names.

A missing or malformed value raises `ImproperlyConfigured` with what to do about it.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from captions import language_codes
from processing import engine_models, engine_names, engine_settings
from vedfolnir.lib.outbound import AllowList, OutboundRefused
from vedfolnir.lib.outbound.urls import parse_url

MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
MAKE_SECRET = 'python -c "import secrets; print(secrets.token_urlsafe(50))"'  # noqa: S105  (how to make one)

LEAST_SECRET = 32  # characters
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DAY = 24 * 3600

Parsed = TypeVar("Parsed")

_BASE_URL_LIKE = "Use one such as https://api.openai.com/v1 or http://127.0.0.1:8000/v1."
_FERNET_KEY = re.compile(r"[A-Za-z0-9_+/-]{43}=")
_LINE_OF_FILE = re.compile(r"\s*(?:#.*)?|(?:export )?[A-Za-z_0-9]+=.*")  # what environ.Env.read_env understands

# What the documents of the first Vedfolnir tell operators to set, and what does that job now.
REPLACED = {
    "DB_TYPE": "the scheme of DATABASE_URL (mysql://, postgres:// or sqlite:///)",
    "DB_POOL_SIZE": "persistent connections, one per thread (CONN_MAX_AGE, in seconds)",
    "DB_MAX_OVERFLOW": "persistent connections, one per thread (CONN_MAX_AGE, in seconds)",
}


def load_env_file(path: Path) -> None:
    """Add the variables of `path`, where they are not set already; no file, nothing to add.

    Raises:
        ImproperlyConfigured: the file cannot be read, or a line of it is neither NAME=value nor a comment.
    """
    if not path.is_file():
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error}.") from error
    for number_of_line, line in enumerate(lines, start=1):
        if not _LINE_OF_FILE.fullmatch(line):  # not quoted: it may be half of a secret
            raise ImproperlyConfigured(
                f"Line {number_of_line} of {path} is not NAME=value (without blanks around the name). Correct it, or "
                "begin it with # if it is a comment."
            )
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


def number(name: str, *, default: int, least: int = 0, most: int = DAY) -> int:
    """A whole number from `least` to `most`; `default` when there is none."""
    value = text(name)
    if not value:
        return default
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ImproperlyConfigured(f"{name} is {value!r}. Use a whole number from {least} to {most}.")
    return int(value)


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
    if len(key) < LEAST_SECRET:
        raise ImproperlyConfigured(
            f"SECRET_KEY has {len(key)} characters; at least {LEAST_SECRET} are needed, or sessions could be forged. "
            f"Make one with `{MAKE_SECRET}`."
        )
    return key


def allowed_hosts() -> list[str]:
    """The names under which people reach the site."""
    hosts = list(words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"))
    if not hosts:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS is empty, so every page would be refused. Name the hosts under which people reach the site, "
            "such as captions.example.org, separated by commas; or unset it for this machine only."
        )
    for host in hosts:
        if "/" in host:
            raise ImproperlyConfigured(
                f"ALLOWED_HOSTS names {host!r}. Use the name alone, such as captions.example.org, without https://."
            )
    return hosts


def redis_url() -> str:
    """REDIS_URL; empty for the embedded set-up."""
    url = text("REDIS_URL")
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
        is_good = is_server or (parts.scheme == "unix" and len(parts.path) > 1)
    except ValueError:  # a port that is no number, half an IPv6 address
        is_good = False
    if not is_good:
        # Not quoted: it may hold a password.
        raise ImproperlyConfigured(
            "REDIS_URL is not the address of a Redis server. Use redis://:password@host:6379/0, rediss:// for TLS or "
            "unix:///path/to/redis.sock?db=0, with special characters of the password written as %40 and the like; or "
            "unset it to do without Redis."
        )
    return url


def broker_url(url: str) -> str:
    """What Celery calls the server that redis-py calls `url`: they differ for sockets."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    number = parse_qs(parts.query).get("db", ["0"])[-1]
    return f"redis+socket://{parts.netloc}{parts.path}?{urlencode({'virtual_host': number})}"


def caption_engine() -> str:
    """CAPTION_ENGINE: "auto", or a chain of names that we know."""
    value = text("CAPTION_ENGINE") or engine_names.AUTO
    try:
        engine_names.parse_chain(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"CAPTION_ENGINE is {value!r}. {error}") from error
    return value


def caption_language() -> str:
    """CAPTION_LANGUAGE: what alt texts are written in where nothing else says."""
    value = text("CAPTION_LANGUAGE") or "en"
    code = language_codes.normal(value)
    if not language_codes.is_known(code):
        raise ImproperlyConfigured(f"CAPTION_LANGUAGE is {value!r}. Use the code of a language, such as en or pt-br.")
    return code


def ollama_url() -> str:
    value = text("OLLAMA_URL") or "http://127.0.0.1:11434"
    try:
        parse_url(value)
    except OutboundRefused as error:
        raise ImproperlyConfigured(
            f"OLLAMA_URL is not the address of a server: {error.reason} Use one such as http://127.0.0.1:11434."
        ) from error
    return value


def openai_base_url(chain: str, model: str) -> str:
    """OPENAI_BASE_URL without a slash at its end, and with /v1 where it has no path; "" if it is not set."""
    value = text("OPENAI_BASE_URL").rstrip("/")
    if not value:
        if "openai" in engine_names.parse_chain(chain):
            raise ImproperlyConfigured(
                f"CAPTION_ENGINE names openai, but OPENAI_BASE_URL, where pictures go, is not set. {_BASE_URL_LIKE}"
            )
        return ""
    try:
        target = parse_url(value)
    except OutboundRefused as error:
        raise ImproperlyConfigured(
            f"OPENAI_BASE_URL is not the address of a server: {error.reason} {_BASE_URL_LIKE}"
        ) from error
    if "?" in target.path or "#" in value or target.path.endswith(("/chat/completions", "/models")):
        raise ImproperlyConfigured(f"OPENAI_BASE_URL must end before the name of a call. {_BASE_URL_LIKE}")
    if target.host == "api.openai.com" and not model:
        raise ImproperlyConfigured(
            "OPENAI_BASE_URL is OpenAI itself, which has models of all kinds and prices. Name the one to use as "
            "OPENAI_MODEL."
        )
    return f"{value}/v1" if target.path == "/" else value


def openai_api_key() -> str:
    """OPENAI_API_KEY; "" for servers that ask for none."""
    key = text("OPENAI_API_KEY")
    if not all("!" <= character <= "~" for character in key):
        raise ImproperlyConfigured(  # not quoted
            "OPENAI_API_KEY contains blanks, line breaks or letters that no key has. Copy it once more."
        )
    return key


def transformers_model() -> str:
    """TRANSFORMERS_MODEL: a model at a revision, or a folder; empty for the machine's default."""
    value = text("TRANSFORMERS_MODEL")
    try:
        if value:
            engine_models.parse_model(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"TRANSFORMERS_MODEL is set wrongly. {error}") from error
    return value


def hub_url() -> str:
    """HF_ENDPOINT: where models are fetched from; the variable is the one that the hub's own tools read."""
    value = text("HF_ENDPOINT") or "https://huggingface.co"
    try:
        parse_url(value)
    except OutboundRefused as error:
        raise ImproperlyConfigured(
            f"HF_ENDPOINT is not the address of a server: {error.reason} Use one such as https://huggingface.co."
        ) from error
    return value


def engine_places() -> dict[str, int]:
    """ENGINE_PLACES: how many calls each engine is sent at once, by its name."""
    return _parsed("ENGINE_PLACES", text("ENGINE_PLACES"), engine_settings.parse_places)


def engine_prices() -> engine_settings.Prices:
    """ENGINE_PRICES: what the engines charge, by "engine" or "engine:model"."""
    return _parsed("ENGINE_PRICES", text("ENGINE_PRICES"), engine_settings.parse_prices)


def engine_currency() -> str:
    return _parsed("ENGINE_CURRENCY", text("ENGINE_CURRENCY") or "USD", engine_settings.parse_currency)


def _parsed(name: str, value: str, parse: Callable[[str], Parsed]) -> Parsed:
    try:
        return parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}. {error}") from error


def outbound_allow() -> tuple[str, ...]:
    entries = words("OUTBOUND_ALLOW")
    try:
        AllowList.parse(entries)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"OUTBOUND_ALLOW cannot be read: {error} Name hosts such as 127.0.0.1:8400,intern.example, with commas "
            "between them."
        ) from error
    return entries


def log_level() -> str:
    level = (text("LOG_LEVEL") or "INFO").upper()
    if level not in LOG_LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL is {level!r}. Use one of {', '.join(LOG_LEVELS)}.")
    return level


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
        if not _FERNET_KEY.fullmatch(key):  # Fernet itself passes over quotes, and over a second key after a semicolon
            raise ImproperlyConfigured(
                f"Key {position} of PLATFORM_ENCRYPTION_KEY is not a Fernet key (32 bytes, URL-safe base64, 44 "
                f"characters). Make one with `{MAKE_KEY}`; several are separated by commas."
            )
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
    config = _parse_database(f"{scheme}:{rest}", scheme)
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


def _parse_database(url: str, scheme: str) -> dict[str, Any]:
    """What the URL itself says. Raises ImproperlyConfigured, and does not quote the URL: it holds a password."""
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    except ValueError:
        config = {}
    if not config.get("NAME") or config.get("PORT") == 0:
        example = (
            "sqlite:////absolute/path/to/file.sqlite3" if scheme == "sqlite" else f"{scheme}://user:password@host/name"
        )
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: its port is not a number from 1 to 65535, or a part is missing. Use "
            f"{example} (a port goes behind the host, as :3306); special characters of the password are written as "
            "%40 and the like."
        )
    return config


def replaced_variables() -> dict[str, str]:
    """Variables that are set and no longer read, with what replaces them."""
    return {name: instead for name, instead in REPLACED.items() if name in os.environ}
