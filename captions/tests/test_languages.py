import json
from collections import Counter
from pathlib import Path

import pytest

from captions.languages import LANGUAGES, base, detect, direction, has_case, main_script, other_language, same_language

SAMPLES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "language_samples.json").read_text(encoding="utf-8")
)


def test_short_texts_in_22_languages_are_told_apart() -> None:
    found = {language: Counter(detect(text) or "unsure" for text in texts) for language, texts in SAMPLES.items()}
    right = sum(counts[language] for language, counts in found.items())
    unsure = sum(counts["unsure"] for counts in found.values())
    total = sum(len(texts) for texts in SAMPLES.values())
    for language, counts in found.items():
        print(f"{language}: {dict(counts)}")  # noqa: T201
    print(f"{right} of {total} right, {unsure} unsure, {total - right - unsure} wrong")  # noqa: T201
    assert total - right - unsure == 0
    assert right >= 0.9 * total


def test_no_text_is_taken_for_another_language_than_its_own() -> None:
    assert [
        (text, other_language(text, wanted))
        for wanted in SAMPLES
        for text in SAMPLES[wanted]
        if other_language(text, wanted)
    ] == []


def test_a_text_in_another_language_is_noticed() -> None:
    pairs = [
        (wanted, text)
        for wanted in ("en", "de", "ja", "ar")
        for other in SAMPLES
        for text in SAMPLES[other]
        if other != wanted
    ]
    noticed = sum(bool(other_language(text, wanted)) for wanted, text in pairs)
    print(f"{noticed} of {len(pairs)} texts in another language than the wanted one were noticed")  # noqa: T201
    assert noticed >= 0.9 * len(pairs)


@pytest.mark.parametrize(
    "text",
    ["", "40 %", "NASA", "Gato.", "Barack Obama in Paris.", "Logo von Nextcloud.", "Screenshot: Login-Seite.",
     "A karaoke bar in Shibuya, Tokyo.", "Balkendiagramm: Mastodon 40 %, Pixelfed 30 %."],
)  # fmt: skip
def test_names_and_numbers_alone_are_of_no_language(text: str) -> None:
    assert detect(text) == ""


def test_only_the_languages_asked_for_are_answered() -> None:
    assert detect("Zwei Kinder bauen am Meer eine Sandburg.", among=["de-AT", "en"]) == "de"
    assert detect("赤い毛布の上で眠る猫。", among=["de", "en"]) == ""
    assert "zxx" not in LANGUAGES


def test_codes_are_compared_by_their_language() -> None:
    assert same_language("pt-BR", "pt_PT")
    assert same_language("nb", "no")
    assert same_language("", "de")
    assert not same_language("de", "nl")
    assert base("zh-Hant-TW") == "zh"


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("iw", "rtl"),
        ("ur-Latn", "ltr"),
        ("az-Arab", "rtl"),
        ("ks", "rtl"),
        ("ks-Deva", "ltr"),
        ("nqo", "rtl"),
        ("pnb", "rtl"),
        ("de", "ltr"),
        ("", "ltr"),
    ],
)
def test_the_direction_follows_the_language_and_its_script(language: str, expected: str) -> None:
    assert direction(language) == expected


def test_scripts_are_counted_by_letters() -> None:
    assert main_script("赤い毛布の上で眠る猫。") == "Japanese"
    assert main_script("一只虎斑猫睡在红色毯子上。") == "Han"
    assert main_script("USB 케이블 두 개가 책상 위에 있다") == "Korean"
    assert main_script("123 … !") == ""
    assert has_case("Кошка")
    assert not has_case("قطة")


# A long alt text in each of some languages that have close relatives.
LONG = {
    "ru": (
        "На фотографии старый рыбацкий порт зимой: десятки небольших лодок вмёрзли в лёд, на причал"
        "е двое рабочих в оранжевых куртках сматывают толстый канат, а за ними поднимается дым из т"
        "рубы консервного завода. Справа видна надпись на стене."
    ),
    "pt": (
        "Uma praça cheia de pessoas ao fim da tarde: crianças correm atrás de pombos, um homem mais"
        " velho toca acordeão sentado num banco de pedra e, ao fundo, vê-se uma igreja com duas tor"
        "res iluminadas pelo sol."
    ),
    "es": (
        "Una plaza llena de gente al atardecer: los niños corren detrás de las palomas, un hombre m"
        "ayor toca el acordeón sentado en un banco de piedra y, al fondo, se ve una iglesia con dos"
        " torres iluminadas por el sol."
    ),
    "ar": (
        "ساحة مليئة بالناس عند الغروب، يركض الأطفال خلف الحمام بينما يعزف رجل مسن على الأكورديون وه"
        "و جالس على مقعد حجري، وفي الخلفية كنيسة ذات برجين تضيئهما الشمس."
    ),
    "sv": (
        "Ett torg fullt av människor på kvällen: barn springer efter duvorna, en äldre man spelar d"
        "ragspel på en stenbänk och i bakgrunden syns en kyrka med två torn som lyses upp av solen."
    ),
}


@pytest.mark.parametrize(
    ("wanted", "text"),
    [("uk", "ru"), ("be", "ru"), ("bg", "ru"), ("es", "pt"), ("pt", "es"), ("ca", "es"), ("gl", "es"), ("fa", "ar"),
     ("ur", "ar"), ("no", "sv"), ("da", "sv"), ("de", "sv"), ("gd", "en"), ("jv", "en")],
)  # fmt: skip
def test_a_long_text_in_a_close_relative_is_noticed(wanted: str, text: str) -> None:
    english = "A square full of people in the evening: children run after the pigeons, and a man plays the accordion."
    assert other_language(LONG.get(text, english), wanted) == text


@pytest.mark.parametrize(
    ("wanted", "text"),
    [("uk", "Кіт на дивані."), ("gl", "Gato sentado na cadeira."), ("no", "En hund på en strand."),
     ("gd", "Cù air an tràigh."), ("sco", LONG["sv"]), ("pt", "Gato en Barcelona.")],
)  # fmt: skip
def test_a_short_text_in_a_close_relative_passes(wanted: str, text: str) -> None:
    assert other_language(text, wanted) == ""
