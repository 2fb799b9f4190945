"""How many frames an animation has, and which of them are looked at, within bounds that no file can exceed."""

from PIL import Image

MOST_FRAMES = 10_000  # counted; nobody looks at more of them
# Most formats store a frame as what changed, so the last one needs all before it. That many pixels are worth it: a GIF
# of 500 x 500 is followed over 1,000 frames, a few seconds' work. `_PER_FRAME` stands for what a frame costs by itself.
MOST_WORK = 300_000_000
_PER_FRAME = 50_000

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})  # the frames of the others are pages or previews
_EXTENSION, _PICTURE = 0x21, 0x2C  # blocks of a GIF (GIF89a, appendix A)


def count_frames(image: Image.Image, picture_format: str, data: bytes) -> int:
    """How many frames an animation has, without decoding them; those before the cut if the file is cut short."""
    if picture_format not in _ANIMATED:
        return 1
    frames = _count_gif_frames(data) if picture_format == "GIF" else int(getattr(image, "n_frames", 1))
    return max(1, min(frames, MOST_FRAMES))


def frames_to_show(frames: int, size: tuple[int, int]) -> list[int]:
    """The middle and the last frame, by number from 0, beside the first one; of what can be reached if it is long."""
    reached = min(frames, MOST_WORK // (size[0] * size[1] + _PER_FRAME))
    return sorted({reached // 2, reached - 1} - {0, -1})


def _count_gif_frames(data: bytes) -> int:
    """Walk from block to block. Pillow's own count has no limit, and a file may hold millions of tiny frames."""
    place = 13 + _colours(data[10]) if len(data) > 10 else len(data)
    frames = 0
    while place + 10 < len(data) and frames < MOST_FRAMES:
        kind = data[place]
        if kind == _PICTURE:
            frames += 1
            place += 11 + _colours(data[place + 9])  # the descriptor, its colours, the code size
        elif kind == _EXTENSION:
            place += 2
        else:  # the trailer; or nonsense, at which Pillow stops as well
            break
        place = _after_blocks(data, place)
    return frames


def _colours(flags: int) -> int:
    """The length of the colour table that these flags announce, in bytes."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int:
    """Where a row of sub-blocks ends: each begins with its length, the last one has none."""
    while place < len(data) and data[place]:
        place += data[place] + 1
    return place + 1
