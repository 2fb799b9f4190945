"""What scripts/run and scripts/test stand on: secrets made once, services that end with their owner, exact pins."""

import os
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.healthcheck import check_beat
from scripts.make_env import KeyLost, make_env

ROOT = Path(settings.BASE_DIR)
DEV, LOCAL, MODELS = (
    ("requirements.txt", "requirements-dev.txt"),
    ("requirements-local.txt",),
    ("requirements-models.txt",),
)
PINNED_BY_TORCH = ("nvidia-", "cuda-", "triton")  # of its build for graphics cards
SERVICES = [sys.executable, "scripts/services.py", "run", "redis", "--"]


def test_secrets_are_written_once_and_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    assert make_env(folder)
    first = (folder / "env").read_text(encoding="utf-8")
    assert not make_env(folder)
    assert (folder / "env").read_text(encoding="utf-8") == first
    assert stat.S_IMODE((folder / "env").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["env"]


def test_vedfolnir_starts_with_the_secrets_that_were_made(tmp_path: Path) -> None:
    make_env(tmp_path)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    check = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        check, cwd=ROOT, env=kept | {"VEDFOLNIR_DATA_DIR": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_data_without_its_key_is_an_error_and_never_a_new_key(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").touch()
    with pytest.raises(KeyLost, match="Restore that file from your backup"):
        make_env(tmp_path)
    assert not (tmp_path / "env").exists()


def test_a_command_beside_services_gets_their_address_and_keeps_its_exit_status() -> None:
    done = subprocess.run(
        [*SERVICES, "sh", "-c", 'echo "$REDIS_URL"; exit 7'], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 7
    assert re.fullmatch(r"redis://:\S+@127\.0\.0\.1:\d+/0\n", done.stdout)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_services_end_with_the_process_that_started_them(number: signal.Signals) -> None:
    command = [*SERVICES, "sh", "-c", "echo; exec cat"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"TMPDIR": _scratch()}
    ) as owner:
        assert owner.stdin
        assert owner.stdout
        owner.stdout.readline()
        children = _children(owner.pid)
        assert any("redis-server" in name for name in children.values())
        owner.send_signal(number)
        owner.stdin.close()
        owner.wait(20)
        owner.stdout.read()
    for child in children:
        _wait_until_gone(child)


def _scratch() -> str:
    """Where a killed owner may leave its files: within the data of this test run."""
    folder = Path(settings.DATA_DIR) / "scratch"
    folder.mkdir(exist_ok=True)
    return tempfile.mkdtemp(dir=folder)


def _children(pid: int) -> dict[int, str]:
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=True)
    return {
        int(number): name
        for number, _blank, name in (line.strip().partition(" ") for line in listed.stdout.splitlines())
    }


def _wait_until_gone(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(handle):
        ended, _, _ = select.select([handle], [], [], 20)
    assert ended, f"process {pid} still runs"


def test_a_scheduler_that_stopped_writing_is_unwell(tmp_path: Path) -> None:
    schedule = tmp_path / "beat"
    assert "was not written" in check_beat(str(schedule))
    written = tmp_path / "beat.db"
    written.touch()
    assert check_beat(str(schedule)) == ""
    os.utime(written, (1, 1))
    assert "was not written" in check_beat(str(schedule))


def pins(*names: str) -> Iterator[Requirement]:
    for name in names:
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r")):
                yield Requirement(line.partition(" #")[0])


def test_every_requirement_is_pinned_exactly() -> None:
    loose = [str(pin) for pin in pins(*DEV, *LOCAL, *MODELS) if not re.match(r"==\d", str(pin.specifier))]
    assert loose == []


@pytest.mark.parametrize("names", [DEV[:1], DEV, (*DEV[:1], *LOCAL), (*DEV[:1], *LOCAL, *MODELS)])
def test_what_the_requirements_bring_along_is_pinned_too(names: tuple[str, ...]) -> None:
    if names[-1] in (*LOCAL, *MODELS) and find_spec("torch") is None:
        pytest.skip("the packages of requirements-models.txt are not installed; scripts/test does it")
    pinned = {canonicalize_name(pin.name) for pin in pins(*names)}
    waiting = [(pin.name, extra) for pin in pins(*names) for extra in ["", *pin.extras] if _applies(pin)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        for needed in map(Requirement, distribution(name).requires or []):
            if _applies(needed, extra):
                waiting += [(needed.name, wanted) for wanted in ["", *needed.extras]]
    unpinned = {canonicalize_name(name) for name, _extra in seen} - pinned
    assert {name for name in unpinned if not name.startswith(PINNED_BY_TORCH)} == set()


def test_one_package_has_one_version_in_all_lists() -> None:
    versions: dict[str, set[str]] = {}
    for pin in pins(*DEV, *LOCAL, *MODELS):
        versions.setdefault(canonicalize_name(pin.name), set()).add(str(pin.specifier))
    assert {name: said for name, said in versions.items() if len(said) > 1} == {}


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


@pytest.mark.parametrize("name", ["run", "test", "setup.sh"])
def test_bash_understands_the_script(name: str) -> None:
    subprocess.run(["bash", "-n", f"scripts/{name}"], cwd=ROOT, check=True)


def test_a_python_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHON": "/nonexistent", "VEDFOLNIR_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        ["bash", "scripts/run", "--setup-only"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("PYTHON names /nonexistent, which is no Python 3.11 or newer that can be run.")
    assert list(tmp_path.iterdir()) == []


def test_a_test_run_keeps_away_from_the_data_of_this_copy() -> None:
    assert not Path(settings.DATA_DIR).is_relative_to(ROOT)
    assert not Path(settings.MEDIA_ROOT).is_relative_to(ROOT)
