"""Sample pictures drawn by code, the same on every machine: charts, cards, screenshots, a scan, an animation.

Only Pillow's built-in font is used; it has no accents, so the texts in the pictures do without.
"""

import io
import math
import random
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

ASSETS = Path(__file__).parent / "assets"
NIGHT, CREAM, INK, RUST, GOLD, TEAL = "#16203a", "#fbf5ea", "#2b2420", "#b3541e", "#e8b04a", "#2f7f86"
Canvas = ImageDraw.ImageDraw


def photograph(name: str) -> bytes:
    """A photograph of the assets folder; see CREDITS.md there."""
    return (ASSETS / f"{name}.jpg").read_bytes()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _text(draw: Canvas, at: tuple[float, float], text: str, size: int, fill: str = INK, anchor: str = "la") -> None:
    draw.text(at, text, font=_font(size), fill=fill, anchor=anchor)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@cache
def visitors_chart() -> bytes:
    """A bar chart (PNG): visitors per weekday in two months."""
    image = Image.new("RGB", (960, 600), "white")
    draw = ImageDraw.Draw(image)
    _text(draw, (60, 30), "Visitors per weekday", 34)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    october, november = (42, 38, 51, 60, 118, 143, 96), (40, 45, 55, 72, 131, 168, 120)
    for value in range(0, 201, 50):
        y = 500 - value * 2
        draw.line((100, y, 920, y), fill="#d8d8d8", width=2)
        _text(draw, (86, y), str(value), 20, "#555555", "rm")
    for number, day in enumerate(days):
        x = 125 + number * 114
        for shift, value, colour in ((0, october[number], GOLD), (40, november[number], TEAL)):
            draw.rectangle((x + shift, 500 - value * 2, x + shift + 36, 500), fill=colour)
        _text(draw, (x + 38, 512), day, 22, anchor="ma")
    for x, colour, label in ((330, GOLD, "October"), (520, TEAL, "November")):
        draw.rectangle((x, 556, x + 24, 580), fill=colour)
        _text(draw, (x + 34, 554), label, 22)
    return _saved(image, "PNG", optimize=True)


@cache
def programme_card() -> bytes:
    """A German poster (PNG): the programme of an evening."""
    image = Image.new("RGB", (800, 1000), NIGHT)
    draw = ImageDraw.Draw(image)
    _stars(draw, image.size, 160)
    draw.pieslice((120, 560, 680, 1120), 180, 360, fill="#24345c", outline=GOLD, width=6)
    draw.polygon([(370, 565), (430, 565), (520, 840), (400, 840)], fill=NIGHT)
    _text(draw, (400, 90), "LANGE NACHT", 84, GOLD, "ma")
    _text(draw, (400, 185), "DER STERNE", 84, GOLD, "ma")
    _text(draw, (400, 310), "Freitag, 27. November", 42, CREAM, "ma")
    for number, line in enumerate(("18 Uhr   Einlass", "19 Uhr   Vortrag: Monde des Jupiter", "21 Uhr   Kuppel offen")):
        _text(draw, (130, 400 + number * 52), line, 32, CREAM)
    _text(draw, (400, 930), "Eintritt frei", 34, CREAM, "ma")
    return _saved(image, "PNG", optimize=True)


@cache
def menu_card() -> bytes:
    """A French menu on a chalkboard (PNG)."""
    image = Image.new("RGB", (760, 900), "#2c3a33")
    draw = ImageDraw.Draw(image)
    draw.rectangle((14, 14, 746, 886), outline="#b98b56", width=14)
    _text(draw, (380, 80), "Menu du jour", 68, "#f3efe2", "ma")
    draw.line((190, 175, 570, 175), fill=GOLD, width=4)
    dishes = (("Soupe de potiron", "6,50"), ("Quiche aux poireaux", "9,00"), ("Salade du jardin", "7,50"))
    sweets = (("Tarte aux pommes", "5,00"), ("Mousse au chocolat", "5,50"), ("Chocolat chaud", "4,00"))
    for number, (dish, price) in enumerate((*dishes, *sweets)):
        y = 230 + number * 84 + (30 if number > 2 else 0)
        _text(draw, (80, y), dish, 40, "#f3efe2")
        _text(draw, (680, y), price, 40, GOLD, "ra")
    _text(draw, (380, 800), "Service de midi, 12 h - 14 h", 28, "#cfd8cf", "ma")
    return _saved(image, "PNG", optimize=True)


