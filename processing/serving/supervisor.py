"""Child processes: started, started again when they crash, and stopped with nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Self

from processing.serving.output import Terminal

STOP_SECONDS = 15.0  # from the polite signal to kill -9
TICK = 0.2
DELAYS = (1.0, 2.0, 5.0, 10.0, 30.0)  # before a crashed program starts again
STEADY = 60.0  # who ran so long has not crashed at its start


def nothing() -> None:
    """For those whose start needs no preparation."""


@dataclass
class Child:
    """A program in a session of its own. `before_start` runs before each start, when none of its processes is left."""

    name: str
    argv: Sequence[str]
    before_start: Callable[[], object] = nothing
    crashes: int = 0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0  # when to start (again), by the monotonic clock
    relay: threading.Thread | None = field(default=None, repr=False)

    def start(self, terminal: Terminal) -> None:
        """Must be called from the main thread: the child ends with the thread that made it."""
        self.before_start()
        launcher = [sys.executable, "-m", "processing.serving.launch", str(os.getpid())]
        self.process = subprocess.Popen(
            [*launcher, *self.argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started = time.monotonic()
        assert self.process.stdout is not None  # noqa: S101  (asked for above)
        self.relay = terminal.relay(self.name, self.process.stdout)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def clear(self) -> None:
        """Kill whatever is left of its session, and forget it."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        if self.relay is not None:
            self.relay.join(timeout=1)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


class Supervisor:
    """Runs children until it is asked to stop, by Ctrl-C, SIGTERM or `stop()`."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.children: list[Child] = []
        self._asked = threading.Event()
        self._impatient = False

    def __enter__(self) -> Self:
        self._previous = {each: signal.signal(each, self._on_signal) for each in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_all()
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def add(self, child: Child) -> Child:
        """Start a program and look after it from now on."""
        self.children.append(child)
        child.start(self.terminal)
        return child

    def stop(self) -> None:
        self._asked.set()

    @property
    def is_asked_to_stop(self) -> bool:
        return self._asked.is_set()

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Look after the children until `condition` holds; False if it never did, or somebody asked to stop."""
        give_up = time.monotonic() + seconds
        while not self._asked.is_set() and time.monotonic() < give_up:
            if condition():
                return True
            self._look_after()
            self._asked.wait(TICK)
        return False

    def run(self) -> None:
        """Look after the children until somebody asks to stop."""
        while not self._asked.wait(TICK):
            self._look_after()

    def _look_after(self) -> None:
        for child in self.children:
            if child.is_running:
                continue
            if child.process is not None:
                self._note_crash(child)
            elif time.monotonic() >= child.due:
                child.start(self.terminal)

    def _note_crash(self, child: Child) -> None:
        assert child.process is not None  # noqa: S101  (the caller looked)
        how = _describe_status(child.process.returncode)
        if time.monotonic() - child.started > STEADY:
            child.crashes = 0
        delay = DELAYS[min(child.crashes, len(DELAYS) - 1)]
        child.crashes += 1
        child.clear()
        child.due = time.monotonic() + delay
        self.terminal.say("serve", f"{child.name} {how}; it starts again in {delay:.0f} s.")

    def _stop_all(self) -> None:
        running = [child for child in self.children if child.is_running]
        if running:
            self.terminal.say("serve", f"Stopping {', '.join(child.name for child in running)} …")
        for child in running:
            child.ask_to_stop()
        give_up = time.monotonic() + STOP_SECONDS
        while any(child.is_running for child in running) and time.monotonic() < give_up and not self._impatient:
            time.sleep(TICK / 4)
        for child in running:
            if child.is_running:
                self.terminal.say("serve", f"{child.name} did not stop in time and was ended.")
        for child in self.children:
            child.clear()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        # Asked twice: whoever presses Ctrl-C again does not want to wait. What is held falls due again by itself.
        self._impatient = self._asked.is_set()
        self._asked.set()


def _describe_status(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
