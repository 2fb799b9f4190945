"""Pictures of every kind that the rules know, drawn by the tests: what is on them is beyond doubt."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from captions.kinds import Kind
from processing.tests.pictures import bar_chart, card

Colour = tuple[int, int, int]


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def flow_chart(steps: tuple[str, ...], *, upright: bool = True, fill: str = "white") -> Image.Image:
    """Boxes with a word each, an arrow from each to the next."""
    size = (520, 60 + 150 * len(steps)) if upright else (60 + 260 * len(steps), 320)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, step in enumerate(steps):
        left, top = (140, 40 + 150 * number) if upright else (40 + 260 * number, 110)
        draw.rectangle((left, top, left + 200, top + 80), fill=fill, outline="black", width=3)
        draw.text((left + 30, top + 22), step, fill="black", font=font(30))
        if number + 1 < len(steps):
            start, end = (
                ((left + 100, top + 80), (left + 100, top + 148))
                if upright
                else ((left + 200, top + 40), (left + 258, top + 40))
            )
            draw.line((*start, *end), fill="black", width=3)
    return image


def tree() -> Image.Image:
    image = Image.new("RGB", (900, 500), "#fdfdf5")
    draw = ImageDraw.Draw(image)
    for left, top, word in ((350, 40, "Animals"), (80, 300, "Birds"), (350, 300, "Fishes"), (620, 300, "Mammals")):
        if top > 40:
            draw.line((450, 120, left + 100, top), fill="#333", width=3)
        draw.ellipse((left, top, left + 200, top + 80), fill="#cfe8ff", outline="#333", width=3)
        draw.text((left + 50, top + 24), word, fill="black", font=font(28))
    return image


def comic(rows: tuple[int, ...] = (2, 1)) -> Image.Image:
    """Framed panels with a figure and a word of speech in each."""
    image = Image.new("RGB", (900, 40 + 300 * len(rows)), "white")
    draw = ImageDraw.Draw(image)
    words = iter(("Where is my hat?", "On your head!", "Thank you, dear.", "Any time.", "Good night!"))
    for row, count in enumerate(rows):
        width = (860 - 20 * (count - 1)) // count
        for column in range(count):
            left, top = 20 + column * (width + 20), 20 + row * 300
            draw.rectangle((left, top, left + width, top + 280), fill="#fff3c4", outline="black", width=4)
            draw.ellipse((left + 60, top + 130, left + 130, top + 200), fill="#e0a080", outline="black", width=3)
            draw.rectangle((left + 75, top + 200, left + 115, top + 276), fill="#3366aa", outline="black", width=3)
            draw.ellipse((left + 10, top + 15, left + 262, top + 95), fill="white", outline="black", width=3)
            draw.text((left + 45, top + 42), next(words), fill="black", font=font(24))
    return image


def scene(size: tuple[int, int] = (800, 600), seed: int = 3) -> Image.Image:
    """As a lens sees it as far as the rules go: soft large shapes, fine grain everywhere."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(30, 225, (7, 9, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=np.int16)
    middle = random.normal(0, 18, (size[1] // 4, size[0] // 4, 1)).repeat(4, 0).repeat(4, 1)
    grain = random.normal(0, 9, smooth.shape)
    return Image.fromarray(np.clip(smooth + middle + grain, 0, 255).astype(np.uint8))


def meme(*lines: str) -> Image.Image:
    """White capitals with a dark edge at the top and, with two lines, at the bottom of a scene."""
    image = scene()
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text(
            (400, 50 if number == 0 else 545),
            line,
            fill="white",
            font=font(60),
            anchor="mm",
            stroke_width=4,
            stroke_fill="black",
        )
    return image


def ring(ink: str, paper: str) -> Image.Image:
    image = Image.new("RGB", (500, 500), paper)
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 100, 400, 400), fill=ink)
    draw.ellipse((170, 170, 330, 330), fill=paper)
    return image


def star() -> Image.Image:
    image = Image.new("RGB", (600, 500), "white")
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2, 70, 180)
    points = [(300 + r * np.cos(a), 250 + r * np.sin(a)) for a, r in zip(angles, radii, strict=True)]
    ImageDraw.Draw(image).polygon(points, fill="#d4a017")
    return image


