"""Orders to die or to stop at a named step: files in a folder, each taken by the one process that moves it away.

Standard library only: the comparator, which knows no Django, takes such orders too.
"""

import os
import signal
from pathlib import Path
from typing import NamedTuple, Self

KILL, STOP = "kill", "stop"


class Order(NamedTuple):
    """The next process that reaches `step` on a server of `family` is to end (KILL) or to stop (STOP)."""

    family: str
    step: str
    verb: str
    number: int  # tells equal orders apart

    @classmethod
    def named(cls, name: str) -> Self:
        family, step, verb, number = name.split("~")[:4]
        return cls(family, step, verb, int(number))

    def __str__(self) -> str:
        return "~".join(map(str, self))


def give(folder: Path, order: Order) -> None:
    """Let an order wait for whoever reaches its step."""
    for name in ("waiting", "taken"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "waiting" / str(order)).touch()


def take(folder: Path, family: str, step: str) -> None:
    """Carry out an order for this step, if there is one: the process then ends here, or sleeps until it is woken."""
    for path in sorted((folder / "waiting").glob(f"{family}~{step}~*")):
        try:
            path.rename(folder / "taken" / f"{path.name}~{os.getpid()}")
        except FileNotFoundError:  # another process was first
            continue
        os.kill(os.getpid(), signal.SIGKILL if Order.named(path.name).verb == KILL else signal.SIGSTOP)
        return


def taken(folder: Path) -> dict[Order, int]:
    """The orders that were carried out, and by which process."""
    return {Order.named(path.name): int(path.name.rpartition("~")[2]) for path in (folder / "taken").glob("*")}


def withdraw(folder: Path) -> None:
    """Take back what nobody has taken."""
    for path in (folder / "waiting").glob("*"):
        path.unlink(missing_ok=True)
