"""llama.cpp's own server for tests, built from the sources that the package llama-cpp-python carries.

    python -m scripts.llama_server

builds it into the cache of the person who runs it (VEDFOLNIR_TEST_CACHE, else ~/.cache/vedfolnir), where it survives.
That takes a C++ compiler, cmake and about a quarter of an hour of a processor, so nothing else starts it: where it is
not there, its tests are skipped, with the reason. The sources come by pip, from wherever this machine's pip takes
packages. Nothing is installed, root is not needed.
"""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.snac import cache

PACKAGE = "llama-cpp-python==0.3.36"
PROGRAMS = ("cmake", "c++", "cc")
# Small and without network: no libraries shared with this system, no web interface, no TLS.
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",  # half the time; what is tested is no matter of speed
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)


class LlamaMissing(Exception):
    """The server is not here or cannot be built; the text says why and what to do."""


def program() -> Path:
    """Where the built server lies, or would lie, for machines of this kind."""
    return cache() / "llama-server" / f"{PACKAGE.rpartition('=')[2]}-{platform.machine()}" / "llama-server"


def command() -> list[str]:
    """The words that run it. Raises LlamaMissing."""
    if not program().is_file():
        raise LlamaMissing("llama.cpp's server was not built here; `python -m scripts.llama_server` does it")
    return [str(program())]


def build() -> Path:
    """The server; built if it is not there yet. Raises LlamaMissing."""
    target = program()
    if target.is_file():
        return target
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        raise LlamaMissing(
            f"to build it, {', '.join(missing)} must be installed: apt-get install cmake build-essential"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vedfolnir-llama-") as name:
        folder = Path(name)
        sources = _sources(folder)
        built = folder / "built"
        _run(["cmake", "-S", str(sources), "-B", str(built), *OPTIONS])
        jobs = max(1, (os.cpu_count() or 2) // 2)
        _run(["cmake", "--build", str(built), "--target", "llama-server", "--parallel", str(jobs)])
        draft = target.with_name(".llama-server")
        shutil.copy2(built / "bin" / "llama-server", draft)
        draft.replace(target)
    return target


def _sources(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE.partition("=")[0]]
    _run([*pip, "--dest", str(folder), PACKAGE])
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    return next(folder.glob("*/vendor/llama.cpp"))


def _run(words: Sequence[str]) -> None:
    """Run to the end, its output going to the screen. Raises LlamaMissing."""
    if status := subprocess.run(words, check=False).returncode:
        raise LlamaMissing(f"{Path(words[0]).name} ended with status {status}; its output above says why")


def main() -> int:
    try:
        print(f"llama-server: {build()}")
    except LlamaMissing as error:
        print(f"llama-server cannot be had: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
