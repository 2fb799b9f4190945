import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp
from PIL import Image, ImageDraw

import platforms.sandbox
from processing.engines.base import EngineAnswer, EngineRequest
from processing.engines.basic import BasicEngine, twins
from processing.engines.basic.codes import Code, read_codes
from processing.engines.basic.colours import PALETTE, colour_shares
from processing.engines.basic.faces import count_faces
from processing.engines.basic.kinds import Kind
from processing.engines.basic.layout import Line, blocks
from processing.engines.basic.ocr import _Reader, read
from processing.engines.basic.phrases import phrases_for
from processing.engines.basic.tesseract import ReadLine, packs, reads_english
from processing.engines.basic.wording import Findings, compose, shorten
from processing.preparation import prepare
from processing.tests.pictures import bar_chart, card, encoded, gradient, noise, prepared

ASSETS = Path(platforms.sandbox.__file__).parent / "assets"
DATA = Path(__file__).parent / "data"


def described(image: Image.Image, **request: Any) -> EngineAnswer:
    return BasicEngine().describe(prepared(image), EngineRequest(**request))


def photograph(name: str) -> npt.NDArray[np.uint8]:
    with Image.open(ASSETS / name) as image:
        return np.asarray(image.convert("RGB"))


def qr_code(content: str) -> Image.Image:
    barcode = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.QRCode)
    image = Image.fromarray(np.array(zxingcpp.write_barcode_to_image(barcode, scale=8)))
    paper = Image.new("RGB", (image.width + 80, image.height + 80), "white")
    paper.paste(image, (40, 40))
    return paper


def test_it_reads_a_card_and_says_what_it_stands_on() -> None:
    answer = described(card("Be kind.\nRewind.", background="#fc3", ink="#111"))
    assert answer.text == "Text on a yellow background: “Be kind. Rewind.”"
    assert answer.visible_text == "Be kind. Rewind."
    assert answer.category == "text"


def test_it_never_passes_for_a_model_that_sees() -> None:
    for image in (card("Hello there"), noise(), Image.new("RGB", (50, 50))):
        answer = described(image)
        assert (answer.engine, answer.model, answer.needs_special_review) == ("basic", "basic/2", True)
        assert (answer.tokens_in, answer.tokens_out, answer.prompt) == (None, None, "")
        assert "a person must check" in answer.notes[0]


def test_it_reads_accents_and_the_sharp_s() -> None:
    answer = described(Image.open(DATA / "accents.png"))
    assert answer.visible_text == "Straßenfest für alle Déjà l'été ?"


def test_a_chart_is_told_without_its_axis_ticks() -> None:
    answer = described(bar_chart())
    assert answer.category == "chart"
    assert answer.text.startswith("What looks like a chart or diagram. Text reads: “Instances by software”")
    assert "“Mastodon”" in answer.text
    assert "“10”" not in answer.text


@pytest.mark.parametrize(
    ("language", "start", "quoted"),
    [
        ("de", "Text auf einem Hintergrund in Weiß: ", "„Hello there“."),
        ("fr-CA", "Du texte sur fond blanc : ", "« Hello"),
    ],
)
def test_it_speaks_german_and_french(language: str, start: str, quoted: str) -> None:
    answer = described(card("Hello there"), language=language)
    assert answer.text.startswith(start)
    assert quoted in answer.text
    assert answer.language == language[:2]
    assert len(answer.notes) == 1


def test_it_says_so_when_it_has_no_words_for_a_language() -> None:
    answer = described(card("Hello there"), language="pl")
    assert answer.text.startswith("Text on a white background")
    assert answer.language == "en"
    assert "“pl”" in answer.notes[-1]


@pytest.mark.parametrize("max_length", [1, 10, 30, 50, 80, 200, 1500])
def test_it_keeps_to_the_length_allowed(max_length: int) -> None:
    image = card("The quick brown fox jumps\nover the lazy dog while the\ncat looks on from the wall.")
    text = described(image, max_length=max_length).text
    assert len(text) <= max_length
    if max_length == 80:
        assert text.endswith("…”")


@pytest.mark.parametrize("script", ["cyrillic", "greek"])
def test_scripts_that_it_cannot_read_are_admitted_not_guessed(
    script: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))  # no packs there
    answer = described(Image.open(DATA / f"{script}.png"))
    assert answer.text == "What looks like text that could not be read, on a white background."
    assert answer.visible_text == ""
    assert "could not be read" in answer.notes[1]


def test_a_plain_area_is_called_one() -> None:
    assert described(Image.new("RGB", (300, 200), "white")).text == "An empty area of one colour: white."


