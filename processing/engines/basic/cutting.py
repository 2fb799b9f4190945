"""Lines of text cut out of a picture, level and dark on light, as tesseract reads them best."""

import cv2
import numpy as np
import numpy.typing as npt

_MARGIN = 0.05  # of a line's height, added around it: dots and accents stand at the edge of the box
_BORDER = 12  # white pixels around the line: without them tesseract misses its first and last letters


def cut_line(rgb: npt.NDArray[np.uint8], corners: npt.NDArray[np.float32], height: int) -> npt.NDArray[np.uint8]:
    """The line within `corners` (4 x 2, clockwise from the top left) of a height x width x 3 picture.

    It comes out grey, level, `height` pixels high before its white border, and darker than what it stands on.
    """
    source = _widened(corners)
    across = float(np.linalg.norm(source[1] - source[0]))
    down = max(1.0, float(np.linalg.norm(source[3] - source[0])))
    width = max(1, round(across * height / down))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if down > height * 1.5:  # far too large: averaged first, or thin strokes get lost between the pixels
        grey = cv2.GaussianBlur(grey, (0, 0), down / height / 3)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    turn = cv2.getPerspectiveTransform(source, target)
    line = cv2.warpPerspective(grey, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    line = _dark_on_light(np.asarray(line, dtype=np.uint8))
    framed = cv2.copyMakeBorder(line, _BORDER, _BORDER, _BORDER, _BORDER, cv2.BORDER_CONSTANT, value=(255,))
    return np.asarray(framed, dtype=np.uint8)


def _widened(corners: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    down, right = corners[3] - corners[0], corners[1] - corners[0]
    height = max(1e-3, float(np.linalg.norm(down)))
    along = right / max(1e-3, float(np.linalg.norm(right))) * height * _MARGIN
    up = -down * _MARGIN
    shifts = np.array([up - along, up + along, along - up, -up - along], dtype=np.float32)
    return np.asarray(corners + shifts, dtype=np.float32)


def _dark_on_light(line: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Inverted where the greater part is dark, and stretched to the whole range."""
    _level, parted = cv2.threshold(line, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    light = 255 - line if parted.mean() < 127 else line
    low, high = np.percentile(light, [1, 90])
    stretched = (light.astype(np.float32) - low) * 255 / max(1.0, high - low)
    return np.asarray(np.clip(stretched, 0, 255), dtype=np.uint8)
