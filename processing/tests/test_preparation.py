import io
from dataclasses import replace

import pytest
from PIL import Image, ImageCms, ImageDraw

from processing.preparation import FORMATS, MAX_BYTES, PictureRefused, PreparedImage, difference_hash, prepare
from processing.preparation.animation import frames_to_show
from processing.tests.pictures import encoded, gradient, noise, png_header

# pytest makes errors of all warnings; in the product, Pillow's are ignored (see processing.preparation).
odd_metadata_is_no_news = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def opened(picture: PreparedImage) -> Image.Image:
    return Image.open(io.BytesIO(picture.jpeg))


def pixel(picture: PreparedImage, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    """The colour at a place, given in shares of width and height."""
    image = opened(picture)
    value = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    assert isinstance(value, tuple)
    return value


def near(value: tuple[int, ...], expected: tuple[int, int, int], tolerance: int = 6) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(value, expected, strict=True))


def refusal(data: bytes) -> str:
    with pytest.raises(PictureRefused) as caught:
        prepare(data)
    assert "\n" not in caught.value.reason
    return caught.value.reason


@pytest.mark.parametrize("picture_format", FORMATS)
def test_every_format_becomes_the_same_jpeg(picture_format: str) -> None:
    picture = prepare(encoded(gradient(), picture_format))
    assert (picture.format, picture.frames, picture.width, picture.height) == (picture_format, 1, 300, 200)
    image = opened(picture)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (300, 200))
    assert pixel(picture, 0.02)[0] < 30
    assert pixel(picture, 0.98)[0] > 225


def test_large_pictures_shrink_to_1024_pixels_and_small_ones_stay() -> None:
    large = prepare(encoded(noise((3000, 1500)), "JPEG"))
    assert (large.width, large.height) == (3000, 1500)
    assert opened(large).size == (1024, 512)
    assert opened(prepare(encoded(noise((7, 5))))).size == (7, 5)


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_slivers_are_pictures_too(size: tuple[int, int]) -> None:
    picture = prepare(encoded(Image.new("RGB", size)))
    assert (picture.width, picture.height) == size
    assert max(opened(picture).size) <= 1024


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(orientation: int) -> None:
    image = Image.new("RGB", (80, 40), "white")
    ImageDraw.Draw(image).rectangle((0, 0, 19, 9), fill="red")  # top left, as seen
    stored = {  # how a camera stores what is seen so: the inverse of what the tag asks for
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image.transpose(stored) if stored is not None else image, "JPEG", exif=exif, quality=95)
    picture = prepare(data)
    assert (picture.width, picture.height) == (80, 40)
    assert near(pixel(picture, 0.08, 0.08), (255, 0, 0), 20)
    assert near(pixel(picture, 0.9, 0.9), (255, 255, 255), 20)


