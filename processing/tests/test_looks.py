"""How far apart the perceptual hashes of the same picture and of others are: where `captions.memory.NEAR` is from."""

from io import BytesIO
from itertools import combinations
from random import Random
from typing import Any

from django.test import SimpleTestCase
from PIL import Image as Pictures
from PIL import ImageDraw, ImageEnhance

from captions import memory
from processing.preparation import prepare


def scene(seed: int) -> Pictures.Image:
    """Something like a photograph: a sky, land, and a dozen things in it."""
    random = Random(seed)
    picture = Pictures.linear_gradient("L").resize((640, 480)).convert("RGB")
    if random.random() < 0.5:
        picture = picture.transpose(Pictures.Transpose.ROTATE_90).resize((640, 480))
    draw = ImageDraw.Draw(picture)
    for _number in range(12):
        x, y, wide, high = (random.randrange(most) for most in (600, 440, 260, 220))
        colour = tuple(random.randrange(256) for _channel in range(3))
        random.choice((draw.ellipse, draw.rectangle))((x, y, x + wide + 20, y + high + 20), fill=colour)
    return picture


def looks(picture: Pictures.Image, **options: Any) -> str:
    file = BytesIO()
    picture.save(file, **{"format": "PNG"} | options)
    return prepare(file.getvalue()).perceptual_hash


class DistanceTests(SimpleTestCase):
    def test_the_same_picture_in_another_size_quality_or_brightness_keeps_within_it(self) -> None:
        for seed in range(12):
            picture = scene(seed)
            original = looks(picture)
            for changed in (
                looks(picture.resize((320, 240))),
                looks(picture.resize((500, 375)), format="JPEG", quality=40),
                looks(picture, format="WEBP", quality=30),
                looks(ImageEnhance.Brightness(picture).enhance(0.8)),
                looks(ImageEnhance.Contrast(picture).enhance(0.8)),
            ):
                self.assertLessEqual(memory.distance(original, changed), memory.NEAR)

    def test_different_pictures_keep_away(self) -> None:
        different = [looks(scene(seed)) for seed in range(30)]
        near = [pair for pair in combinations(different, 2) if memory.distance(*pair) <= memory.NEAR]
        self.assertEqual(near, [])
