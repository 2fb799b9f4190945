"""python -m benchmarks NAME [--json] [--scale N]: one line per figure (name, value, floor, ratio, target).

The floor is what a comparator came to in the same run. Exits with 1 when a target is missed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence

from benchmarks import chaos, memory, preparation
from benchmarks.figures import HEADING, Figure
from scripts import services

Benchmark = Callable[[float, Callable[[str], None]], list[Figure]]
BENCHMARKS: Mapping[str, tuple[str, Benchmark]] = {
    "chaos": ("workers killed and stopped at every step of publishing, on every server family", chaos.run),
    "memory": ("the same and similar pictures found among a million that were approved", memory.run),
    "preparation": ("a picture of 12 megapixels prepared, against decoding it", preparation.run),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", metavar="NAME", help=f"{', '.join(BENCHMARKS)}, all, or list (says what there is)")
    parser.add_argument("--json", action="store_true", help="print a list of objects and nothing else")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the usual work to do (1)")
    options = parser.parse_args(arguments)
    if options.name == "list":
        print("\n".join(f"{name:10}{what}" for name, (what, _run) in BENCHMARKS.items()))
        return 0
    if options.name != "all" and options.name not in BENCHMARKS:
        parser.error(f"there is no {options.name}. There is: {', '.join(BENCHMARKS)}")
    if options.scale <= 0:
        parser.error("--scale must be more than 0")
    services.end_on_signals()
    chosen = list(BENCHMARKS) if options.name == "all" else [options.name]
    figures = [figure for name in chosen for figure in BENCHMARKS[name][1](options.scale, _say)]
    if options.json:
        print(json.dumps([figure.as_json() for figure in figures], indent=1))
    else:
        print("\n".join([HEADING, *(figure.as_line() for figure in figures)]))
    return 0 if all(figure.ok for figure in figures) else 1


def _say(text: str) -> None:
    """What happens meanwhile goes where it does not mix with the figures."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