@cache
def logo() -> bytes:
    """The house's sign on nothing (PNG with alpha): a cup with a ringed planet rising from it."""
    image = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((200, 70, 400, 270), fill=GOLD)
    ring = Image.new("RGBA", image.size, (0, 0, 0, 0))
    ImageDraw.Draw(ring).ellipse((120, 135, 480, 205), outline=RUST, width=16)
    image.alpha_composite(ring.rotate(18, center=(300, 170), resample=Image.Resampling.BICUBIC))
    draw.pieslice((240, 74, 360, 194), 200, 330, fill=GOLD)
    draw.pieslice((110, 120, 490, 500), 0, 180, fill=RUST)
    draw.arc((440, 320, 560, 440), 250, 110, fill=RUST, width=26)
    draw.rounded_rectangle((90, 510, 510, 540), 15, fill=INK)
    return _saved(image, "PNG", optimize=True)


@cache
def weather_screenshot() -> bytes:
    """A telephone's weather page (WebP)."""
    image = Image.new("RGB", (540, 960), "#eaf1f8")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 540, 64), fill="#24506e")
    _text(draw, (24, 18), "21:04", 24, "white")
    _text(draw, (516, 18), "82 %", 24, "white", "ra")
    _text(draw, (270, 100), "Kepler Hill", 40, anchor="ma")
    _text(draw, (270, 160), "4°", 150, "#24506e", "ma")
    _text(draw, (270, 330), "Clear sky, light wind", 30, anchor="ma")
    for number, (hour, cover) in enumerate((("22:00", 5), ("23:00", 10), ("00:00", 35), ("01:00", 80), ("02:00", 95))):
        y = 420 + number * 76
        draw.rounded_rectangle((24, y, 516, y + 62), 12, fill="white")
        _text(draw, (44, y + 15), hour, 26)
        draw.rectangle((170, y + 24, 170 + cover * 2, y + 40), fill="#7d93a6")
        _text(draw, (496, y + 15), f"{cover} %", 26, anchor="ra")
    _text(draw, (270, 820), "Cloud cover per hour", 24, "#46586a", "ma")
    return _saved(image, "WEBP", quality=85)


@cache
def rota_screenshot() -> bytes:
    """A table of who works when (PNG)."""
    image = Image.new("RGB", (900, 420), "white")
    draw = ImageDraw.Draw(image)
    rows = (
        ("Week 48", "Morning", "Afternoon", "Evening"),
        ("Friday", "Ines", "Tom", "Ines, Yuki"),
        ("Saturday", "Tom", "Yuki", "Yuki, Marc"),
        ("Sunday", "Marc", "Marc", "closed"),
    )
    for number, row in enumerate(rows):
        y = 30 + number * 90
        draw.rectangle((30, y, 870, y + 90), fill="#dde8ea" if number == 0 else "white", outline="#8a979a", width=2)
        for column, cell in enumerate(row):
            _text(draw, (50 + column * 205, y + 28), cell, 30)
    for column in range(1, 4):
        draw.line((30 + column * 205, 30, 30 + column * 205, 390), fill="#8a979a", width=2)
    return _saved(image, "PNG", optimize=True)


@cache
def invoice_scan() -> bytes:
    """A scanned page, a little crooked (greyscale JPEG)."""
    image = Image.new("L", (800, 1040), 250)
    draw = ImageDraw.Draw(image)
    _text(draw, (80, 80), "INVOICE 2026-118", 44)
    _text(draw, (80, 150), "Ridge Observatory, Optical Workshop", 26)
    _text(draw, (80, 186), "To: Cafe Kepler", 26)
    items = (("Cleaning of main mirror", "240.00"), ("New eyepiece, 25 mm", "119.00"), ("Travel, 36 km", "18.00"))
    for number, (item, price) in enumerate(items):
        y = 300 + number * 64
        _text(draw, (80, y), item, 28)
        _text(draw, (720, y), price, 28, anchor="ra")
        draw.line((80, y + 44, 720, y + 44), fill=170, width=1)
    _text(draw, (80, 540), "Total, EUR", 32)
    _text(draw, (720, 540), "377.00", 32, anchor="ra")
    _text(draw, (80, 900), "Payable within 30 days. Thank you!", 24)
    noise = Image.frombytes("L", image.size, random.Random(7).randbytes(image.width * image.height))
    grey = Image.blend(image.rotate(1.3, fillcolor=235), noise.filter(ImageFilter.GaussianBlur(2)), 0.12)
    return _saved(grey, "JPEG", quality=70)


