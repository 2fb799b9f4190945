"""Real snac servers for tests: Debian's packages unpacked beside the system; nothing is installed, root is not needed.

    python -m scripts.snac

fetches the versions that are missing into the cache of the person who runs it (VEDFOLNIR_TEST_CACHE, else
~/.cache/vedfolnir), where they survive, and says which are there. `command(version)` is how to run one.

apt does the work, with lists, cache and package status of its own in a temporary folder: it takes the mirror from this
machine's sources, checks the signatures against Debian's keyring, and finds the libraries that snac needs. They are
unpacked with it and used through the C library's loader that came along, so the age of this system does not matter.
Debian's package is `snac2`; its package `snac` is something else. Only the standard library is needed.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

# What each version is for: 2.96 edits alt texts; 2.75 answers 200 and changes nothing. Then, in order of preference,
# the suites to take it and its libraries from.
VERSIONS: dict[str, tuple[tuple[str, ...], ...]] = {
    "2.75": (("trixie",),),
    "2.96": (("trixie", "trixie-backports"), ("sid",)),
}
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")
MAIN_SUITES = {"oldstable", "stable", "testing", "unstable", "sid"}  # beside the name of this release
FETCH_SECONDS = 300  # 27 MB over a slow line

APT_CONFIG = """{acquire}
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::Languages "none";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "{folder}/nothing";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "{folder}/nothing";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{folder}/nothing";
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
"""


class SnacMissing(Exception):
    """That version is not here; the text says why and what to do."""


def cache() -> Path:
    """Where unpacked servers are kept between runs."""
    if own := os.environ.get("VEDFOLNIR_TEST_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedfolnir"


def folder_of(version: str) -> Path:
    """Where `version` lies, or would lie, for machines of this kind."""
    return cache() / "snac" / f"{version}-{platform.machine()}"


def command(version: str) -> list[str]:
    """The words that run snac `version`. Raises SnacMissing with the reason why the last attempt to fetch it failed."""
    folder = folder_of(version)
    if folder.is_dir():
        return _command(folder)
    reason = _reason_file(version)
    why = reason.read_text(encoding="utf-8") if reason.is_file() else "it was not fetched yet"
    raise SnacMissing(f"snac {version} is not here: {why} (scripts/test and `python -m scripts.snac` fetch it)")


def _command(folder: Path) -> list[str]:
    libraries = folder / "lib"
    loaders = sorted(libraries.glob("ld*.so.*"))
    if not loaders:
        raise SnacMissing(f"{libraries} holds no loader; remove {folder} to fetch it anew")
    return [str(loaders[0]), "--library-path", str(libraries), str(folder / "snac")]


def _reason_file(version: str) -> Path:
    folder = folder_of(version)
    return folder.with_name(f"{folder.name}.why")


def fetch(version: str) -> Path:
    """The folder of `version`; fetched if it is not there yet. Raises SnacMissing."""
    target = folder_of(version)
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(version, target)
    except SnacMissing as error:
        _note(version, error)
        raise
    except OSError as error:
        missing = SnacMissing(f"{error.strerror}: {error.filename}")
        _note(version, missing)
        raise missing from error
    _reason_file(version).unlink(missing_ok=True)
    return target


def _note(version: str, why: SnacMissing) -> None:
    """For the tests that ask for it later; not where nothing can be written at all."""
    with suppress(OSError):
        _reason_file(version).write_text(str(why), encoding="utf-8")


def _fetch(version: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target.parent) as name:
        work = Path(name)
        found = _unpacked(version, work)
        said = subprocess.run(_command(found), capture_output=True, text=True, check=False).stdout
        if not said.startswith(f"snac {version} "):
            raise SnacMissing(f"what was unpacked does not run here; it says: {said[:100]!r}")
        try:
            found.rename(target)
        except OSError:
            if not target.is_dir():  # else another run was quicker, and its copy is as good
                raise


def _unpacked(version: str, work: Path) -> Path:
    """The program and its libraries from the first mirror and suites that have them, in a folder within `work`."""
    keyring = next((one for one in KEYRINGS if Path(one).is_file()), None)
    if keyring is None:
        raise SnacMissing("Debian's keyring is missing; install it: apt-get install debian-archive-keyring")
    failures: list[SnacMissing] = []
    for number, (mirror, suites) in enumerate((one, other) for one in mirrors() for other in VERSIONS[version]):
        folder = work / str(number)
        try:
            return _gathered(download(version, mirror, suites, keyring, folder), folder)
        except SnacMissing as error:
            failures.append(error)
    raise failures[0]


def mirrors() -> list[str]:
    """The Debian mirrors in this machine's sources, as apt understands them. Raises SnacMissing if there is none."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    if release.get("ID") != "debian" or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise SnacMissing("it comes from Debian's packages, and this is not Debian")
    wanted = MAIN_SUITES | {release.get("VERSION_CODENAME", "sid")}
    said = _run(["apt-get", "update", "--print-uris"])
    places = re.findall(r"^'(\S+)/dists/([^'\s]+)/InRelease'", said, re.MULTILINE)
    found = list(dict.fromkeys(mirror for mirror, suite in places if suite in wanted))
    if not found:
        raise SnacMissing("apt's sources name no Debian mirror")
    return found


