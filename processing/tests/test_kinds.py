from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from django.test import override_settings
from PIL import Image, ImageDraw

import platforms.sandbox
from captions.kinds import Kind
from platforms.sandbox import drawings
from processing.engines.base import EngineRequest, Examination
from processing.engines.basic import BasicEngine
from processing.examining import examine
from processing.preparation import prepare
from processing.tests.kind_pictures import KINDS, divider, font, run, scene
from processing.tests.pictures import prepared
from vedfolnir.tests.figures import tell

ASSETS = Path(platforms.sandbox.__file__).parent / "assets"
PHOTOGRAPHS = sorted(path.name for path in ASSETS.glob("*.jpg"))

# What a newcomer sees first. The rules take a drawing that stands alone for a symbol, and tell no page from a card.
SANDBOX: dict[Callable[[], bytes], set[Kind]] = {
    drawings.visitors_chart: {Kind.CHART},
    drawings.programme_card: {Kind.TEXT},
    drawings.menu_card: {Kind.TEXT},
    drawings.logo: {Kind.LOGO, Kind.DRAWING},
    drawings.weather_screenshot: {Kind.SCREENSHOT},
    drawings.rota_screenshot: {Kind.SCREENSHOT},
    drawings.invoice_scan: {Kind.DOCUMENT, Kind.TEXT},
    drawings.telescope_drawing: {Kind.DRAWING, Kind.LOGO},
    drawings.moon_animation: {Kind.DRAWING},
    drawings.cmyk_poster: {Kind.TEXT},
    drawings.code_pattern: {Kind.DRAWING},
    drawings.meme: {Kind.MEME},
    drawings.watercolour: {Kind.DRAWING},
    drawings.turned_photograph: {Kind.PHOTO},
    drawings.hilltop: {Kind.DRAWING},
}

pytestmark = pytest.mark.slow


@cache
def drawn() -> tuple[tuple[Kind, Examination], ...]:
    return tuple((kind, examine(prepared(draw()))) for kind, pictures in KINDS.items() for draw in pictures)


@cache
def photographs() -> tuple[tuple[str, Examination], ...]:
    return tuple((name, examine(prepare((ASSETS / name).read_bytes()))) for name in PHOTOGRAPHS)


def test_pictures_of_every_kind_are_told_apart(request: pytest.FixtureRequest) -> None:
    judged = [(kind, examined.kind) for kind, examined in drawn()]
    judged += [(Kind.PHOTO, examined.kind) for _name, examined in photographs()]
    table = ["Kinds of picture: what it is, and what it was taken for"]
    for kind in KINDS:
        taken = Counter(said for is_kind, said in judged if is_kind == kind)
        table.append(f"  {kind.value:<11}" + ", ".join(f"{said} {count}" for said, count in taken.most_common()))
    tell(request, *table)
    assert [pair for pair in judged if pair[0] != pair[1]] == []


@pytest.mark.parametrize("draw", SANDBOX, ids=lambda draw: draw.__name__)
def test_the_sandboxs_own_pictures_are_taken_for_what_they_are(draw: Callable[[], bytes]) -> None:
    examined = examine(prepare(draw()))
    assert examined.kind in SANDBOX[draw]
    assert not examined.proposed_decorative


def test_of_a_chart_the_title_and_the_legend_are_quoted_and_no_ticks() -> None:
    answer = BasicEngine().describe(prepare(drawings.visitors_chart()), EngineRequest())
    quoted = "“Visitors per weekday”, “October”, “November”, “Mon”, “Tue”, “Wed”, “Thu”, “Fri”, “Sat”, “Sun”"
    assert answer.text == f"What looks like a chart or diagram. Text reads: {quoted}."
    assert "200" in answer.visible_text


def test_a_code_that_says_nothing_is_no_text() -> None:
    picture = prepare(drawings.code_pattern())
    examined = examine(picture)
    assert (examined.visible_text, examined.unreadable, examined.codes) == ("", (), ())
    text = BasicEngine().describe(picture, EngineRequest(examined=examined)).text
    assert text.endswith("It has the form of a QR code, but could not be read as one.")


