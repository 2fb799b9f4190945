"""Naming colours: the nearest of 24 everyday names in CIE Lab, where distances are about as the eye sees them."""

import cv2
import numpy as np
import numpy.typing as npt

# Name and sRGB value. The names are keys of the phrase tables.
PALETTE: dict[str, tuple[int, int, int]] = {
    "black": (10, 10, 10),
    "dark grey": (70, 70, 70),
    "grey": (128, 128, 128),
    "light grey": (200, 200, 200),
    "white": (252, 252, 252),
    "red": (215, 35, 40),
    "dark red": (120, 20, 25),
    "pink": (245, 160, 185),
    "magenta": (205, 40, 150),
    "purple": (125, 60, 165),
    "lavender": (195, 180, 230),
    "dark blue": (20, 35, 95),
    "blue": (40, 85, 205),
    "light blue": (150, 200, 240),
    "turquoise": (50, 190, 190),
    "dark green": (20, 80, 40),
    "green": (55, 155, 65),
    "light green": (155, 220, 140),
    "olive": (115, 115, 45),
    "yellow": (245, 220, 55),
    "orange": (240, 135, 35),
    "brown": (110, 65, 35),
    "tan": (195, 155, 115),
    "beige": (240, 225, 200),
}
_SAMPLE = 96  # pixels on a side; enough for shares, and the same cost for every picture


def colour_shares(rgb: npt.NDArray[np.uint8]) -> list[tuple[str, float]]:
    """The named colours of a height x width x 3 picture with their shares (0 to 1), the largest first."""
    small = cv2.resize(rgb, (_SAMPLE, _SAMPLE), interpolation=cv2.INTER_NEAREST)
    pixels = _lab(np.asarray(small, dtype=np.uint8)).reshape(-1, 1, 3)
    palette = _lab(np.array([list(PALETTE.values())], dtype=np.uint8)).reshape(1, -1, 3)
    nearest = ((pixels - palette) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(PALETTE)) / len(nearest)
    names = list(PALETTE)
    return [(names[index], float(shares[index])) for index in np.argsort(-shares, kind="stable") if shares[index] > 0]


def _lab(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).astype(np.float32)
