"""What several programs say, as lines of one terminal: each with its name before it."""

import sys
import threading
from collections.abc import Iterable
from typing import IO, TextIO

COLOURS = (36, 33, 35, 32, 34)  # ANSI: cyan, yellow, magenta, green, blue
WIDTH = 8


class Terminal:
    """Writes whole lines, one at a time, with colour only where a person looks."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._colours: dict[str, int] = {}

    def say(self, name: str, line: str) -> None:
        with self._lock:
            self._stream.write(f"{self._prefix(name)} {line}\n")
            self._stream.flush()

    def relay(self, name: str, source: IO[bytes]) -> threading.Thread:
        """Pass on what `source` says until its end, in a thread of its own."""
        thread = threading.Thread(target=self._relay, args=(name, source), name=f"output of {name}", daemon=True)
        thread.start()
        return thread

    def _relay(self, name: str, source: Iterable[bytes]) -> None:
        for line in source:
            if text := line.decode(errors="replace").rstrip():
                self.say(name, text)

    def _prefix(self, name: str) -> str:
        if not self._stream.isatty():
            return f"{name:<{WIDTH}} |"
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\033[{colour}m{name:<{WIDTH}} |\033[0m"
