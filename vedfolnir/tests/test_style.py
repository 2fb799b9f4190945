"""The style sheet keeps its promise: the contrast of WCAG 2.2, in both schemes, for every pair of its colours."""

import re
from pathlib import Path

import pytest

SHEET = Path(__file__).resolve().parents[1] / "static" / "vedfolnir" / "site.css"
TEXT, SIGN = 4.5, 3.0  # WCAG 2.2: 1.4.3 for text; 1.4.11 for borders of controls and the focus

PAIRS = [
    *[(ink, ground, TEXT) for ink in ("ink", "ink-soft", "accent") for ground in ("paper", "surface", "sunken")],
    *[("ink", ground, TEXT) for ground in ("accent-soft", "ok-soft", "warn-soft", "bad-soft")],
    *[(tone, f"{tone}-soft", TEXT) for tone in ("ok", "warn", "bad")],
    ("accent", "accent-soft", TEXT),
    ("accent-strong", "accent-soft", TEXT),
    ("accent-strong", "paper", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("on-bad", "bad", TEXT),
    ("bad", "surface", TEXT),
    ("bad", "paper", TEXT),
    *[(line, ground, SIGN) for line in ("line-strong", "focus") for ground in ("paper", "surface", "sunken")],
]


def schemes() -> dict[str, dict[str, str]]:
    """The colours by name: the light scheme's, and the dark scheme's over them."""
    light, dark = re.findall(r":root \{(.*?)\n\s*\}", SHEET.read_text(encoding="utf-8"), re.DOTALL)[:2]
    colours = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in (light, dark)]
    return {"light": colours[0], "dark": colours[0] | colours[1]}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_is_21_to_1() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_the_contrast_is_enough(scheme: str, front: str, ground: str, least: float) -> None:
    colours = schemes()[scheme]
    assert contrast(colours[front], colours[ground]) >= least


def test_the_dark_scheme_names_every_colour_of_the_light_one() -> None:
    text = SHEET.read_text(encoding="utf-8")
    assert text.count("prefers-color-scheme: dark") == 1
    light, dark = re.findall(r":root \{(.*?)\n\s*\}", text, re.DOTALL)[:2]
    assert set(re.findall(r"--([a-z-]+): #", light)) == set(re.findall(r"--([a-z-]+): #", dark))