@odd_metadata_is_no_news
def test_broken_metadata_does_not_cost_the_picture() -> None:
    data = encoded(gradient(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert prepare(data).width == 300


def test_nothing_of_the_metadata_survives() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera Works"
    picture = prepare(encoded(gradient(), "JPEG", exif=exif, comment=b"at home"))
    assert b"Secret" not in picture.jpeg
    assert b"home" not in picture.jpeg
    assert b"Exif" not in picture.jpeg


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_behind_transparency_lies_white(mode: str) -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((25, 25, 75, 75), fill=(20, 20, 20, 255))
    picture = prepare(
        encoded(image.convert(mode) if mode != "P" else image.quantize(), "TIFF" if mode == "PA" else "PNG")
    )
    assert near(pixel(picture, 0.02, 0.02), (255, 255, 255), 20)
    assert near(pixel(picture), (20, 20, 20), 20)


def test_a_white_logo_on_nothing_stays_visible() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((25, 25, 75, 75), fill=(255, 255, 255, 255))
    picture = prepare(encoded(image))
    assert near(pixel(picture), (255, 255, 255), 20)
    assert pixel(picture, 0.02, 0.02)[0] < 100


def test_an_opaque_white_picture_with_an_alpha_channel_stays_white() -> None:
    assert near(pixel(prepare(encoded(Image.new("RGBA", (50, 50), "white")))), (255, 255, 255))


def test_sixteen_bits_of_grey_are_not_all_white() -> None:
    picture = prepare(encoded(Image.new("I;16", (60, 40), 128 * 257)))
    assert near(pixel(picture), (128, 128, 128))


def test_measurements_are_stretched_from_darkest_to_brightest() -> None:
    image = Image.new("F", (60, 40), -3.5)
    image.paste(7.25, (30, 0, 60, 40))
    picture = prepare(encoded(image, "TIFF"))
    assert near(pixel(picture, 0.1), (0, 0, 0), 12)
    assert near(pixel(picture, 0.9), (255, 255, 255), 12)


@pytest.mark.parametrize(("mode", "picture_format"), [("1", "PNG"), ("L", "PNG"), ("P", "GIF"), ("YCbCr", "JPEG")])
def test_other_colour_modes_are_converted(mode: str, picture_format: str) -> None:
    picture = prepare(encoded(Image.new("RGB", (60, 40), "white").convert(mode), picture_format))
    assert near(pixel(picture), (255, 255, 255))


def test_cmyk_keeps_its_colours() -> None:
    picture = prepare(encoded(Image.new("RGB", (60, 40), (200, 60, 40)).convert("CMYK"), "JPEG", quality=95))
    assert near(pixel(picture), (200, 60, 40), 12)


def test_lab_keeps_its_colours() -> None:
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (60, 40), (200, 60, 40)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    assert lab is not None
    assert near(pixel(prepare(encoded(lab, "TIFF"))), (200, 60, 40), 12)


def test_an_embedded_colour_profile_is_followed() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")  # red means blue
    picture = prepare(encoded(Image.new("RGB", (60, 40), (200, 60, 40)), icc_profile=swapped))
    assert near(pixel(picture), (40, 60, 200), 12)


def test_a_broken_colour_profile_is_left_aside() -> None:
    picture = prepare(encoded(Image.new("RGB", (60, 40), (200, 60, 40)), icc_profile=b"no profile at all"))
    assert near(pixel(picture), (200, 60, 40))


@pytest.mark.parametrize("picture_format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_counted_and_show_their_first_frame(picture_format: str) -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue", "white")]
    picture = prepare(encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=50))
    assert picture.frames == 4
    assert near(pixel(picture), (255, 0, 0), 20)


@pytest.mark.parametrize("picture_format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_middle_and_the_last_frame_are_there_as_well(picture_format: str) -> None:
    colours = [(255, 0, 0), (0, 128, 0), (0, 0, 255), (90, 90, 90), (255, 255, 255)]
    frames = [Image.new("RGB", (60, 40), colour) for colour in colours]
    picture = prepare(encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=50))
    shown = [picture, *(replace(picture, jpeg=jpeg) for jpeg in picture.more_frames)]
    assert [[near(pixel(one), colour, 20) for colour in colours].index(True) for one in shown] == [0, 2, 4]


@pytest.mark.parametrize(("frames", "shown"), [(1, []), (2, [1]), (3, [1, 2]), (100, [50, 99])])
def test_which_frames_are_shown(frames: int, shown: list[int]) -> None:
    assert frames_to_show(frames, (100, 100)) == shown


def test_of_a_long_and_large_animation_no_more_is_decoded_than_is_worth_it() -> None:
    assert frames_to_show(10_000, (100, 100)) == [2500, 4999]
    assert frames_to_show(10_000, (5000, 5000)) == [5, 10]
    assert frames_to_show(10_000, (7071, 7071)) == [2, 4]


def test_frames_are_counted_as_pillow_counts_them() -> None:
    for count in (1, 2, 7):
        frames = [noise((30, 20)).quantize(2 ** (count + 1)) for _number in range(count)]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=b"a, comment")
        with Image.open(io.BytesIO(data)) as image:
            assert prepare(data).frames == count == getattr(image, "n_frames", 1)


@pytest.mark.parametrize("picture_format", ["GIF", "PNG"])
def test_an_animation_that_is_cut_short_shows_what_there_is(picture_format: str) -> None:
    frames = [noise((60, 40)) for _number in range(6)]
    data = encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], duration=50)
    shown = prepare(data[: len(data) * 2 // 3])
    assert pixel(shown)
    assert len(shown.more_frames) < 3


def test_a_turned_animation_is_upright_in_all_its_frames() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "green", "blue")]
    picture = prepare(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], exif=exif))
    sizes = [Image.open(io.BytesIO(jpeg)).size for jpeg in (picture.jpeg, *picture.more_frames)]
    assert sizes == [(40, 60)] * 3


