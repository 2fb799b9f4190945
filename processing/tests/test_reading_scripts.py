"""Sixty pictures of text in six scripts: what is quoted is right, and what cannot be read is said to be there."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pytest

from processing.engines.base import EngineRequest
from processing.engines.basic import BasicEngine, ocr
from processing.engines.basic import tesseract as tesseract_module
from processing.engines.basic.ocr import Found
from processing.engines.basic.tesseract import PACKS, missing_scripts, packs
from processing.examining import examine
from processing.tests.script_pictures import FONTS, TEXTS, TextPicture, text_pictures
from vedfolnir.lib.text import clean_alt_text
from vedfolnir.tests.figures import tell

OWN = ("Latin", "Japanese")  # read by the models in the wheel
OTHERS = ("Cyrillic", "Greek", "Arabic", "Korean")

_absent = [str(font) for fonts in FONTS.values() for font in fonts if not font.is_file()]
needs_fonts = pytest.mark.skipif(bool(_absent), reason=f"fonts that scripts/test installs are missing: {_absent[:1]}")
needs_packs = pytest.mark.skipif(
    not set(OTHERS) <= {PACKS[pack] for pack in packs()}, reason="tesseract or packs of scripts/test are missing"
)
pytestmark = [pytest.mark.slow, needs_fonts]


@dataclass(frozen=True)
class Result:
    """What was quoted of one picture, how many of its letters were wrong, and the seconds it took."""

    picture: TextPicture
    quoted: str
    wrong: int
    seconds: float


@pytest.fixture(scope="module", autouse=True)
def found() -> Iterator[dict[bytes, list[Found]]]:
    """The lines of each picture are found once: what tests change is what tesseract may do with them."""
    read, known = ocr._Reader.read, dict[bytes, list[Found]]()

    def read_once(reader: ocr._Reader, rgb: npt.NDArray[np.uint8]) -> list[Found]:
        key = hashlib.sha256(rgb.tobytes()).digest()
        if key not in known:
            known[key] = read(reader, rgb)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ocr._Reader, "read", read_once)
        yield known


@cache
def pictures(script: str) -> tuple[TextPicture, ...]:
    return tuple(text_pictures(script))


def read(picture: TextPicture) -> Result:
    started = perf_counter()
    quoted = folded(examine(picture.picture).visible_text)
    return Result(picture, quoted, distance(quoted, folded(picture.text)), perf_counter() - started)


def folded(text: str) -> str:
    """NFC, and every run of white space as one blank."""
    return " ".join(clean_alt_text(text).split())


def distance(one: str, other: str) -> int:
    """The fewest insertions, deletions and replacements that make `other` of `one`."""
    row = list(range(len(other) + 1))
    for number, left in enumerate(one, start=1):
        before, row[0] = row[0], number
        for place, right in enumerate(other, start=1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (left != right))
    return row[-1]


def row(name: str, results: list[Result]) -> str:
    quoted = [result for result in results if result.quoted]
    seconds = median(result.seconds for result in results)
    share = f"{error_rate(results):.1%}" if quoted else "-"
    return f"  {name:<9} quoted {len(quoted):>2}/{len(results)}   wrong characters {share:>5}   median {seconds:.2f} s"


def error_rate(results: list[Result]) -> float:
    """Wrong characters of the pictures that are quoted, a line left out being wrong as a whole."""
    quoted = [result for result in results if result.quoted]
    return sum(result.wrong for result in quoted) / sum(len(folded(result.picture.text)) for result in quoted)


@needs_packs
def test_with_the_packs_six_scripts_are_quoted_and_right(
    request: pytest.FixtureRequest, found: dict[bytes, list[Found]]
) -> None:
    examine(pictures("Latin")[0].picture)  # loads the models
    found.clear()  # for the seconds of a whole reading
    results = {script: [read(picture) for picture in pictures(script)] for script in TEXTS}
    everything = [result for each in results.values() for result in each]
    table = [row(script, each) for script, each in results.items()]
    tell(request, "Text in pictures, with tesseract's packs", *table, row("all", everything))
    assert len(everything) == 60
    for each in (*results.values(), everything):
        assert sum(bool(result.quoted) for result in each) >= 0.9 * len(each)
        assert error_rate(each) <= 0.05


@pytest.fixture(params=["no tesseract", "no packs"])
def without_packs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "no tesseract":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        tool = shutil.which("tesseract")
        if tool is None:
            pytest.skip("tesseract is not installed")
        monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    return str(request.param)


def test_without_packs_it_says_that_there_is_text_and_quotes_nothing(
    without_packs: str, request: pytest.FixtureRequest
) -> None:
    table = []
    for script in OTHERS:
        said = [examine(picture.picture) for picture in pictures(script)]
        table.append(f"  {script:<9} {sum(bool(each.unreadable) for each in said)}/{len(said)} said to hold text")
        assert [each.visible_text for each in said] == [""] * len(said)
        assert all(each.unreadable in {("unknown",), (script,)} for each in said)
        assert not any(each.proposed_decorative for each in said)
    tell(request, f"Text in pictures, {without_packs}", *table)
    assert packs() == ()
    assert set(missing_scripts()) == set(PACKS.values())


def test_without_packs_the_own_scripts_are_read_all_the_same(without_packs: str) -> None:
    for script in OWN:
        results = [read(picture) for picture in pictures(script)]
        assert all(result.quoted for result in results)
        assert error_rate(results) <= 0.05


@needs_packs
def test_a_script_whose_pack_alone_is_missing_is_named_and_not_guessed(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    installed = packs()
    table = []
    for script in OTHERS:
        others = tuple(pack for pack in installed if PACKS[pack] != script)
        monkeypatch.setattr("processing.engines.basic.scripts.packs", lambda others=others: others)
        said = [examine(picture.picture) for picture in pictures(script)]
        named = sum(each.unreadable == (script,) for each in said)
        table.append(f"  {script:<9} named in {named}/{len(said)}, else unknown")
        assert [each.visible_text for each in said] == [""] * len(said)
        assert all(each.unreadable in {("unknown",), (script,)} for each in said)
        assert named >= 4
    tell(request, "Text in pictures whose script has no pack", *table)


@needs_packs
def test_the_description_quotes_arabic_in_the_order_in_which_it_is_read() -> None:
    picture = next(picture for picture in pictures("Arabic") if picture.way == "two lines")
    answer = BasicEngine().describe(picture.picture, EngineRequest())
    assert answer.visible_text == "القطار إلى القاهرة يغادر بعد ساعة"
    assert answer.text == f"Text on a white background: “{answer.visible_text}”."


def test_what_was_examined_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = pictures("Latin")[0].picture
    engine, examined = BasicEngine(), examine(picture)
    again = engine.describe(picture, EngineRequest())
    monkeypatch.setattr("processing.engines.basic.seeing.read", None)
    assert engine.describe(picture, EngineRequest(examined=examined)).text == again.text


@needs_packs
def test_a_tesseract_that_hangs_is_stopped_and_reads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "tesseract"
    hanging.write_text('#!/bin/sh\ncase "$1" in --list-langs) echo rus;; *) exec /bin/sleep 60;; esac\n')
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tesseract_module, "TIME_LIMIT", 0.2)
    examined = examine(pictures("Cyrillic")[0].picture)
    assert (examined.visible_text, examined.unreadable) == ("", ("unknown",))
