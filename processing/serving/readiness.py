"""What must be true before anything is started, and making it true for a first try."""

import hashlib
import socket
from collections.abc import Callable, Iterator
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
CONNECT_SECONDS = 1.0


def require_free(host: str, port: int, option: str) -> None:
    """Raises CommandError when nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise CommandError(
                f"Cannot listen on {host}:{port}: {reason}. Choose another port with {option}."
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