def test_nothing_is_found_on_the_sample_photographs_that_is_not_there() -> None:
    assert PHOTOGRAPHS
    for name, examined in photographs():
        assert (examined.visible_text, examined.unreadable, examined.codes) == ("", (), ()), name
        assert not examined.proposed_decorative, name
        assert examined.faces == (1 if name == "astronaut.jpg" else 0), name


def test_what_nobody_would_miss_and_nothing_else_is_proposed_as_decoration() -> None:
    for kind, examined in drawn():
        assert examined.proposed_decorative == (kind == Kind.DECORATIVE)


def test_a_word_on_a_gradient_or_beside_a_line_is_no_decoration() -> None:
    for image in (run((255, 120, 60), (40, 20, 90), upright=True), divider("#888", height=200)):
        ImageDraw.Draw(image).text((300, 20), "Chapter two", fill="black", font=font(40))
        examined = examine(prepared(image))
        assert examined.visible_text == "Chapter two"
        assert not examined.proposed_decorative


@pytest.mark.parametrize("position", [(380, 290, 420, 310), (20, 20, 50, 50), (0, 590, 800, 600)])
def test_a_small_thing_on_a_gradient_is_no_decoration(position: tuple[int, int, int, int]) -> None:
    image = run((255, 200, 150), (200, 80, 120), upright=True)
    ImageDraw.Draw(image).ellipse(position, fill="#113355")
    assert not examine(prepared(image)).proposed_decorative


def dot(radius: int) -> Image.Image:
    image = Image.new("RGB", (1000, 700), "black")
    ImageDraw.Draw(image).ellipse((500 - radius, 350 - radius, 500 + radius, 350 + radius), fill="white")
    return image


def note(text: str, size: int, ink: str = "black") -> Image.Image:
    image = Image.new("RGB", (1600, 1200), "white")
    ImageDraw.Draw(image).text((800, 600), text, fill=ink, font=font(size))
    return image


def progress() -> Image.Image:
    image = divider("#888")
    ImageDraw.Draw(image).rectangle((60, 28, 500, 32), fill="#22aa22")
    return image


def dashes() -> Image.Image:
    image = Image.new("RGB", (900, 60), "white")
    for left in range(40, 800, 100):
        ImageDraw.Draw(image).rectangle((left, 28, left + 60, 32), fill="black")
    return image


def fog() -> Image.Image:
    """What a sensor makes of a grey sky: its own noise over an even run."""
    sky = np.asarray(run((200, 205, 210), (240, 240, 245), upright=True), dtype=np.float64)
    return Image.fromarray(np.clip(sky + np.random.default_rng(1).normal(0, 4, sky.shape), 0, 255).astype(np.uint8))


def night() -> Image.Image:
    with Image.open(ASSETS / "coffee.jpg") as picture:
        return picture.convert("RGB").point(lambda value: value * 0.03)


SMALL = {
    "a dot": lambda: dot(3),
    "a moon": lambda: dot(20),
    "a digit": lambda: note("7", 90),
    "a word": lambda: note("No", 40),
    "a small line": lambda: note("Closed today", 14),
    "a faint word": lambda: note("faint", 60, ink="#dddddd"),
    "progress": progress,
    "dashes": dashes,
    "fog": fog,
    "night": night,
}


@pytest.mark.parametrize("name", SMALL)
def test_what_is_small_faint_dark_or_seen_by_a_lens_is_no_decoration(name: str) -> None:
    answer = BasicEngine().describe(prepared(SMALL[name]()), EngineRequest())
    assert not answer.proposed_decorative
    assert "empty area" not in answer.text


def test_a_blurred_photograph_is_no_decoration() -> None:
    image = scene().resize((8, 6)).resize((800, 600), Image.Resampling.BICUBIC)
    assert not examine(prepared(image)).proposed_decorative


@override_settings(EXAMINE_PICTURES=False)
def test_nothing_is_examined_where_the_operator_says_so() -> None:
    assert examine(prepared(scene())) == Examination()
