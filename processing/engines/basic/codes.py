"""QR codes and barcodes, by zxing-cpp."""

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


@dataclass(frozen=True)
class Code:
    """One code found. `link` and `text` are empty where its content is nothing to read out."""

    is_qr: bool
    link: str = ""
    text: str = ""


def read_codes(rgb: npt.NDArray[np.uint8]) -> list[Code]:
    """The codes in a height x width x 3 picture, without repetitions.

    Only web links and short plain texts are told: others (Wi-Fi access, contacts, one-time passwords) are for machines
    and may be secrets.
    """
    found = zxingcpp.read_barcodes(np.ascontiguousarray(rgb), formats=_KINDS)
    return list(dict.fromkeys(_code(result) for result in found if result.valid))


def _code(result: zxingcpp.Barcode) -> Code:
    is_qr = result.format in _QR
    content = result.text.strip()
    if _LINK.fullmatch(content):
        return Code(is_qr, link=content)
    if len(content) <= _MOST_TEXT and content.isprintable() and not _SCHEME.match(content):
        return Code(is_qr, text=content)
    return Code(is_qr)
