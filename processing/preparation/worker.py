"""The process that opens strangers' pictures: `python -m processing.preparation.worker PARENT_PID MEMORY`.

It reads a file from standard input, writes what became of it to standard output, and again until its input ends
(`processing.preparation.wire`). It may take MEMORY bytes of address space where the system can hold it to that, writes
no file, and dies with the process that started it. Nothing here needs Django, a setting or a secret.
"""

import os
import sys
import traceback
from dataclasses import asdict
from typing import Any, BinaryIO

from PIL import AvifImagePlugin, Image

from processing.preparation.canonical import convert
from processing.preparation.model import MAX_BYTES, MAX_PIXELS, PictureRefused
from processing.preparation.wire import receive, send
from processing.serving.launch import end_with


def main(arguments: list[str]) -> None:
    parent, memory = map(int, arguments)
    end_with(parent)
    requests, replies = _own_pipes()
    send(replies, {"ready": True, "limited": _limit(memory)})
    os.dup2(1, 2)  # from here on strangers decide what libraries complain of
    # Threads take address space for stacks and heaps of their own; other pictures keep the other cores busy.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    # Pillow raises from twice this on, also where a later frame says that the picture is larger than its header did.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
    while True:
        try:
            _head, parts = receive(requests, MAX_BYTES)
        except EOFError:
            return
        send(replies, *_answer(parts[0]))


def _answer(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    try:
        prepared = convert(data)
    except PictureRefused as error:
        return {"refused": error.reason}, []
    except MemoryError:
        return {"refused": "The picture needs more memory than there is."}, []
    except Exception:  # noqa: BLE001  (the outermost loop: our own mistake, told to who asked)
        return {"failed": traceback.format_exc(limit=20)[-8000:]}, []
    facts = asdict(prepared)
    first, more = facts.pop("jpeg"), facts.pop("more_frames")
    return {"prepared": facts}, [first, *more]


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent, out of the reach of libraries: what they print to standard output goes nowhere."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return requests, replies


def _limit(memory: int) -> bool:
    """Whether the system holds this process to so much address space. No core dumps and no files in any case."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ValueError, OSError):  # macOS knows the limit and does not keep to it
        return False
    return sys.platform == "linux"


if __name__ == "__main__":
    main(sys.argv[1:])
