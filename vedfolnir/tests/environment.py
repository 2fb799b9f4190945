"""The environment that every test run gets: generated secrets, a data folder of its own, nothing of the caller's.

Only DATABASE_URL and REDIS_URL are taken over; without them the run is on SQLite and needs no service. Standard library
only, because it must be in place before Django reads its settings.
"""

import atexit
import base64
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

# What an operator may have exported in this shell: a test must not depend on it, let alone write there.
FORGOTTEN = (
    "ALLOWED_HOSTS",
    "BEHIND_PROXY",
    "CAPTION_LANGUAGE",
    "CAPTION_STRUCTURED",
    "CSRF_TRUSTED_ORIGINS",
    "DATABASE_URL_FILE",
    "ENGINE_TIMEOUT",
    "HF_ENDPOINT",
    "LEASE_SECONDS",
    "MEDIA_ROOT",
    "MODEL_FOLDER",
    "OLLAMA_MODEL",
    "OPENAI_API_KEY",
    "OPENAI_API_KEY_FILE",
    "OPENAI_BASE_URL",
    "OPENAI_MODEL",
    "OUTBOUND_ALLOW",
    "PLATFORM_ENCRYPTION_KEY_FILE",
    "REDIS_URL_FILE",
    "SECRET_KEY_FILE",
    "STATIC_ROOT",
    "SWEEP_SECONDS",
    "TRANSFORMERS_MODEL",
)


def fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def prepare() -> None:
    """Set the environment of this process; the processes that a test starts inherit it.

    A worker of pytest-xdist inherits it too, and takes a data folder and a numbered Redis database for itself.
    """
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _separate(worker)
        return
    for name in FORGOTTEN:
        os.environ.pop(name, None)
    folder = tempfile.mkdtemp(prefix="vedfolnir-test-")
    atexit.register(_remove, folder, os.getpid())
    os.environ |= {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "PLATFORM_ENCRYPTION_KEY": fernet_key(),
        "HTTPS": "false",
        "DEBUG": "false",
        "CAPTION_ENGINE": "basic",  # "auto" would ask whatever Ollama runs on the developer's machine
        "OLLAMA_URL": "http://127.0.0.1:9",
    }
    _use(Path(folder))


def _separate(worker: str) -> None:
    _use(Path(os.environ["VEDFOLNIR_DATA_DIR"]) / worker)
    if url := os.environ.get("REDIS_URL"):
        number = int(worker.removeprefix("gw")) + 1
        os.environ["REDIS_URL"] = urlsplit(url)._replace(path=f"/{number}").geturl()


def _use(folder: Path) -> None:
    for name in ("media", "static"):
        (folder / name).mkdir(parents=True)
    os.environ["VEDFOLNIR_DATA_DIR"] = str(folder)


def _remove(folder: str, owner: int) -> None:
    """Remove the run's folder, unless this is a forked child of the run that is leaving."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
