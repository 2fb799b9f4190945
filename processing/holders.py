"""Names for what holds something by a lease, from which its own machine can tell whether it is still there.

A name is "MACHINE:PID:START:RANDOM". Who is killed cannot let go; whoever starts next on the same machine can.
"""

import hashlib
import os
import secrets
import socket
from pathlib import Path

_DEAD = frozenset("ZX")  # states in /proc of a process that has ended


def new() -> str:
    """A name for something that this process holds, never the same twice; at most 36 characters."""
    pid = os.getpid()
    return f"{_machine()}:{pid}:{_started(pid)}:{secrets.token_hex(4)}"


def is_alive(holder: str) -> bool | None:
    """Whether the process that took the name still runs; None where this machine cannot know."""
    machine, _, rest = holder.partition(":")
    pid, _, rest = rest.partition(":")
    started, _, _ = rest.partition(":")
    if machine != _machine() or not pid.isdecimal() or not started.isdecimal():
        return None
    return _started(int(pid)) == started


def is_gone(holder: str, *, alone: bool) -> bool:
    """Whether what it holds can be taken from it; `alone`: whoever is not known to live is dead."""
    known = is_alive(holder)
    return not known if alone else known is False


def _machine() -> str:
    """The same for all who see the same processes: a container that was started anew does not see those before."""
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        processes = ""
    return hashlib.sha256(f"{socket.gethostname()} {processes}".encode()).hexdigest()[:6]


def _started(pid: int) -> str:
    """When a process began, in ticks since the machine did, as Linux says; empty if it has ended, or nobody says.

    A number is given again to another process; both together are not.
    """
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = said.rpartition(")")[2].split()  # after the program's name, which may hold anything
    return "" if fields[0] in _DEAD else fields[19]
