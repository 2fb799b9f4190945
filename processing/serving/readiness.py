"""What must be true before anything is started, and making it true for a first try."""

import fcntl
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from platforms.credentials import require_readable_credentials
from vedfolnir.broker import make_folder

STAMP = "collected.stamp"
LOCK = "serve.lock"
CONNECT_SECONDS = 1.0


@contextmanager
def alone() -> Iterator[None]:
    """Hold the data folder: two schedulers and two lots of workers must not share it.

    The kernel gives the lock back when this process ends, however it ends; children do not inherit it. Raises
    CommandError when another `serve` holds it.
    """
    path = Path(settings.DATA_DIR) / LOCK
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.open("a+", encoding="ascii")
    except OSError as error:
        raise CommandError(f"Cannot write to the data folder {path.parent}: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"Vedfolnir runs already with the data in {path.parent} (process {lock.read().strip() or 'unknown'}). "
                "Stop it first, or name another folder in VEDFOLNIR_DATA_DIR."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def require_free(host: str, port: int, option: str) -> None:
    """Raises CommandError when nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {error.strerror}. Choose another port with {option}."
            ) from error


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def require_prepared() -> None:
    """Raises CommandError with the command that is missing."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("The database is not up to date. Run: python manage.py migrate")
    if settings.EMBEDDED and "cache" not in connection.introspection.table_names():
        raise CommandError("The cache's table is missing. Run: python manage.py createcachetable")
    if not settings.DEBUG and not (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        raise CommandError("Styles and scripts are not collected. Run: python manage.py collectstatic --noinput")
    require_readable_credentials()


def prepare(say: Callable[[str], object]) -> None:
    """Bring database, cache and static files up to date; quick when they are."""
    make_folder(settings.DATA_DIR)
    call_command("migrate", interactive=False, verbosity=0)
    if settings.EMBEDDED:
        call_command("createcachetable", verbosity=0)
    stamp = Path(settings.DATA_DIR) / STAMP
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != _fingerprint_of_static_files():
        say("Collecting styles and scripts …")
        call_command("collectstatic", interactive=False, verbosity=0)
        stamp.write_text(_fingerprint_of_static_files(), encoding="ascii")
    require_readable_credentials()


def _fingerprint_of_static_files() -> str:
    """Changes when a file is added, removed or changed, or its place is."""
    seen = hashlib.sha256(str(settings.STATIC_ROOT).encode())
    seen.update(str(Path(settings.STATIC_ROOT, "staticfiles.json").is_file()).encode())
    for line in sorted(_static_files()):
        seen.update(line.encode())
    return seen.hexdigest()


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            path = Path(storage.path(name))
            yield f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}\n"
