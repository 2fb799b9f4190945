"""A whole installation in processes of its own, as an operator runs it, for tests that kill, stop and look at it.

with installation(tmp_path, sandbox) as live:
    live.manage("migrate")
    worker = live.start("worker", "celery", "-A", "vedfolnir", "worker", …)
    live.wait_for("SELECT COUNT(*) FROM images WHERE captioned_at IS NOT NULL", 12)
    worker.kill()
"""

import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = int(os.environ.get("TEST_PATIENCE", "90"))  # seconds: a loaded machine; what is waited for takes one to ten


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """The first true answer of `condition`. Raises AssertionError after PATIENCE seconds."""
    give_up = time.monotonic() + PATIENCE
    pause = 0.02
    while time.monotonic() < give_up:
        if found := condition():
            return found
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    raise AssertionError(f"waited {PATIENCE} s in vain for: {what}")


@dataclass
class Process:
    """A child in a session of its own; its output goes to a file."""

    name: str
    child: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """kill -9 of it and all its children, as an operator or the kernel does."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def signal(self, number: signal.Signals) -> None:
        os.killpg(self.child.pid, number)

    def stop(self) -> int:
        """SIGTERM to it alone, and its exit status."""
        if self.child.poll() is None:
            self.child.terminate()
        try:
            return self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@dataclass
class Installation:
    """An installation with its own data folder and database."""

    folder: Path
    database_url: str
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)

    def manage(self, *arguments: str, status: int = 0, **environment: str) -> str:
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == status, f"manage.py {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def start(self, name: str, *argv: str) -> Process:
        """Start a program of the virtual environment."""
        log = self.folder / f"{name}-{len(self.processes)}.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, *argv]
                if argv[0] == "manage.py"
                else [str(Path(sys.executable).parent / argv[0]), *argv[1:]],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, child, log)
        self.processes.append(process)
        return process

    def connect(self) -> Any:
        """A connection to the database, without Django; every statement is its own transaction."""
        if self.database_url.startswith("sqlite"):
            return sqlite3.connect(self.database_url.removeprefix("sqlite:///"), isolation_level=None, timeout=20)
        return _mysql(self.database_url, urlsplit(self.database_url).path.strip("/"))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    def execute(self, sql: str) -> int:
        """How many rows the statement changed."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return int(cursor.rowcount)

    def value(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def wait_for(self, sql: str, expected: Any = None) -> Any:
        """Wait until the query's first value is `expected`, or true."""

        def arrived() -> Any:
            found = self.value(sql)
            return [found] if (found == expected if expected is not None else found) else None

        try:
            return wait_until(arrived, f"{sql} = {expected}")[0]
        except AssertionError as error:
            logs = "\n".join(f"--- {one.name}\n{one.output()[-3000:]}" for one in self.processes)
            raise AssertionError(f"{error}; it is {self.value(sql)!r}\n{logs}") from error

    def stop_all(self) -> None:
        for process in self.processes:
            if process.child.poll() is None:
                process.kill()


def _mysql(url: str, database: str = "") -> Any:
    import MySQLdb

    parts = urlsplit(url)
    return MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=parts.username or "",
        password=parts.password or "",
        database=database,
        charset="utf8mb4",
        autocommit=True,
        init_command="SET time_zone = '+00:00'",
    )


@contextmanager
def database_for(folder: Path) -> Iterator[str]:
    """The URL of an empty database: on the MariaDB of DATABASE_URL, or a file in `folder`. Gone afterwards."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("mysql"):
        yield f"sqlite:///{folder}/db.sqlite3"
        return
    name = f"test_live_{secrets.token_hex(4)}"
    with closing(_mysql(url)) as server:
        server.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            server.cursor().execute(f"DROP DATABASE {name}")


@contextmanager
def installation(folder: Path, *, services: bool, **environment: str) -> Iterator[Installation]:
    """An empty installation; all that it started is gone afterwards.

    With `services`: on the MariaDB and Redis of the environment. Without: SQLite and nothing else.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV") if name in os.environ}
    secret = {name: os.environ[name] for name in ("SECRET_KEY", "PLATFORM_ENCRYPTION_KEY")}
    base = {"VEDFOLNIR_DATA_DIR": str(folder), "CAPTION_ENGINE": "basic", "PYTHONUNBUFFERED": "1"}
    if services:
        redis = urlsplit(os.environ["REDIS_URL"])
        number = 8 + int(redis.path.strip("/") or 0)  # beside the one that this worker of pytest uses
        with database_for(folder) as database_url:
            base |= {
                "DATABASE_URL": database_url,
                "REDIS_URL": redis._replace(path=f"/{number}").geturl(),
                "HTTPS": "0",
            }
            base |= {"SWEEP_SECONDS": "1"}
            yield from _running(folder, database_url, kept | secret | base | environment)
    else:
        database_url = f"sqlite:///{folder}/db.sqlite3"
        yield from _running(folder, database_url, kept | secret | base | {"DATABASE_URL": database_url} | environment)


def _running(folder: Path, database_url: str, environment: dict[str, str]) -> Iterator[Installation]:
    live = Installation(folder, database_url, environment)
    try:
        yield live
    finally:
        live.stop_all()