@pytest.mark.parametrize(
    ("size", "edge"), [((4032, 3024), 1008), ((3024, 4032), 1008), ((4000, 2250), 1000), ((1920, 1080), 1024)]
)
def test_a_jpeg_is_decoded_at_the_scale_that_is_enough(size: tuple[int, int], edge: int) -> None:
    picture = prepare(encoded(gradient(size), "JPEG"))
    assert (picture.width, picture.height) == size
    assert max(opened(picture).size) == edge
    assert pixel(picture, 0.02)[0] < 30
    assert pixel(picture, 0.98)[0] > 225


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_large_pictures_of_sixteen_bits_shrink_as_well(mode: str) -> None:
    wide = Image.new("I;16", (2000, 1000), 128 * 257)
    data = encoded(wide, "PNG") if mode == "I;16" else encoded(Image.new("I;16B", (2000, 1000), 128 * 257), "TIFF")
    picture = prepare(data)
    assert opened(picture).size == (1024, 512)
    assert near(pixel(picture), (128, 128, 128))


def test_the_pages_of_a_tiff_are_no_animation() -> None:
    picture = prepare(encoded(gradient(), "TIFF", save_all=True, append_images=[gradient()]))
    assert picture.frames == 1


def test_the_second_view_of_a_stereo_jpeg_is_no_animation() -> None:
    picture = prepare(encoded(gradient(), "MPO", save_all=True, append_images=[gradient()]))
    assert (picture.format, picture.frames) == ("JPEG", 1)


def test_an_empty_file_is_refused() -> None:
    assert refusal(b"") == "The file is empty."


def test_a_text_file_is_refused() -> None:
    assert refusal(b"just some text").startswith("The file is not a picture in a supported format")


def test_a_web_page_is_called_one() -> None:
    assert refusal(b"\n<!DOCTYPE html><html><title>404</title>") == "This is a web page, not a picture."


def test_unsupported_formats_are_named() -> None:
    assert refusal(b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>').startswith("SVG drawings")
    assert refusal(b"\x00\x00\x00\x18ftypisom" + bytes(40)).startswith("Video files are not supported")


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(picture_format: str, share: float) -> None:
    data = encoded(noise(), picture_format)
    assert "damaged or cut short" in refusal(data[: int(len(data) * share)])


@odd_metadata_is_no_news
def test_bits_that_flipped_are_refused_or_read_but_never_crash() -> None:
    for picture_format in FORMATS:
        data = encoded(noise((64, 48)), picture_format)
        for place in range(8, min(len(data), 240), 3):
            try:
                prepare(data[:place] + bytes([data[place] ^ 0xA5]) + data[place + 1 :])
            except PictureRefused:
                continue


@pytest.mark.parametrize("size", [(20_000, 20_000), (10_000, 10_000), (7_072, 7_072)])
def test_too_many_pixels_are_refused_from_the_header_alone(size: tuple[int, int]) -> None:
    assert refusal(png_header(*size)).startswith("The picture has too many pixels")


def test_just_few_enough_pixels_get_as_far_as_decoding() -> None:
    assert refusal(png_header(7_071, 7_071)) == "The PNG file is damaged or cut short."


def test_too_many_bytes_are_refused() -> None:
    assert refusal(bytes(MAX_BYTES + 1)) == "The file is larger than 40 MiB."


def test_the_digest_is_that_of_the_file() -> None:
    data = encoded(gradient())
    assert prepare(data).sha256 == prepare(data).sha256
    assert len(prepare(data).sha256) == 64
    assert prepare(data).sha256 != prepare(encoded(gradient(), "JPEG")).sha256


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_near_duplicates_have_near_hashes_and_others_do_not() -> None:
    one, other = (noise((12, 8)).resize((600, 400), Image.Resampling.BICUBIC) for _ in range(2))
    original = prepare(encoded(one)).perceptual_hash
    again = prepare(encoded(one.resize((300, 200)), "JPEG", quality=40)).perceptual_hash
    assert len(original) == 16
    assert distance(original, again) <= 3
    assert distance(original, prepare(encoded(other)).perceptual_hash) > 12


def test_the_hash_says_where_it_gets_brighter_to_the_right() -> None:
    assert difference_hash(gradient((90, 80))) == "f" * 16
    assert difference_hash(gradient((90, 80)).rotate(180)) == "0" * 16
