"""The processes that read strangers' pictures: they keep to their limits, and nothing that happens there harms us."""

import io
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from processing.preparation import PictureRefused, PreparationUnavailable, pool, prepare, wire
from processing.preparation.pool import Child, ChildDied, Pool
from processing.tests.pictures import encoded, gradient, noise

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="as Linux tells of processes in /proc")


@pytest.fixture
def children() -> Iterator[Pool]:
    own = Pool(most=2)
    yield own
    own.close()


def the_idle_one(children: Pool) -> Child:
    (child,) = children._idle
    return child


def dying(*signals: int, then: Callable[[Child, bytes], object] = Child.prepare) -> Callable[[Child, bytes], object]:
    """Instead of Child.prepare: one of `signals` each ends the process in the middle of the first pictures."""
    left = iter(signals)

    def prepare_or_die(child: Child, data: bytes) -> object:
        if (end := next(left, None)) is not None:
            os.kill(child.process.pid, end)
            child.process.wait()
        return then(child, data)

    return prepare_or_die


def test_it_gives_what_preparation_in_this_process_gives(children: Pool) -> None:
    frames = [noise(), gradient(), noise()]
    for data in (
        encoded(noise((2000, 1500)), "JPEG"),
        encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
    ):
        assert children.prepare(data) == prepare(data)


def test_a_refusal_comes_through_word_for_word_and_costs_no_process(children: Pool) -> None:
    children.prepare(encoded(gradient()))
    before = the_idle_one(children).process.pid
    with pytest.raises(PictureRefused, match=r"^The file is empty\.$"):
        children.prepare(b"")
    assert the_idle_one(children).process.pid == before


def test_a_process_is_used_again_and_ended_after_so_many_pictures() -> None:
    children = Pool(most=1, pictures=3)
    data, pids = encoded(gradient((20, 20))), []
    for _number in range(3):
        children.prepare(data)
        pids += [child.process.pid for child in children._idle]
    assert len(pids) == 2
    assert len(set(pids)) == 1
    assert children._idle == []


def test_a_crash_costs_the_picture_nothing_when_it_was_not_its_fault(
    children: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Child, "prepare", dying(signal.SIGSEGV))
    assert children.prepare(encoded(gradient())).width == 300


def test_a_picture_that_ends_two_processes_is_refused_and_the_next_one_is_prepared(
    children: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Child, "prepare", dying(signal.SIGSEGV, signal.SIGABRT))
    with pytest.raises(PictureRefused, match="ends the program that reads pictures"):
        children.prepare(encoded(gradient()))
    assert children.prepare(encoded(gradient())).width == 300


def test_a_picture_whose_processes_the_system_ended_waits_and_is_not_accused(
    children: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Child, "prepare", dying(signal.SIGKILL, signal.SIGKILL))
    with pytest.raises(PreparationUnavailable, match="ended by force"):
        children.prepare(encoded(gradient()))
    assert children.prepare(encoded(gradient())).width == 300


def test_a_picture_that_ended_one_process_itself_is_refused_though_another_was_ended_by_force(
    children: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Child, "prepare", dying(signal.SIGKILL, signal.SIGSEGV))
    with pytest.raises(PictureRefused, match="ends the program that reads pictures"):
        children.prepare(encoded(gradient()))


def test_a_process_that_died_between_pictures_is_replaced_without_a_word(children: Pool) -> None:
    children.prepare(encoded(gradient()))
    child = the_idle_one(children)
    child.process.kill()
    child.process.wait()
    assert children.prepare(encoded(gradient())).width == 300


def test_a_picture_that_takes_too_long_is_refused_and_its_process_is_no_more() -> None:
    children = Pool(most=1, seconds=0.05)
    with pytest.raises(PictureRefused, match="takes too long"):
        children.prepare(encoded(noise((2500, 2500)), "PNG", compress_level=1))
    assert children._idle == []


@on_linux
def test_a_picture_that_needs_more_memory_than_allowed_is_refused_and_the_next_one_is_prepared() -> None:
    children = Pool(most=1, memory=256 * 1024**2)
    big = encoded(gradient((40, 40)).resize((7000, 7000)).convert("RGBA"), "PNG", compress_level=1)
    with pytest.raises(PictureRefused, match=r"needs more memory than there is|ends the program"):
        children.prepare(big)
    assert children.prepare(encoded(gradient())).width == 300
    children.close()