@cache
def telescope_drawing() -> bytes:
    """A line drawing of a telescope on a tripod (PNG)."""
    image = Image.new("RGB", (800, 700), CREAM)
    draw = ImageDraw.Draw(image)
    tube = Image.new("RGBA", (800, 700), (0, 0, 0, 0))
    pen = ImageDraw.Draw(tube)
    pen.rounded_rectangle((180, 250, 620, 340), 12, outline=INK, width=7, fill="#f3d9b8")
    pen.rectangle((600, 235, 650, 355), outline=INK, width=7, fill=GOLD)
    pen.rectangle((130, 278, 185, 312), outline=INK, width=7, fill=GOLD)
    pen.rounded_rectangle((260, 205, 400, 238), 8, outline=INK, width=6, fill=TEAL)
    turned = tube.rotate(28, center=(400, 300), resample=Image.Resampling.BICUBIC)
    for foot in (220, 400, 580):
        draw.line((400, 330, foot, 640), fill=INK, width=12)
    image.paste(turned, (0, 0), turned)
    draw.ellipse((376, 300, 424, 348), fill=RUST, outline=INK, width=6)
    for x, y in ((120, 110), (230, 60), (90, 230), (330, 130)):
        _text(draw, (x, y), "*", 60, GOLD)
    return _saved(image, "PNG", optimize=True)


@cache
def moon_animation() -> bytes:
    """The phases of the moon as an animated GIF of twelve frames."""
    frames = []
    for number in range(12):
        frame = Image.new("RGB", (320, 320), NIGHT)
        draw = ImageDraw.Draw(frame)
        draw.ellipse((60, 60, 260, 260), fill="#2a3557")
        phase = (number + 5) % 12 / 12 * 2 * math.pi  # the first frame is nearly full
        for y in range(-100, 101):
            half = math.sqrt(max(0, 10_000 - y * y))
            edge = half * math.cos(phase)
            left, right = (edge, half) if phase < math.pi else (-half, -edge)
            if right - left > 1:
                draw.line((160 + left, 160 + y, 160 + right, 160 + y), fill="#f4ecd2")
        frames.append(frame)
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=250, loop=0)


@cache
def cmyk_poster() -> bytes:
    """A poster ready for the printer (CMYK JPEG)."""
    image = Image.new("RGB", (700, 900), RUST)
    draw = ImageDraw.Draw(image)
    for number in range(12):
        angle = number * math.pi / 6
        at = (350 + math.cos(angle) * 700, 560 + math.sin(angle) * 700)
        side = (350 + math.cos(angle + 0.26) * 700, 560 + math.sin(angle + 0.26) * 700)
        draw.polygon([(350, 560), at, side], fill="#c7682c")
    draw.ellipse((180, 390, 520, 730), fill=GOLD)
    draw.ellipse((130, 530, 570, 590), outline=CREAM, width=14)
    draw.rectangle((0, 0, 700, 300), fill=NIGHT)
    _text(draw, (350, 70), "SATURN", 120, CREAM, "ma")
    _text(draw, (350, 210), "Open dome, every Saturday", 40, GOLD, "ma")
    _text(draw, (350, 820), "Bring a warm coat", 40, CREAM, "ma")
    return _saved(image.convert("CMYK"), "JPEG", quality=85)


@cache
def code_pattern() -> bytes:
    """Something that looks like a QR code but says nothing (PNG, one bit)."""
    size, dice = 29, random.Random(29)
    code = Image.new("1", (size + 8, size + 8), 1)
    for x in range(size):
        for y in range(size):
            code.putpixel((x + 4, y + 4), dice.randint(0, 1))
    draw = ImageDraw.Draw(code)
    for x, y in ((4, 4), (size - 3, 4), (4, size - 3)):
        draw.rectangle((x - 1, y - 1, x + 7, y + 7), fill=1)
        draw.rectangle((x, y, x + 6, y + 6), outline=0)
        draw.rectangle((x + 2, y + 2, x + 4, y + 4), fill=0)
    return _saved(code.resize((592, 592), Image.Resampling.NEAREST), "PNG", optimize=True)


