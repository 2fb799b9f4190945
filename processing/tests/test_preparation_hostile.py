"""Every file that is made to do harm is refused, or becomes a harmless picture, within the limits of its process."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest
from PIL import Image

from processing.preparation import PictureRefused, PreparedImage
from processing.preparation.pool import MEMORY, Child, Pool
from processing.tests.hostile import CORPUS, EITHER, PREPARED, REFUSED, Hostile
from processing.tests.pictures import encoded, gradient

MIB = 1024**2
LONGEST = 60.0  # seconds for any of them, on a busy machine; alone they take up to three


@pytest.fixture(scope="module")
def children() -> Iterator[Pool]:
    """One process for all of them: what one leaves behind would show in the next."""
    one = Pool(most=1, seconds=LONGEST)
    one.prepare(encoded(gradient()))
    yield one
    one.close()


def peak(child: Child) -> int:
    """Bytes of memory that the process has ever had at once; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    told = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{child.process.pid}/status").read_text())
    assert told is not None
    return int(told.group(1)) * 1024


def forget_peak(child: Child) -> None:
    if sys.platform == "linux":
        Path(f"/proc/{child.process.pid}/clear_refs").write_text("5")


def outcome(children: Pool, data: bytes) -> PreparedImage | str:
    try:
        return children.prepare(data)
    except PictureRefused as error:
        return error.reason


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_it_does_no_harm(children: Pool, file: Hostile, capsys: pytest.CaptureFixture[str]) -> None:
    data = file.make()
    (child,) = children._idle
    forget_peak(child)
    started = perf_counter()
    came_of_it = outcome(children, data)
    seconds = perf_counter() - started
    most = peak(child)
    with capsys.disabled():
        said = came_of_it if isinstance(came_of_it, str) else f"prepared, {came_of_it.frames} frame(s)"
        print(f"\n{file.name:50} {len(data):>9,} B {seconds:6.2f} s {most / MIB:6.0f} MiB  {said}", end="")  # noqa: T201

    assert children._idle == [child]
    assert most < MEMORY
    assert "takes too long" not in str(came_of_it)
    if isinstance(came_of_it, str):
        assert file.becomes in (REFUSED, EITHER)
        assert file.says in came_of_it
        assert "\n" not in came_of_it
    else:
        assert file.becomes in (PREPARED, EITHER)
        only_ours(came_of_it)
    assert children.prepare(encoded(gradient())).width == 300


def only_ours(prepared: PreparedImage) -> None:
    """What goes on are JPEGs that we wrote, with nothing of the file but what is seen."""
    for jpeg in (prepared.jpeg, *prepared.more_frames):
        with Image.open(io.BytesIO(jpeg)) as image:
            image.load()
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert max(image.size) <= 1024
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        for marker in (b"<script", b"<?php", b"PK\x03\x04", b"Exif", b"ICC_PROFILE"):
            assert marker not in jpeg


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no limit of address space that holds")
def test_the_system_keeps_the_process_to_its_memory(children: Pool) -> None:
    assert children._idle[0].is_limited
