"""Private MariaDB, Redis and PostgreSQL for tests and benchmarks: own folders, own free ports, gone afterwards.

    python scripts/services.py run mariadb redis -- .venv/bin/python -m pytest

starts the services named, runs the command with DATABASE_URL and REDIS_URL set, stops the services and exits with the
command's status. In Python: `with services.running("mariadb", "redis") as started: started["mariadb"].url`.

Needs the packages mariadb-server-core, mariadb-client, redis-server and postgresql of Debian or Ubuntu, and only the
standard library. Nothing here is meant for data that matters: the servers are set to be quick, not safe. A server dies
with the process that started it, even when that one is killed (setpriv --pdeathsig).
"""

import argparse
import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

START_SECONDS = 60  # a cold disk on a busy machine; a healthy start takes less than one second
STOP_SECONDS = 20
NAME = "vedfolnir"  # of the database and of its user, who may also create the test databases

MARIADB_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_ci",
    "--transaction-isolation=READ-COMMITTED",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-fast-shutdown=2",
    "--innodb-buffer-pool-size=128M",
    "--innodb-doublewrite=0",
    "--innodb-stats-persistent=0",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--performance-schema=OFF",
    "--max-connections=300",
)
POSTGRESQL_OPTIONS = (
    "--listen_addresses=127.0.0.1",
    "--unix_socket_directories=",
    "--fsync=off",
    "--synchronous_commit=off",
    "--full_page_writes=off",
    "--max_connections=200",
)


class ServiceError(Exception):
    """A service could not be started; the text says why and what to do."""


