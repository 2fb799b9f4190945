"""Messages over a pipe: a small JSON object and some blobs, each with its length before it. Standard library only.

    4 bytes: length of the head | the head, JSON; "parts" lists the lengths of the blobs | the blobs

Neither side believes the other: a decoder that was taken over could send anything.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

MOST_HEAD = 64 * 1024  # bytes
MOST_PARTS = 8
_LENGTH = struct.Struct("!I")


class Malformed(Exception):
    """What came is no message."""


def send(stream: BinaryIO, head: Mapping[str, Any], parts: Sequence[bytes] = ()) -> None:
    """Write one message. Raises OSError when nobody reads any more."""
    text = json.dumps({**head, "parts": [len(part) for part in parts]}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.writelines(parts)
    stream.flush()


def receive(stream: BinaryIO, most: int) -> tuple[dict[str, Any], list[bytes]]:
    """Wait for one message with blobs of at most `most` bytes together. Raises EOFError at the end, Malformed."""
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if length > MOST_HEAD:
        raise Malformed
    try:
        head = json.loads(_exactly(stream, length))
    except ValueError as error:
        raise Malformed from error
    lengths = head.pop("parts", None) if isinstance(head, dict) else None
    if not isinstance(lengths, list) or not _are_fine(lengths, most):
        raise Malformed
    return head, [_exactly(stream, one) for one in lengths]


def _are_fine(lengths: list[Any], most: int) -> bool:
    whole = all(type(one) is int and one >= 0 for one in lengths)
    return whole and len(lengths) <= MOST_PARTS and sum(lengths) <= most


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