def test_a_program_that_does_not_start_is_no_fault_of_the_picture(
    children: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(PreparationUnavailable, match="cannot be started"):
        children.prepare(encoded(gradient()))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(PreparationUnavailable, match="does not start"):
        children.prepare(encoded(gradient()))


def test_many_threads_share_few_processes(children: Pool) -> None:
    data, widths, most = encoded(noise((600, 400)), "JPEG"), list[int](), list[int]()

    def work() -> None:
        for _number in range(5):
            widths.append(children.prepare(data).width)
            most.append(len(children._idle))

    threads = [threading.Thread(target=work) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert widths == [600] * 30
    assert max(most) <= 2


@on_linux
def test_a_fork_does_not_talk_to_its_parents_process() -> None:
    data = encoded(gradient())
    pool.prepare(data)
    ours = {child.process.pid for child in pool._pool._idle}
    reading, writing = os.pipe()
    if not (fork := os.fork()):
        with suppress(BaseException):
            pool.prepare(data)
            theirs = {child.process.pid for child in pool._pool._idle}
            os.write(writing, b"apart" if not ours & theirs else b"shared")
            pool._pool.close()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        assert answer.read() == b"apart"
    os.waitpid(fork, 0)
    assert pool.prepare(data).width == 300


@on_linux
def test_it_knows_no_secret_and_no_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary-of-the-environment")
    child = Child()
    try:
        about = Path(f"/proc/{child.process.pid}")
        assert b"canary" not in (about / "environ").read_bytes()
        limits = (about / "limits").read_text()
        assert str(pool.MEMORY) in limits
    finally:
        child.end()
    listed = subprocess.run(
        [sys.executable, "-c", "import sys, processing.preparation.worker; print(*sys.modules)"],
        capture_output=True,
        check=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert "django" not in listed.stdout
    assert "celery" not in listed.stdout


@on_linux
def test_it_ends_with_its_parent_even_when_that_is_killed() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from processing.preparation.pool import Child; print(Child().process.pid, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    child = int(parent.stdout.readline())
    ended = os.pidfd_open(child)
    parent.kill()
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    assert select.select([ended], [], [], 10)[0]
    os.close(ended)


@pytest.mark.parametrize(
    ("facts", "parts"),
    [
        (None, [b"\xff\xd8\xff"]),
        ({"width": -1, "height": 1, "frames": 1, "format": "JPEG", "perceptual_hash": "0" * 16}, [b"\xff\xd8\xff"]),
        ({"width": 1, "height": 1, "frames": 1, "format": "EXE", "perceptual_hash": "0" * 16}, [b"\xff\xd8\xff"]),
        ({"width": 1, "height": 1, "frames": 1, "format": "JPEG", "perceptual_hash": "../../x"}, [b"\xff\xd8\xff"]),
        ({"width": 1, "height": 1, "frames": 1, "format": "JPEG", "perceptual_hash": "0" * 16}, [b"<script>"]),
        ({"width": 1, "height": 1, "frames": 1, "format": "JPEG", "perceptual_hash": "0" * 16}, []),
        ({"width": 1, "height": 1, "frames": 1, "format": "JPEG", "perceptual_hash": "0" * 16}, [b"\xff\xd8\xff"] * 4),
    ],
)
def test_what_a_process_that_was_taken_over_might_say_is_not_believed(facts: object, parts: list[bytes]) -> None:
    with pytest.raises(ChildDied):
        pool._prepared(facts, parts, "0" * 64)


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x04nope",
        b"\x00\x00\x00\x02{}",
        b'\x00\x00\x00\x10{"parts": [999]}',
        b'\x00\x00\x00\x0f{"parts": [-1]}',
        b"\x00\x00\x00\x02[]",
    ],
)
def test_what_is_no_message_is_told_apart(sent: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.receive(io.BytesIO(sent), 100)
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(b"\x00"), 100)