def test_an_even_drawing_and_a_photograph_are_told_apart() -> None:
    drawing = Image.new("RGB", (400, 300), "#aee1ff")
    ImageDraw.Draw(drawing).rectangle((0, 200, 400, 300), fill="#228833")
    ImageDraw.Draw(drawing).ellipse((250, 30, 330, 110), fill="#ffdd00")
    assert described(drawing).text == "What looks like a drawing or graphic, mainly light blue and green."
    assert described(noise()).category == "photo"
    assert described(gradient()).text == "Colours that run into each other, mainly grey and light grey."


def test_black_and_white_photographs_are_called_so() -> None:
    assert described(noise()).text == "A photo-like picture in black and white."


def test_an_animation_is_announced() -> None:
    frames = [Image.new("RGB", (120, 90), colour) for colour in ("red", "green", "blue")]
    picture = prepare(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    text = BasicEngine().describe(picture, EngineRequest()).text
    assert text == "An empty area of one colour: red. It is an animation with 3 frames; this is about the first one."


def test_one_face_is_found_in_a_portrait() -> None:
    answer = BasicEngine().describe(prepare((ASSETS / "astronaut.jpg").read_bytes()), EngineRequest())
    assert answer.text.startswith("A photo-like picture, mainly ")
    assert ", with one face visible." in answer.text


@pytest.mark.parametrize("name", ["cat.jpg", "coffee.jpg", "retina.jpg", "rocket.jpg", "hubble.jpg"])
def test_no_face_is_found_where_there_is_none(name: str) -> None:
    assert count_faces(photograph(name)) == 0


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (16, 16)])
def test_tiny_and_narrow_pictures_are_described(size: tuple[int, int]) -> None:
    assert described(Image.new("RGB", size, "red")).text


def test_a_link_in_a_qr_code_is_told() -> None:
    text = described(qr_code("https://example.org/join/abc")).text
    assert text.endswith("Contains a QR code linking to https://example.org/join/abc.")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("https://example.org/a?b=c", Code(True, link="https://example.org/a?b=c")),
        ("Table 12", Code(True, text="Table 12")),
        ("WIFI:T:WPA;S:home;P:secret;;", Code(True)),
        ("otpauth://totp/x?secret=ABC", Code(True)),
        ("https://user:password@example.org/", Code(True)),
    ],
)
def test_secrets_in_qr_codes_are_not_read_out(content: str, code: Code) -> None:
    assert read_codes(np.asarray(qr_code(content))) == [code]


def test_every_colour_of_the_palette_is_called_by_its_own_name() -> None:
    for name, value in PALETTE.items():
        assert colour_shares(np.full((20, 20, 3), value, dtype=np.uint8)) == [(name, 1.0)]


def test_every_language_has_a_word_for_every_colour_and_kind() -> None:
    for code in ("de", "fr"):
        _language, phrases = phrases_for(code)
        assert set(phrases.colours) == set(PALETTE)
        assert set(phrases.kinds) == set(Kind)


def test_columns_are_read_one_after_the_other_and_paragraphs_as_one() -> None:
    lines = [
        Line("Left one", 0, 0, 100, 20),
        Line("Right one", 300, 1, 400, 21),
        Line("left two", 0, 24, 100, 44),
        Line("right two", 300, 25, 400, 45),
        Line("Far below", 0, 200, 100, 220),
    ]
    assert [[line.text for line in block] for block in blocks(lines)] == [
        ["Left one", "left two"],
        ["Right one", "right two"],
        ["Far below"],
    ]


def test_what_is_written_from_right_to_left_is_read_from_the_right() -> None:
    lines = [
        Line("\u0633\u0637\u0631", 300, 0, 400, 20),
        Line("\u062b\u0627\u0646", 340, 24, 400, 44),  # shorter: only its right edge stands below the first
        Line("\u064a\u0633\u0627\u0631", 0, 1, 100, 21),
    ]
    assert [[line.left for line in block] for block in blocks(lines)] == [[300, 340], [0]]


def test_a_value_under_a_title_is_not_its_next_line() -> None:
    lines = [Line("Instances by software", 0, 0, 300, 30), Line("40%", 120, 32, 180, 62)]
    assert len(blocks(lines)) == 2


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("one two three", 13, "one two three"),
        ("one two three", 12, "one two…"),
        ("one two three", 8, "one two…"),
        ("one, two", 7, "one…"),
        ("unbreakable", 5, ""),
        ("今日は良い天気です", 5, "今日は良…"),
        ("one", 0, ""),
    ],
)
def test_texts_are_cut_at_a_word(text: str, room: int, short: str) -> None:
    assert shorten(text, room) == short


