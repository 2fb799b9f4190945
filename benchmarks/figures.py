"""One measured figure, as a line for people or an object for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`floor` is what a comparator came to in the same run; None where there is none. `target` is the most allowed."""

    name: str
    value: float
    target: float
    floor: float | None = None

    @property
    def ok(self) -> bool:
        return self.value <= self.target

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": self.value,
            "floor": self.floor,
            "ratio": self.ratio,
            "target": self.target,
            "ok": self.ok,
        }

    def as_line(self) -> str:
        cells = [_number(one) for one in (self.value, self.floor, self.ratio, self.target)]
        return f"{self.name:44}" + "".join(f"{cell:>9}" for cell in cells) + ("" if self.ok else "  MISSED")


HEADING = f"{'name':44}" + "".join(f"{word:>9}" for word in ("value", "floor", "ratio", "target"))


def table(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as what stands in them, the first one to the left."""
    cells = [list(map(str, row)) for row in (heading, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heading))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(one.rjust(wide) for one, wide in zip(row[1:], widths[1:], strict=True))])
        for row in cells
    )


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}" if number < 1000 else f"{number:.0f}"
