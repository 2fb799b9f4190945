"""Debian's `tesseract` as a separate process: for the scripts that the models in rapidocr's wheel cannot read.

It is optional. What it can read is what its language packs are there for; nothing here goes to the network or to a
shell, and pictures go in through a pipe.
"""

import io
import logging
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

logger = logging.getLogger(__name__)

# Tesseract's name of a pack, and the script that it is for, as Unicode and tesseract's own detection name it.
PACKS = {
    "rus": "Cyrillic",
    "ukr": "Cyrillic",
    "ell": "Greek",
    "ara": "Arabic",
    "kor": "Korean",
    "heb": "Hebrew",
    "tha": "Thai",
    "hin": "Devanagari",
}
TIME_LIMIT = 20.0  # seconds, for all lines of a picture; a line takes about 0.05
_SCRIPT_NAMES = {"Hangul": "Korean"}
_SURE = 1.0  # of tesseract's own measure; below it, the script named is about as often another
_FIELDS = 12  # of a row of its table
_WORD = "5"  # the level of rows that hold words


@dataclass(frozen=True)
class ReadLine:
    """What one pack made of one line, and how sure it is, 0 to 1."""

    text: str = ""
    confidence: float = 0.0


def packs() -> tuple[str, ...]:
    """The packs of `PACKS` that are installed; none without tesseract."""
    return tuple(pack for pack in PACKS if pack in _languages(*_where()))


def can_tell_scripts() -> bool:
    return "osd" in _languages(*_where())


def reads_english() -> bool:
    """Whether the pack that Debian's program brings along is there."""
    return "eng" in _languages(*_where())


def missing_scripts() -> list[str]:
    """The scripts of `PACKS` for which there is no pack, in alphabetical order."""
    present = {PACKS[pack] for pack in packs()}
    return sorted(set(PACKS.values()) - present)


def read_lines(lines: Sequence[npt.NDArray[np.uint8]], pack: str) -> list[ReadLine]:
    """Read pictures of one line each (height x width, dark on light) with one pack, in their order.

    What could not be read is empty, and so is everything if tesseract fails: the log says why.
    """
    pages: dict[int, list[tuple[str, float]]] = {}
    texts: dict[int, str] = {}
    page = 1
    output = _run(["-l", pack, "--psm", "7", "txt", "tsv"], _tiff(lines))
    for row in output.replace("\f", "").splitlines():
        fields = row.split("\t")
        if len(fields) == _FIELDS and fields[1].isdecimal():
            page = int(fields[1])
            if fields[0] == _WORD and fields[11].strip():
                pages.setdefault(page, []).append((fields[11], float(fields[10]) / 100))
        elif len(fields) == 1 and row.strip():  # the running text: its blanks are right where a row is a syllable
            texts[page] = row.strip()
    return [_read_line(texts.get(number, ""), pages.get(number, [])) for number in range(1, len(lines) + 1)]


def script_of(lines: Sequence[npt.NDArray[np.uint8]]) -> str:
    """The script of some lines (height x width, dark on light), "Arabic"; empty if that cannot be told."""
    if not lines or not can_tell_scripts():
        return ""
    width = max(line.shape[1] for line in lines)
    below = [np.pad(line, ((0, 0), (0, width - line.shape[1])), constant_values=255) for line in lines]
    output = _run(["--psm", "0", "-c", "min_characters_to_try=5"], _tiff([np.concatenate(below)]))
    said = dict(row.split(": ", 1) for row in output.splitlines() if ": " in row)
    name, confidence = said.get("Script", ""), said.get("Script confidence", "0")
    return _SCRIPT_NAMES.get(name, name) if float(confidence) >= _SURE else ""


def _read_line(text: str, words: Iterable[tuple[str, float]]) -> ReadLine:
    weights = [(len(word), confidence) for word, confidence in words]
    if not text or not weights:
        return ReadLine()
    letters = sum(length for length, _confidence in weights)
    return ReadLine(text, sum(length * confidence for length, confidence in weights) / letters)


def _where() -> tuple[str, str]:
    """The program and its folder of packs: they decide what is installed, and may differ between two calls."""
    return shutil.which("tesseract") or "", os.environ.get("TESSDATA_PREFIX", "")


@lru_cache(maxsize=8)
def _languages(program: str, folder: str) -> frozenset[str]:
    if not program:
        return frozenset()
    return frozenset(_run(["--list-langs"], b"", image=False).split())


def _run(options: list[str], data: bytes, *, image: bool = True) -> str:
    """What tesseract writes; empty if it fails or takes too long."""
    program, folder = _where()
    if not program:
        return ""
    environment = {"PATH": os.environ.get("PATH", ""), "OMP_THREAD_LIMIT": "1", "LC_ALL": "C.UTF-8"}
    if folder:
        environment["TESSDATA_PREFIX"] = folder
    command = [program, *(["stdin", "stdout"] if image else []), *options]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=TIME_LIMIT, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        logger.warning("tesseract was stopped after %s seconds (%s).", TIME_LIMIT, " ".join(options))
        return ""
    except OSError as error:
        logger.warning("tesseract cannot be run: %s.", error)
        return ""
    if done.returncode:
        logger.debug("tesseract failed (%s): %s", " ".join(options), done.stderr[-200:].decode(errors="replace"))
        return ""
    return done.stdout.decode(errors="replace")


def _tiff(pictures: Sequence[npt.NDArray[np.uint8]]) -> bytes:
    """All pictures as the pages of one file."""
    first, *others = [Image.fromarray(picture) for picture in pictures]
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()
