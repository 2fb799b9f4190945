"""Fetching real snac servers: kept between runs, signatures checked, a clear word where it cannot be done."""

import errno
import platform
import shutil
from pathlib import Path

import pytest

from scripts import checks, snac

KEYRING = next((one for one in snac.KEYRINGS if Path(one).is_file()), "")
on_debian = pytest.mark.skipif(not (KEYRING and shutil.which("apt-get")), reason="needs Debian's apt and keyring")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VEDFOLNIR_TEST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_was_fetched_once_is_not_asked_for_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cache / "snac" / f"2.96-{platform.machine()}"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "ld-linux-x86-64.so.2").touch()
    monkeypatch.setenv("PATH", "/nonexistent")  # no apt-get
    assert snac.fetch("2.96") == folder
    words = [str(folder / "lib" / "ld-linux-x86-64.so.2"), "--library-path", str(folder / "lib"), str(folder / "snac")]
    assert snac.command("2.96") == words


def test_a_machine_without_apt_is_told_so_and_tests_repeat_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    outcome = snac.fetch_all()
    assert set(outcome) == {"2.75", "2.96"}
    for version, why in outcome.items():
        assert "this is not Debian" in why or "keyring is missing" in why
        with pytest.raises(snac.SnacMissing, match=f"^snac {version} is not here: ") as caught:
            snac.command(version)
        assert why in str(caught.value)


def test_a_full_disk_is_what_tests_repeat_too(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(version: str, work: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(work))

    monkeypatch.setattr(snac, "_unpacked", full)
    for ask in (snac.fetch, snac.command):
        with pytest.raises(snac.SnacMissing, match="No space left on device"):
            ask("2.96")


def test_a_cache_that_cannot_be_made_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("VEDFOLNIR_TEST_CACHE", str(tmp_path / "file"))
    with pytest.raises(snac.SnacMissing, match=r"Not a directory|File exists"):
        snac.fetch("2.96")


def test_what_was_not_fetched_yet_says_how_to(cache: Path) -> None:
    with pytest.raises(snac.SnacMissing, match=r"it was not fetched yet \(scripts/test and `python -m scripts\.snac`"):
        snac.command("2.75")


@on_debian
def test_a_mirror_whose_lists_are_not_signed_is_refused(tmp_path: Path) -> None:
    release = tmp_path / "mirror" / "dists" / "trixie"
    release.mkdir(parents=True)
    (release / "Release").write_text("Origin: Somebody\nSuite: trixie\nComponents: main\n", encoding="utf-8")
    with pytest.raises(snac.SnacMissing, match=r"not signed|no Release file"):
        snac.download("2.96", f"file:{tmp_path}/mirror", ["trixie"], KEYRING, tmp_path / "work")
    assert list((tmp_path / "work" / "cache" / "archives").glob("*.deb")) == []


def test_an_unknown_key_is_explained() -> None:
    said = "W: GPG error: The following signatures couldn't be verified: NO_PUBKEY 6ED0E7B82643E131\n"
    assert "apt-get install debian-archive-keyring" in snac._why("apt-get", said)


REPORT = """<testsuites><testsuite tests="5" failures="0" errors="0" skipped="2">
<testcase classname="platforms.tests.test_real_snac" name="test_one[snac-2.96]"/>
<testcase classname="processing.tests.test_way.Snac296Tests" name="test_two"/>
<testcase classname="platforms.tests.test_real_snac" name="test[snac-2.75]"><skipped message="no network"/></testcase>
<testcase classname="processing.tests.test_way.Snac275Tests" name="test_two"><skipped message="other"/></testcase>
<testcase classname="platforms.tests.test_other" name="test_three"/>
</testsuite></testsuites>"""


def test_the_report_says_which_real_servers_were_spoken_to_and_why_not(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    assert checks.real_servers(report) == {
        "snac 2.75": "none of its 2 tests ran: no network",
        "snac 2.96": "2 tests ran",
    }
    assert checks.real_servers(tmp_path / "none.xml") == {}
