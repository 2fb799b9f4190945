"""`manage.py serve` as a person uses it: in processes of its own, stopped and killed."""

import fcntl
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from processing.serving import readiness
from processing.serving.output import Terminal
from processing.serving.supervisor import Child, Supervisor
from vedfolnir.tests.live import Installation, Process, free_port, installation, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, services=False) as started:
        yield started


class Serving:
    """A started `serve --demo`, on ports of its own."""

    def __init__(self, live: Installation) -> None:
        self.port, self.sandbox_port = free_port(), free_port()
        self.live = live
        self.process = self.start()

    def start(self) -> Process:
        ports = [f"--port={self.port}", f"--sandbox-port={self.sandbox_port}"]
        self.process = self.live.start("serve", "manage.py", "serve", "--demo", "--web-workers=1", *ports)
        return self.process

    def get(self, path: str) -> int | None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def wait_until_it_runs(self) -> None:
        wait_until(lambda: "Vedfolnir runs" in self.process.output(), f"serve to run:\n{self.process.output()}")
        wait_until(lambda: self.get("/health") == 200, "a sign of life of the worker")

    def pids(self) -> set[int]:
        """Every process that belongs to this installation, by its environment."""
        marker = f"VEDFOLNIR_DATA_DIR={self.live.folder}\0".encode()
        return {pid for pid in all_pids() if marker in environment_of(pid)}


def all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def environment_of(pid: int) -> bytes:
    """As it was when the process was started; empty for those that have ended (and for zombies)."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


@pytest.mark.slow
def test_it_starts_everything_restarts_what_dies_and_leaves_nothing_behind(live: Installation) -> None:
    serving = Serving(live)
    serving.wait_until_it_runs()
    said = serving.process.output()
    (at_once,) = re.findall(r"^reviewer +password: (\S+)", said, re.MULTILINE)
    address_block = said.partition("Vedfolnir runs: ")[2]
    assert re.findall(r"reviewer +password: (\S+)", address_block) == [at_once]
    assert "superuser privileges" not in said
    assert "To connect it" not in said
    assert serving.get("/account/login/") == 200

    refused = live.manage("serve", "--demo", f"--port={free_port()}", f"--sandbox-port={free_port()}", status=1)
    assert f"runs already with the data in {live.folder} (process {serving.process.child.pid})" in refused

    (worker,) = [pid for pid in serving.pids() if "--queues=io" in command_of(pid) and os.getsid(pid) == pid]
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "worker was ended by SIGKILL" in serving.process.output(), "the crash to be noticed")
    wait_until(lambda: serving.process.output().count("io@") > 1, "the worker to start again")

    serving.process.child.send_signal(signal.SIGINT)
    assert serving.process.child.wait(timeout=30) == 0
    assert serving.pids() == set()
    said = serving.process.output()
    assert "unacknowledged" not in said
    assert "Discarding" not in said

    # A second start keeps the data and tells no password again.
    serving.start()
    serving.wait_until_it_runs()
    assert "password:" not in serving.process.output().replace("with the password that it has", "")
    # What it started goes with it, even when it cannot say so any more.
    serving.process.child.kill()
    serving.process.child.wait()
    with (live.folder / "serve.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it, though children may still be ending
    wait_until(lambda: not serving.pids(), "the children to end after their parent")


def test_a_port_that_is_taken_is_named_with_the_option_to_change_it(live: Installation) -> None:

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = live.manage("serve", "--demo", "--port", port, status=1)
        assert port in said
        assert "--port" in said
        said = live.manage("serve", "--demo", f"--port={free_port()}", "--sandbox-port", port, status=1)
        assert "--sandbox-port" in said


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
@pytest.mark.parametrize("port", ["99999", "0", "-1", "http"])
def test_a_port_that_there_is_not_is_refused_before_anything_starts(live: Installation, option: str, port: str) -> None:
    said = live.manage("serve", "--demo", f"{option}={port}", status=2)
    assert said.endswith(f"argument {option}: '{port}' is not a port. Use a number from 1 to 65535.\n")
    assert list(live.folder.iterdir()) == []


def test_the_page_and_the_sandbox_cannot_share_a_port(live: Installation) -> None:
    said = live.manage("serve", "--demo", "--port=8400", status=1)
    assert "The page and the sandbox cannot share port 8400. Choose another with --port or --sandbox-port." in said
    assert list(live.folder.iterdir()) == []


@pytest.mark.slow
def test_a_page_that_never_starts_ends_everything_with_a_clear_error(live: Installation) -> None:
    live.environment["GUNICORN_CMD_ARGS"] = "--nonsense"
    said = live.manage("serve", "--demo", f"--port={free_port()}", f"--sandbox-port={free_port()}", status=1)
    assert "unrecognized arguments: --nonsense" in said
    assert "The page did not start, so everything is stopped again; the lines of web above say why." in said
    assert "Vedfolnir runs" not in said
    assert re.search(r"reviewer +password: \S+", said)  # told once, and this was the time


def test_a_data_folder_serves_one_at_a_time(tmp_path: Path, settings: Settings) -> None:
    settings.DATA_DIR = tmp_path / "new"
    refused = pytest.raises(CommandError, match=f"runs already .* \\(process {os.getpid()}\\).*VEDFOLNIR_DATA_DIR")
    with readiness.alone(), refused, readiness.alone():
        pass
    with readiness.alone():
        pass


def test_without_migrations_it_says_what_to_run(live: Installation) -> None:
    assert "manage.py migrate" in live.manage("serve", f"--port={free_port()}", status=1)


# The supervisor by itself


def supervise(*children: Child, until: Callable[[str], bool]) -> str:
    """What the terminal shows until `until` holds for it, and after everything was stopped."""
    shown = StringIO()
    with Supervisor(Terminal(shown)) as supervisor:
        for child in children:
            supervisor.add(child)
        assert supervisor.wait_for(lambda: until(shown.getvalue()), 30), shown.getvalue()
    return shown.getvalue()


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_carry_the_name_of_who_said_them() -> None:
    said = supervise(
        Child("one", python("import time; print('hello', flush=True); time.sleep(60)")),
        until=lambda shown: "hello" in shown,
    )
    assert "one      | hello\n" in said
    assert "\033" not in said


def test_who_crashes_is_started_again_after_a_growing_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.serving.supervisor.DELAYS", (0.0, 1.0))
    prepared: list[Any] = []
    child = Child("one", python("print('up'); raise SystemExit(3)"), before_start=lambda: prepared.append(1))
    said = supervise(child, until=lambda shown: shown.count("up") >= 2 and shown.count("status 3") >= 2)
    assert "one ended with status 3; it starts again in 0 s." in said
    assert "one ended with status 3; it starts again in 1 s." in said
    assert len(prepared) >= 2


def test_who_does_not_listen_is_ended_with_all_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processing.serving.supervisor.STOP_SECONDS", 0.5)
    deaf = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('pids', os.getpid(), child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    said = supervise(Child("deaf", python(deaf)), until=lambda shown: "pids" in shown)
    assert "did not stop in time" in said
    for pid in re.findall(r"\d+", said.partition("pids")[2].partition("\n")[0]):
        wait_until(lambda pid=pid: is_gone(int(pid)), f"process {pid} to end")  # type: ignore[misc]


def is_gone(pid: int) -> bool:
    """Ended; as a zombie it waits only for somebody to look."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
