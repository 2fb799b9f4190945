"""The benchmark of preparation says what it promises to; how long anything takes is not asked here."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_it_compares_with_decoding_alone_in_the_shape_of_all_benchmarks() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "preparation", "--json", "--scale", "0.02"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode in (0, 1), run.stderr
    figures = json.loads(run.stdout)
    assert [figure["name"] for figure in figures] == [
        "preparation, ms (decode at its scale)",
        "preparation, ms (decode)",
    ]
    for figure in figures:
        assert set(figure) == {"name", "value", "floor", "ratio", "target", "ok"}
        assert figure["value"] > 0
        assert figure["target"] == figure["floor"] * 1.3
    assert run.returncode == (0 if all(figure["ok"] for figure in figures) else 1)
