"""QR codes and barcodes, by zxing-cpp."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import zxingcpp

# Kinds with a strong checksum; the weaker ones are found in stripes that are none.
_KINDS: Any = [  # zxing-cpp takes a list, although its types say otherwise
    zxingcpp.BarcodeFormat.QRCode,
    zxingcpp.BarcodeFormat.DataMatrix,
    zxingcpp.BarcodeFormat.Aztec,
    zxingcpp.BarcodeFormat.PDF417,
    zxingcpp.BarcodeFormat.EAN13,
    zxingcpp.BarcodeFormat.UPCA,
    zxingcpp.BarcodeFormat.Code128,
]
_QR = frozenset({zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.QRCodeModel2})
_LINK = re.compile(r"https?://[^\s/@]+(?:/\S*)?", re.IGNORECASE)  # without user information
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MOST_TEXT = 120
_LEAST_SIDE = 0.1  # of the picture's shorter side, for a code that cannot be read
Area = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Code:
    """One code found. `link` and `text` are empty where its content is nothing to read out."""

    is_qr: bool
    link: str = ""
    text: str = ""
    is_spoilt: bool = False  # it has a code's form, and what it says does not add up


def read_codes(rgb: npt.NDArray[np.uint8]) -> list[Code]:
    """The codes in a height x width x 3 picture, without repetitions.

    Only web links and short plain texts are told: others (Wi-Fi access, contacts, one-time passwords) are for machines
    and may be secrets.
    """
    return list(dict.fromkeys(code for code, _area in find_codes(rgb)))


def find_codes(rgb: npt.NDArray[np.uint8]) -> list[tuple[Code, Area]]:
    """As `read_codes`, all of them, with the upright box around each."""
    found = zxingcpp.read_barcodes(np.ascontiguousarray(rgb), formats=_KINDS, return_errors=True)
    least = _LEAST_SIDE * min(rgb.shape[:2])
    return [(_code(result), _area(result)) for result in found if result.valid or _is_spoilt(result, least)]


def _is_spoilt(result: zxingcpp.Barcode, least: float) -> bool:
    """A QR code whose checksum is wrong, square and with sides of `least` pixels: in anything else it is no code.

    Other kinds of code have no form that only they have.
    """
    if result.format not in _QR or result.error is None or result.error.type != zxingcpp.ErrorType.Checksum:
        return False
    corners = _corners(result)
    sides = [math.dist(corner, corners[number - 1]) for number, corner in enumerate(corners)]
    diagonals = [math.dist(corners[0], corners[2]), math.dist(corners[1], corners[3])]
    return min(sides) >= least and max(sides) < 1.2 * min(sides) and max(diagonals) < 1.2 * min(diagonals)


def _corners(result: zxingcpp.Barcode) -> list[tuple[int, int]]:
    place = result.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return [(corner.x, corner.y) for corner in corners]


def _area(result: zxingcpp.Barcode) -> Area:
    across, down = zip(*_corners(result), strict=True)
    return min(across), min(down), max(across), max(down)


def _code(result: zxingcpp.Barcode) -> Code:
    is_qr = result.format in _QR
    if not result.valid:
        return Code(is_qr, is_spoilt=True)
    content = result.text.strip()
    if _LINK.fullmatch(content):
        return Code(is_qr, link=content)
    if len(content) <= _MOST_TEXT and content.isprintable() and not _SCHEME.match(content):
        return Code(is_qr, text=content)
    return Code(is_qr)