@cache
def meme() -> bytes:
    """A joke in large letters over a cloudy sky (JPEG)."""
    image = Image.linear_gradient("L").resize((800, 600))
    clouds = ImageOps.colorize(image, "#39424f", "#aab3bd")
    shapes = Image.new("L", clouds.size, 0)
    draw = ImageDraw.Draw(shapes)
    dice = random.Random(3)
    for _ in range(40):
        x, y, wide = dice.randint(-60, 800), dice.randint(120, 460), dice.randint(90, 260)
        draw.ellipse((x, y, x + wide, y + wide * 0.45), fill=dice.randint(110, 220))
    soft = shapes.filter(ImageFilter.GaussianBlur(18))
    clouds.paste(Image.new("RGB", clouds.size, "#dfe5ea"), (0, 0), soft)
    draw = ImageDraw.Draw(clouds)
    for y, line in ((30, "BOUGHT A TELESCOPE"), (500, "CLOUDS UNTIL MARCH")):
        draw.text((400, y), line, font=_font(68), fill="white", stroke_width=5, stroke_fill="black", anchor="ma")
    return _saved(clouds, "JPEG", quality=85)


@cache
def watercolour() -> bytes:
    """Hills at dusk in soft colours, painted by a neighbour (JPEG)."""
    image = Image.new("RGB", (900, 600), "#f2d9c4")
    dice = random.Random(11)
    for number, colour in enumerate(("#e7b7a0", "#c898a4", "#8f86a8", "#5d6f93", "#3a506f")):
        layer = Image.new("L", image.size, 0)
        points = [(x, 200 + number * 75 + dice.randint(-38, 38)) for x in range(0, 1000, 90)]
        ImageDraw.Draw(layer).polygon([(0, 600), *points, (900, 600)], fill=215)
        image.paste(Image.new("RGB", image.size, colour), (0, 0), layer.filter(ImageFilter.GaussianBlur(5)))
    sun = Image.new("L", image.size, 0)
    ImageDraw.Draw(sun).ellipse((610, 90, 720, 200), fill=235)
    image.paste(Image.new("RGB", image.size, "#e8744a"), (0, 0), sun.filter(ImageFilter.GaussianBlur(4)))
    return _saved(image, "JPEG", quality=88)


@cache
def turned_photograph() -> bytes:
    """The cat as a telephone held upright saves her: lying on the side, with an EXIF note that says so (JPEG)."""
    with Image.open(ASSETS / "cat.jpg") as picture:
        upright = picture.crop((60, 0, 285, 300)).resize((540, 720), Image.Resampling.LANCZOS)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise to see it right
    return _saved(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=85, exif=exif)


@cache
def hilltop() -> bytes:
    """An observatory on a hill by night (JPEG)."""
    image = Image.new("RGB", (900, 600), NIGHT)
    draw = ImageDraw.Draw(image)
    _stars(draw, (900, 420), 220)
    draw.ellipse((-200, 420, 1100, 1100), fill="#0c1220")
    draw.rectangle((380, 350, 560, 450), fill="#cfc7b8")
    draw.pieslice((370, 260, 570, 460), 180, 360, fill="#e9e3d6")
    draw.polygon([(470, 262), (505, 268), (520, 355), (482, 355)], fill=NIGHT)
    draw.rectangle((450, 400, 486, 450), fill=GOLD)
    return _saved(image, "JPEG", quality=88)


@cache
def avatar(letter: str, colour: str) -> bytes:
    """A round-ish picture for an account (PNG)."""
    image = Image.new("RGB", (160, 160), colour)
    draw = ImageDraw.Draw(image)
    _stars(draw, image.size, 18)
    draw.ellipse((35, 35, 125, 125), fill=GOLD)
    draw.arc((10, 60, 150, 100), 20, 200, fill=CREAM, width=6)
    _text(draw, (80, 80), letter, 60, INK, "mm")
    return _saved(image, "PNG", optimize=True)


@cache
def plain(number: int) -> bytes:
    """A small numbered picture (PNG) for tests that need many different ones."""
    image = Image.new("RGB", (120, 80), (40 + number * 53 % 200, 40 + number * 97 % 200, 40 + number * 31 % 200))
    _text(ImageDraw.Draw(image), (60, 40), str(number), 30, "white", "mm")
    return _saved(image, "PNG")


def _stars(draw: Canvas, size: tuple[int, int], count: int) -> None:
    dice = random.Random(count)
    for _ in range(count):
        x, y, wide = dice.randint(0, size[0]), dice.randint(0, size[1]), dice.choice((1, 1, 2, 3))
        draw.ellipse((x, y, x + wide, y + wide), fill=dice.choice(("#ffffff", "#cfd8ff", "#ffe9c4")))
