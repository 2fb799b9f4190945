"""Real processes that want one engine at the same time: its places and its breaker are the same for all of them."""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from vedfolnir.tests.live import Installation, Process, installation, wait_until

pytestmark = pytest.mark.slow

WORKERS, PLACES, CALLS = 4, 2, 12
AT_THE_GATE = """
import fcntl
from datetime import timedelta
import requests
from processing import engine_slots, stopping
from processing.engine_breaker import EngineBreaker
print("ready", flush=True)
with open({gate!r}) as gate:
    fcntl.flock(gate, fcntl.LOCK_SH)
"""
CALL = """
def call(lease):
    while True:
        try:
            with engine_slots.place("ollama", timedelta(seconds=lease)):
                return requests.get({url!r}, timeout=60).text
        except engine_slots.NoPlace:
            stopping.pause(0.01)
"""
WORK = """
for number in range({calls}):
    call(300)
print("done")
"""
HOLD = "call(2)"  # seconds
NEXT = "print('got', call(300))"
PROBE = """
from time import time
from unittest import mock
with mock.patch("processing.engine_breaker.time", lambda: time() + 20):
    print("waits", EngineBreaker("ollama", timedelta(minutes=10)).enter())
"""
FAIL = """
from datetime import timedelta
from processing.engine_breaker import EngineBreaker
breaker = EngineBreaker("ollama", timedelta(minutes=10))
assert breaker.enter() == 0
breaker.failed()
"""
LOOK = """
from datetime import timedelta
from processing.engine_breaker import EngineBreaker
print("rests", EngineBreaker("ollama", timedelta(minutes=10)).wait() > 0)
"""

both = pytest.mark.parametrize(
    "services", [False, pytest.param(True, marks=pytest.mark.services)], ids=["embedded", "services"]
)


class Counted:
    """A server that counts how many ask it at the same time, and that holds its answers back on demand."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/call")
        self.now = self.most = self.calls = 0
        self.hold = threading.Event()  # set: answers wait for `go_on`
        self.go_on = threading.Event()
        self._lock = threading.Lock()
        server.expect_request("/call").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        with self._lock:
            self.now, self.calls = self.now + 1, self.calls + 1
            self.most = max(self.most, self.now)
        threading.Event().wait(0.03)  # what a model takes
        if self.hold.is_set():
            self.go_on.wait(60)
        with self._lock:
            self.now -= 1
        return Response("answer")


@pytest.fixture
def counted() -> Iterator[Counted]:
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        counted = Counted(server)
        yield counted
        counted.go_on.set()


@pytest.fixture
def live(tmp_path: Path, services: bool) -> Iterator[Installation]:
    with installation(tmp_path, services=services) as live:
        live.environment["ENGINE_PLACES"] = f"ollama={PLACES}"
        live.manage("migrate", "--no-input")
        yield live


@contextmanager
def at_once(live: Installation, *scripts: str) -> Iterator[list[Process]]:
    """The scripts, each in a process of its own; they begin together when the block ends."""
    gate = live.folder / "gate"
    with gate.open("w") as closed:
        fcntl.flock(closed, fcntl.LOCK_EX)
        begun = [AT_THE_GATE.format(gate=str(gate)) + script for script in scripts]
        processes = [live.start("worker", "manage.py", "shell", "-c", script) for script in begun]
        for process in processes:
            wait_until(partial(is_ready, process), "a worker to be ready")
        yield processes


def is_ready(process: Process) -> bool:
    return "ready" in process.output()


@both
def test_processes_together_never_have_more_than_the_places(live: Installation, counted: Counted) -> None:
    script = CALL.format(url=counted.url) + WORK.format(calls=CALLS)
    with at_once(live, *[script] * WORKERS) as workers:
        pass
    for worker in workers:
        assert worker.child.wait(90) == 0, worker.output()
    assert counted.calls == WORKERS * CALLS
    assert counted.most == PLACES
    assert live.value("SELECT COUNT(*) FROM engine_slots WHERE holder <> ''") == 0


@both
def test_the_places_of_killed_processes_are_free_when_their_time_is_over(live: Installation, counted: Counted) -> None:
    counted.hold.set()
    with at_once(live, *[CALL.format(url=counted.url) + HOLD] * PLACES) as holders:
        pass
    wait_until(lambda: counted.now == PLACES, "all places to be taken")
    for holder in holders:
        holder.kill()
    assert live.value("SELECT COUNT(*) FROM engine_slots WHERE holder <> ''") == PLACES
    counted.hold.clear()
    with at_once(live, CALL.format(url=counted.url) + NEXT) as (other,):
        pass
    assert other.child.wait(60) == 0, other.output()
    assert "got answer" in other.output()


@both
def test_an_outage_that_one_process_saw_is_known_to_all_and_one_of_them_tries_again(live: Installation) -> None:
    live.manage("shell", "-c", FAIL)
    assert "rests True" in live.manage("shell", "-c", LOOK)
    with at_once(live, *[PROBE] * WORKERS) as workers:
        pass
    for worker in workers:
        assert worker.child.wait(60) == 0, worker.output()
    assert sum("waits 0.0" in worker.output() for worker in workers) == 1