def landscape() -> Image.Image:
    image = Image.new("RGB", (800, 500), "#aee1ff")
    draw = ImageDraw.Draw(image)
    draw.polygon(((0, 400), (250, 150), (520, 400)), fill="#7a8f6a")
    draw.rectangle((0, 390, 800, 500), fill="#228833")
    draw.ellipse((600, 40, 700, 140), fill="#ffdd00")
    draw.rectangle((560, 300, 680, 400), fill="#aa4433", outline="#552211", width=4)
    return image


def page() -> Image.Image:
    image = Image.new("RGB", (800, 1000), "#fcfcfa")
    draw = ImageDraw.Draw(image)
    sentence = "The committee met again on Tuesday and heard the report."
    draw.text((80, 60), "Minutes of the meeting", fill="black", font=font(40))
    for line in range(20):
        draw.text((80, 150 + 40 * line), sentence, fill="#222", font=font(24))
    return image


def window() -> Image.Image:
    """A program with a bar, a column of entries and some fields."""
    image = Image.new("RGB", (1000, 640), "#ffffff")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1000, 60), fill="#2b3a67")
    draw.text((20, 14), "Settings", fill="white", font=font(28))
    draw.rectangle((0, 60, 220, 640), fill="#eef0f5")
    for number, entry in enumerate(("Profile", "Language", "Notifications", "Privacy", "Account")):
        draw.text((24, 90 + 60 * number), entry, fill="#222", font=font(22))
    for number, label in enumerate(("Display name", "Biography", "Website", "Location")):
        draw.text((260, 90 + 130 * number), label, fill="#222", font=font(22))
        draw.rectangle((260, 125 + 130 * number, 940, 175 + 130 * number), outline="#99a", width=2)
    draw.text((860, 20), "Log out", fill="white", font=font(20))
    return image


def run(start: Colour, end: Colour, *, upright: bool) -> Image.Image:
    """One colour running into another."""
    share = np.linspace(0, 1, 600)[:, None, None] if upright else np.linspace(0, 1, 800)[None, :, None]
    values = np.array(start) * (1 - share) + np.array(end) * share
    return Image.fromarray(np.broadcast_to(values, (600, 800, 3)).astype(np.uint8))


def divider(ink: str, *, height: int = 60) -> Image.Image:
    image = Image.new("RGB", (900, height), "white")
    ImageDraw.Draw(image).rectangle((60, height // 2 - 2, 840, height // 2 + 2), fill=ink)
    return image


KINDS: dict[Kind, list[Callable[[], Image.Image]]] = {
    Kind.TEXT: [
        lambda: card("Be kind.\nRewind.", background="#fc3"),
        lambda: card("We are hiring\na librarian", background="#123", ink="#fd3"),
        lambda: card("Autumn concert\n12 October", background="#f4e9d8", ink="#5a2a1a"),
    ],
    Kind.DOCUMENT: [page],
    Kind.SCREENSHOT: [window],
    Kind.CHART: [bar_chart],
    Kind.DIAGRAM: [
        lambda: flow_chart(("Collect", "Check", "Approve", "Publish")),
        lambda: flow_chart(("Draft", "Review", "Post"), upright=False, fill="#ffe9a8"),
        tree,
    ],
    Kind.COMIC: [comic, lambda: comic((1, 2)), lambda: comic((3,))],
    Kind.MEME: [
        lambda: meme("ONE DOES NOT SIMPLY", "WAKE A SLEEPING CAT"),
        lambda: meme("NOT SURE IF ASLEEP"),
        lambda: meme("MONDAY AGAIN", "ALREADY"),
    ],
    Kind.LOGO: [lambda: ring("#d22", "white"), lambda: ring("#fff", "#124"), star],
    Kind.DRAWING: [landscape],
    Kind.PHOTO: [scene, lambda: scene((600, 800), 5), lambda: scene((900, 500), 8)],
    Kind.DECORATIVE: [
        lambda: Image.new("RGB", (400, 300), "white"),
        lambda: run((255, 120, 60), (40, 20, 90), upright=True),
        lambda: run((250, 250, 255), (180, 210, 255), upright=False),
        lambda: divider("#888"),
        lambda: divider("#c33", height=120),
    ],
}