def download(version: str, mirror: str, suites: Sequence[str], keyring: str, folder: Path) -> list[Path]:
    """The packages of snac `version` and of all that it needs, signatures checked, in `folder`. Raises SnacMissing."""
    for name in ("nothing", "state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    sources = "".join(f"deb [signed-by={keyring}] {mirror} {suite} main\n" for suite in suites)
    (folder / "sources.list").write_text(sources, encoding="utf-8")
    # How this machine reaches the network (a proxy, certificates) stays as it is; its hooks do not run.
    reach = [line for line in _run(["apt-config", "dump"]).splitlines() if line.startswith("Acquire::")]
    config = folder / "apt.conf"
    config.write_text(APT_CONFIG.format(acquire="\n".join(reach), folder=folder), encoding="utf-8")
    variables = {"APT_CONFIG": str(config), "LC_ALL": "C"}
    _run(["apt-get", "update", "--error-on=any"], variables)
    # The patch releases of Debian (2.96-1~bpo13+1) all are upstream's 2.96.
    _run(["apt-get", "install", "--download-only", "--yes", f"snac2={version}*"], variables)
    return sorted((folder / "cache/archives").glob("*.deb"))


def _gathered(packages: Sequence[Path], folder: Path) -> Path:
    """What is needed to run snac, out of `packages`: the program, and `lib` with the shared libraries."""
    root, gathered = folder / "root", folder / "gathered"
    root.mkdir()
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package), str(root)])
    (gathered / "lib").mkdir(parents=True)
    (root / "usr/bin/snac").rename(gathered / "snac")
    for library in _libraries(root):
        library.rename(gathered / "lib" / library.name)
    return gathered


def _libraries(root: Path) -> Iterator[Path]:
    for pattern in ("lib/*-linux-*/*.so*", "usr/lib/*-linux-*/*.so*"):
        yield from root.glob(pattern)


def _run(words: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run to the end; what it printed. Raises SnacMissing with the errors that it named."""
    try:
        done = subprocess.run(
            words,
            env=os.environ | (variables or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SnacMissing(f"{words[0]} took more than {FETCH_SECONDS} seconds") from error
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        raise SnacMissing(_why(words[0], said))
    return said


def _why(program: str, said: str) -> str:
    if "NO_PUBKEY" in said:
        return (
            "its signature is by a key that this machine's keyring does not have yet; bring it up to date: "
            "apt-get install debian-archive-keyring"
        )
    errors = [line for line in said.splitlines() if line.startswith(("E:", "Err:", "dpkg-deb:"))]
    return f"{program} says: {' '.join(errors or said.splitlines()[-1:])[:500]}"


def fetch_all() -> dict[str, str]:
    """Fetch what is missing; by version, why it cannot be had ("" where it is there)."""
    outcome = {}
    for version in VERSIONS:
        try:
            fetch(version)
            outcome[version] = ""
        except SnacMissing as error:
            outcome[version] = str(error)
    return outcome


def main() -> int:
    outcome = fetch_all()
    for version, why in outcome.items():
        print(f"snac {version}: cannot be had: {why}" if why else f"snac {version}: {folder_of(version)}")
    return int(any(outcome.values()))


if __name__ == "__main__":
    sys.exit(main())
