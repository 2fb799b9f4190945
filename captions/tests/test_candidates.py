"""What drafts of one picture do not agree on. Marked places stand in [brackets]."""

from random import Random
from time import process_time

import pytest

from captions.candidates import MARKED_MOST, disagreement, marked

CASES = [
    pytest.param(
        "en",
        ["A [red] boat in the harbour.", "A [blue] boat in the harbour."],
        id="a_colour",
    ),
    pytest.param("en", ["Two boats at a pier.", "2 boats at the pier."], id="a_number_in_words_and_in_digits_agree"),
    pytest.param("en", ["[Two] boats at a pier.", "[Three] boats at a pier."], id="numbers"),
    pytest.param("en", ["One boat at a pier.", "A boat at a pier."], id="an_article_is_no_number"),
    pytest.param(
        "en",
        ["A woman walks a dog along the beach.", "The woman is walking her dogs along the beach."],
        id="forms_of_a_word_agree",
    ),
    pytest.param(
        "en",
        ["A photo of [Lisbon] at night.", "A photo of [Porto] at night.", "A photo of a [city] at night."],
        id="a_name_that_not_all_have",
    ),
    pytest.param(
        "en",
        ["A dog on a lawn.", "A dog on a lawn with a [ball].", "A dog on a lawn."],
        id="a_thing_that_one_alone_sees",
    ),
    pytest.param("en", ["Stop sign, a dog.", "A dog beside a stop sign."], id="joining_words_count_for_nothing"),
    pytest.param(
        "de",
        ["Ein [roter] Zug und zwei Fahrräder.", "Ein [blauer] Zug und 2 Fahrräder."],
        id="german_colours_and_numbers",
    ),
    pytest.param("ru", ["[Красная] лодка у причала.", "[Синяя] лодка у причала."], id="russian_colours"),
    pytest.param("ja", ["[赤]い灯台と海。", "[青]い灯台と海。"], id="japanese_by_its_characters"),
    pytest.param("zh", ["港口里有一艘船。", "港口里有一艘船。"], id="the_same_chinese_text"),
    pytest.param("ko", ["항구의 [빨간] 등대.", "항구에 [파란] 등대."], id="korean_particles_agree"),
    pytest.param("ar", ["قارب [أحمر] في الميناء", "القارب [أزرق] في الميناء"], id="the_arabic_article_agrees"),
    pytest.param("hi", ["नीली नाव [किनारे] पर", "नीली नाव [पानी] पर"], id="words_with_vowel_signs_stay_whole"),
    pytest.param("en", ["Opens [9]:30.", "Opens at [10]:30."], id="digits"),
    pytest.param("en", ["Nobody else drafted this."], id="one_text_agrees_with_itself"),
]


@pytest.mark.parametrize(("language", "texts"), CASES)
def test_it_marks_what_the_others_do_not_bear_out(language: str, texts: list[str]) -> None:
    plain = [text.replace("[", "").replace("]", "") for text in texts]
    spans = disagreement(plain, language)
    shown = [
        "".join(f"[{part}]" if is_marked else part for part, is_marked in marked(text, found))
        for text, found in zip(plain, spans, strict=True)
    ]
    assert shown == texts


def test_nothing_is_lost_by_marking() -> None:
    text = "Two boats 🛥️ and a 灯台, 9:30."
    (spans, _other) = disagreement([text, "Something else entirely."], "en")
    assert "".join(part for part, _marked in marked(text, spans)) == text


def test_long_texts_are_compared_in_no_time() -> None:
    texts = [" ".join(f"word{number * step}" for number in range(300)) for step in (1, 2, 3)]
    assert len(disagreement(texts, "en")) == 3


def test_nothing_is_marked_behind_a_stated_length() -> None:
    text, other = "word " * 400 + "unicorn", "word " * 400 + "elephant"
    assert disagreement([text, other]) == [[], []]
    assert disagreement([text[-MARKED_MOST:], other[-MARKED_MOST:]]) != [[], []]


@pytest.mark.parametrize("letters", ["abcdefghijklmnopqrstuvwxyz", "ab", "あいうえおかきくけこ"])
def test_four_long_texts_that_agree_on_nothing_are_compared_in_less_than_a_second(letters: str) -> None:
    random = Random(3)
    between = "" if letters[0] > "z" else " "
    texts = [between.join("".join(random.choices(letters, k=7)) for _word in range(700))[:5000] for _text in range(4)]
    started = process_time()
    assert len(disagreement(texts, "en")) == 4
    assert process_time() - started < 1  # of the processor: about 0.1; it was 139 s
