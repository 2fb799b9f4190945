"""How long it takes to make of a camera's picture what an engine gets, against decoding it alone.

Ours is all of `processing.preparation.pool.prepare`: the file goes to the process that reads pictures, is opened,
checked, decoded, shrunk, converted, hashed and encoded there, and the small JPEG comes back; the digest of the file is
made meanwhile. There are two comparators, both Pillow in this process and nothing but `open` and `load`:

- "decode at its scale" decodes at the scale that preparation decodes at (JPEGs can be decoded at 1/2, 1/4 or 1/8 of
  their size): the least that anybody can do who wants a small picture, so all that is ours shows;
- "decode" decodes the picture in full: what "decode-only" means where nothing else is said.

The picture has 12 megapixels as telephones take them, about 3 megabytes of noise on several scales, at quality 85; no
colour profile, which would cost some milliseconds more. Ours and a comparator take turns; the medians are compared.
"""

import io
import os
from collections.abc import Callable
from statistics import median
from time import perf_counter

from PIL import Image, ImageChops

from benchmarks.figures import Figure
from processing.preparation.canonical import draft_size
from processing.preparation.pool import Pool

SIZE = (4032, 3024)
PAIRS = 7
MOST = 1.3  # times the comparator


def run(scale: float, say: Callable[[str], None]) -> list[Figure]:
    """`scale` is that of the number of pixels. Times are in milliseconds."""
    data = camera_picture(scale)
    busy = f"{os.getloadavg()[0]:.1f} programs want {os.cpu_count()} cores"  # work in two processes suffers more
    say(f"preparation: a JPEG of {len(data) / 1e6:.1f} MB; {busy}")
    pool = Pool(most=1)
    try:
        pool.prepare(data)  # the process is there from now on, as it is in a worker
        return [
            _figure("preparation, ms (decode at its scale)", lambda: pool.prepare(data), lambda: _decode(data, True)),
            _figure("preparation, ms (decode)", lambda: pool.prepare(data), lambda: _decode(data, False)),
        ]
    finally:
        pool.close()


def camera_picture(scale: float) -> bytes:
    """A JPEG with about as much in it as a photograph has."""
    width, height = (max(64, round(length * scale**0.5)) for length in SIZE)

    def layer(grain: int, strength: float) -> Image.Image:
        small = Image.effect_noise((width // grain + 1, height // grain + 1), strength)
        return small.resize((width, height), Image.Resampling.BICUBIC)

    brightness = ImageChops.add(layer(16, 90), layer(1, 11), scale=2)
    picture = Image.merge("YCbCr", (brightness, layer(32, 60), layer(32, 60))).convert("RGB")
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _figure(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Figure:
    times = [(_milliseconds(ours), _milliseconds(theirs)) for _pair in range(PAIRS)]
    value, floor = (median(column) for column in zip(*times, strict=True))
    return Figure(name, value=value, floor=floor, target=MOST * floor)


def _milliseconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return (perf_counter() - started) * 1000


def _decode(data: bytes, at_scale: bool) -> None:
    with Image.open(io.BytesIO(data)) as image:
        if at_scale:
            image.draft(None, draft_size(image.size))
        image.load()