@dataclass
class Service:
    """A server that runs: `url` is what DATABASE_URL or REDIS_URL wants, `log` what it said so far."""

    name: str
    variable: str
    url: str
    port: int
    command: list[str]
    log: Path
    stop_signal: signal.Signals
    is_ready: Callable[[], bool]
    stdin: bytes = b""
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start (again) on the same port and data, and wait until it answers. Raises ServiceError if it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        with stopped_on_error(self):
            self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.write(self.stdin)
                self.process.stdin.close()
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise ServiceError(f"{self.name} did not start. Its last words:\n{said}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it and wait until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would (`kill -9`)."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def find_program(name: str, package: str, *folders: str) -> str:
    """The path of a program; raises ServiceError with the package to install."""
    searched = os.pathsep.join([*folders, os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    if path := shutil.which(name, path=searched):
        return path
    raise ServiceError(f"{name} is not installed. On Debian or Ubuntu: apt-get install {package}")


def own_process(stop_signal: signal.Signals, user: str | None = None) -> list[str]:
    """The words before a server's command that tie its life to ours, and drop root where it refuses root."""
    words = [find_program("setpriv", "util-linux"), f"--pdeathsig={stop_signal.name.removeprefix('SIG')}"]
    return [*words, f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else words


def run_quietly(command: Sequence[str], *, text: str = "", environment: dict[str, str] | None = None) -> bool:
    """Run to the end with `text` as its input; was it successful?"""
    done = subprocess.run(
        command,
        input=text.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | (environment or {}),
        check=False,
    )
    return done.returncode == 0


def run_or_raise(command: Sequence[str], *, text: str = "", environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, input=text.encode(), capture_output=True, env=os.environ | (environment or {}), check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        raise ServiceError(f"{Path(command[0]).name} failed with status {done.returncode}:\n{said}")


def load_time_zones(client: Sequence[str]) -> None:
    """Fill MariaDB's time zone tables; without them Django's date lookups fail for every zone but UTC."""
    program = find_program("mariadb-tzinfo-to-sql", "mariadb-client")
    zones = subprocess.run([program, "--skip-write-binlog", "/usr/share/zoneinfo"], capture_output=True, check=True)
    run_or_raise(client, text=zones.stdout.decode())


def install_mariadb(data: Path, as_root: Sequence[str]) -> None:
    program = find_program("mariadb-install-db", "mariadb-server-core")
    options = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    run_or_raise([program, "--no-defaults", *as_root, f"--datadir={data}", *options])


def start_mariadb(folder: Path) -> Service:
    """MariaDB 10.6 or newer with an empty database, in `folder`; time zone tables are loaded."""
    folder.mkdir()
    data, server_socket, port, password = folder / "data", folder / "socket", free_port(), secrets.token_urlsafe(16)
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    install_mariadb(data, as_root)
    admin = [find_program("mariadb", "mariadb-client"), "--no-defaults", f"--socket={server_socket}", "--user=root"]
    places = (f"--datadir={data}", f"--socket={server_socket}", f"--pid-file={folder / 'pid'}", f"--port={port}")
    server = [find_program("mariadbd", "mariadb-server-core"), "--no-defaults", *as_root, *places, *MARIADB_OPTIONS]
    service = Service(
        name="MariaDB",
        variable="DATABASE_URL",
        url=f"mysql://{NAME}:{password}@127.0.0.1:{port}/{NAME}",
        port=port,
        command=[*own_process(signal.SIGTERM), *server],
        log=folder / "log",
        stop_signal=signal.SIGTERM,
        is_ready=lambda: run_quietly([*admin, "--execute=SELECT 1"]),
    )
    service.start()
    with stopped_on_error(service):
        load_time_zones([*admin, "mysql"])
        run_or_raise(
            admin,
            text=f"""CREATE DATABASE {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
            CREATE USER {NAME}@'127.0.0.1' IDENTIFIED BY '{password}';
            GRANT ALL PRIVILEGES ON *.* TO {NAME}@'127.0.0.1';""",
        )
    return service


def start_redis(folder: Path) -> Service:
    """Redis without persistence, 64 numbered databases so that every test process can have its own."""
    folder.mkdir()
    port, password = free_port(), secrets.token_urlsafe(16)
    client = [find_program("redis-cli", "redis-tools"), "-h", "127.0.0.1", "-p", str(port), "PING"]
    config = f"""bind 127.0.0.1
port {port}
dir {folder}
requirepass {password}
databases 64
save ""
appendonly no
maxmemory-policy noeviction
daemonize no
"""

    def is_ready() -> bool:
        done = subprocess.run(client, capture_output=True, env=os.environ | {"REDISCLI_AUTH": password}, check=False)
        return b"PONG" in done.stdout

    service = Service(
        name="Redis",
        variable="REDIS_URL",
        url=f"redis://:{password}@127.0.0.1:{port}/0",
        port=port,
        command=[*own_process(signal.SIGTERM), find_program("redis-server", "redis-server"), "-"],
        log=folder / "log",
        stop_signal=signal.SIGTERM,
        is_ready=is_ready,
        stdin=config.encode(),
    )
    service.start()
    return service


def postgresql_folder() -> str:
    """Where Debian keeps the programs of the newest PostgreSQL that is installed."""

    def version(folder: Path) -> float:
        return float(re.sub(r"[^0-9.]", "", folder.parent.name) or 0)

    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version)
    return str(folders[-1]) if folders else ""


def give_to(user: str, *paths: Path) -> None:
    try:
        account = pwd.getpwnam(user)
    except KeyError as error:
        raise ServiceError(f"There is no user {user}. On Debian or Ubuntu: apt-get install postgresql") from error
    for path in paths:
        os.chown(path, account.pw_uid, account.pw_gid)


def start_postgresql(folder: Path) -> Service:
    """PostgreSQL with an empty database. As root it runs as the user `postgres`, because it refuses root."""
    folder.mkdir()
    data, password_file, port, password = folder / "data", folder / "password", free_port(), secrets.token_urlsafe(16)
    user = "postgres" if os.geteuid() == 0 else None
    password_file.write_text(password, encoding="utf-8")
    password_file.chmod(0o600)
    if user:
        give_to(user, folder, password_file)
    programs = postgresql_folder()
    run_or_raise(
        [
            *own_process(signal.SIGTERM, user),
            find_program("initdb", "postgresql", programs),
            *(f"--pgdata={data}", f"--username={NAME}", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
        ]
    )
    reach = ["--host=127.0.0.1", f"--port={port}", f"--username={NAME}"]
    ready = [find_program("pg_isready", "postgresql", programs), "--quiet", *reach]
    server = [find_program("postgres", "postgresql", programs), "-D", str(data)]
    service = Service(
        name="PostgreSQL",
        variable="DATABASE_URL",
        url=f"postgres://{NAME}:{password}@127.0.0.1:{port}/{NAME}",
        port=port,
        command=[*own_process(signal.SIGINT, user), *server, f"--port={port}", *POSTGRESQL_OPTIONS],
        log=folder / "log",
        stop_signal=signal.SIGINT,  # "fast": ends open connections; SIGTERM would wait for them
        is_ready=lambda: run_quietly(ready),
    )
    service.start()
    with stopped_on_error(service):
        create = find_program("createdb", "postgresql", programs)
        run_or_raise([create, *reach, "--no-password", NAME], environment={"PGPASSWORD": password})
    return service


STARTERS: dict[str, Callable[[Path], Service]] = {
    "mariadb": start_mariadb,
    "redis": start_redis,
    "postgresql": start_postgresql,
}


@contextlib.contextmanager
def stopped_on_error(service: Service) -> Iterator[None]:
    """What follows a start belongs to it: if it fails, the server does not stay behind."""
    try:
        yield
    except BaseException:
        service.stop()
        raise


@contextlib.contextmanager
def running(*names: str) -> Iterator[dict[str, Service]]:
    """Start the services named (mariadb, redis, postgresql); stop them and remove their data at the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vedfolnir-services-")))
        folder.chmod(0o711)  # the user `postgres` must be able to pass through
        started: dict[str, Service] = {}
        for name in names:
            started[name] = STARTERS[name](folder / name)
            stack.callback(started[name].stop)
        yield started


def environment(started: dict[str, Service]) -> dict[str, str]:
    """The variables that lead a program to these services."""
    return {service.variable: service.url for service in started.values()}


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind as Ctrl-C does, so that whatever was started is stopped."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def run_command(command: Sequence[str], variables: dict[str, str]) -> int:
    """Run to the end and return the exit status.

    Ctrl-C reaches the command from the terminal as well: wait until it is done with it, then raise KeyboardInterrupt.
    """
    child = subprocess.Popen(command, env=os.environ | variables)
    interrupted = False
    status: int | None = None
    try:
        while status is None:
            try:
                status = child.wait()
            except KeyboardInterrupt:
                interrupted = True
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    if interrupted:
        raise KeyboardInterrupt
    return status if status >= 0 else 128 - status


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Run a command beside private services that end with it.")
    verbs = parser.add_subparsers(required=True)
    run = verbs.add_parser("run", help="start services, run a command, stop the services")
    run.add_argument("names", nargs="+", choices=sorted(STARTERS), metavar="SERVICE", help=", ".join(sorted(STARTERS)))
    run.usage = "services.py run SERVICE... -- COMMAND [ARGUMENT...]"
    own, command = split_at_dashes(arguments)
    names: list[str] = parser.parse_args(own).names
    if not command:
        parser.error("name a command after --")
    if {"mariadb", "postgresql"} <= set(names):
        parser.error("DATABASE_URL can name one database: choose mariadb or postgresql")
    end_on_signals()
    try:
        with running(*names) as started:
            return run_command(command, environment(started))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1


def split_at_dashes(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before `--`, and the command after it."""
    at = list(words).index("--") if "--" in words else len(words)
    return list(words[:at]), list(words[at + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
