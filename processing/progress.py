"""What a page knows of a task's progress, and what of it is worth saying aloud."""

from dataclasses import dataclass
from typing import Self
from zlib import crc32

from processing.models import CaptionGenerationTask


@dataclass(frozen=True)
class Seen:
    """The state that a page shows; `str()` is its form in an address."""

    status: str
    percent: int
    step: str  # a digest of the words

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for anything that is not a state: then everything is news."""
        parts = text.split("-")
        if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdecimal() and len(parts[1]) <= 3):
            return None
        return cls(parts[0], int(parts[1]), parts[2])

    def __str__(self) -> str:
        return f"{self.status}-{self.percent}-{self.step}"


@dataclass(frozen=True)
class Progress:
    seen: Seen
    moves: bool  # ask again

    @classmethod
    def of(cls, task: CaptionGenerationTask) -> Self:
        words = f"{task.current_step} {task.error_message}"
        seen = Seen(task.status, task.progress_percent, f"{crc32(words.encode()):x}")
        return cls(seen, task.is_active)

    def is_news_after(self, seen: Seen | None) -> bool:
        """Whether a screen reader should say it: another status, or another ten percent."""
        if seen is None or seen.status != self.seen.status:
            return True
        return seen.percent // 10 != self.seen.percent // 10