def test_at_every_length_the_quotation_marks_close() -> None:
    findings = Findings(
        kind=Kind.SCREENSHOT,
        is_grey=False,
        colours=["white"],
        faces=0,
        paragraphs=["Home and garden", "Log in", "A rather long paragraph about nothing in particular."],
        codes=[Code(True, link="https://example.org/abc")],
        frames=3,
    )
    for language in ("en", "de", "fr"):
        _code, phrases = phrases_for(language)
        for max_length in range(1, 320):
            text = compose(findings, phrases, max_length)
            assert len(text) <= max_length
            assert text.count(phrases.quotes[0].strip()) == text.count(phrases.quotes[1].strip())


def test_it_loads_from_the_wheel_silently_and_without_the_network(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_network(*args: object) -> None:
        raise AssertionError(f"a connection was opened: {args}")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    lines = _Reader().read(np.asarray(card("Hello there")))
    assert [each.line.text for each in lines] == ["Hello there"]
    assert _Reader().read(np.asarray(Image.new("RGB", (64, 64)))) == []
    assert capfd.readouterr() == ("", "")


def test_threads_share_the_engine_without_mixing_up_their_pictures() -> None:
    words = ["Apple pie", "Brown bread", "Carrot cake", "Date roll"]
    engine, pictures = BasicEngine(), [prepared(card(word, size=(400, 240))) for word in words]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda picture: engine.describe(picture, EngineRequest()), pictures))
    assert [answer.visible_text for answer in answers] == words


def test_the_same_picture_gives_the_same_text() -> None:
    picture = prepare((ASSETS / "coffee.jpg").read_bytes())
    first, second = (BasicEngine().describe(picture, EngineRequest()).text for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("poster_of", "said"), [("video", "one frame of a video"), ("gifv", "one frame of an animation")]
)
def test_a_frame_of_something_longer_is_said_to_be_one(poster_of: str, said: str) -> None:
    engine, picture = BasicEngine(), prepared(bar_chart())
    request = EngineRequest(poster_of=poster_of)
    assert engine.describe(picture, request).text.endswith(f"It is {said}.")
    assert engine.identity(picture, request) != engine.identity(picture, EngineRequest())


@pytest.mark.parametrize(
    ("seen", "latin", "others", "wanted", "said"),
    [
        ("MOCKBA", 0.93, {"Cyrillic": ("МОСКВА", 0.97), "Greek": ("ΜΟΟΚΒΑ", 0.91)}, "", "МОСКВА"),
        ("OPEN", 0.97, {"Cyrillic": ("ОРЕМ", 0.93), "Greek": ("ΟΡΕΝ", 0.93)}, "", "OPEN"),
        ("MAX", 0.97, {"Cyrillic": ("МАХ", 0.97), "Greek": ("ΜΑΧ", 0.92)}, "", "MAX"),
        ("MAX", 0.97, {"Cyrillic": ("МАХ", 0.97), "Greek": ("ΜΑΧ", 0.92)}, "Cyrillic", "МАХ"),
        ("METPO", 0.93, {"Cyrillic": ("МЕТРО", 0.97), "Greek": ("ΜΕΤΡΟ", 0.97)}, "", ""),
        ("MHNAN", 0.92, {"Greek": ("ΜΗΝΑΝ", 0.93)}, "Greek", "ΜΗΝΑΝ"),
        ("MOCKBA", 1.0, {}, "Cyrillic", "МОСКВА"),
        ("AOHNA", 1.0, {}, "Greek", ""),
    ],
)
def test_letters_that_scripts_share_are_read_in_the_one_that_speaks_for_itself(
    seen: str, latin: float, others: dict[str, tuple[str, float]], wanted: str, said: str
) -> None:
    assert twins.is_doubtful(seen)
    readings = {script: ReadLine(*reading) for script, reading in others.items()}
    assert twins._settle(seen, readings, ReadLine(seen, latin), wanted) == said


@pytest.mark.skipif(
    not {"rus", "ell"} <= set(packs()) or not reads_english(), reason="packs of scripts/test are missing"
)
def test_a_russian_word_of_shared_letters_is_quoted_as_one_and_an_english_one_as_it_is() -> None:
    assert described(card("MOCKBA", background="#fc3")).visible_text == "МОСКВА"
    assert described(card("OPEN", background="#fc3")).visible_text == "OPEN"


def test_the_edge_between_two_bands_is_no_text() -> None:
    flag = np.full((400, 600, 3), 255, dtype=np.uint8)
    flag[200:] = (220, 20, 60)
    assert read(flag).unreadable == []
