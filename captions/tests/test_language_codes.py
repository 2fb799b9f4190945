import pytest

from captions.language_codes import asked_for, different, is_known, listed, normal


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("de", "de"),
        (" pt_BR ", "pt-br"),
        ("zh-Hant-TW", "zh-hant-tw"),
        ("und", ""),
        ("unk", ""),
        ("zxx", ""),
        ("", ""),
        ("d", ""),
        ("German", ""),
        ("de; DROP", ""),
        ("en-" + "x" * 30, ""),
        ("<b>", ""),
    ],
)
def test_a_code_is_kept_in_one_form_or_not_at_all(given: str, kept: str) -> None:
    assert normal(given) == kept


@pytest.mark.parametrize("code", ["de", "pt-br", "zh", "nb", "ja", "ar", "fil", "gsw", "tok"])
def test_languages_in_use_are_known(code: str) -> None:
    assert is_known(code)


@pytest.mark.parametrize("code", ["xx", "qq-de", ""])
def test_invented_ones_are_not(code: str) -> None:
    assert not is_known(code)


def test_a_list_holds_each_language_once() -> None:
    assert listed("de, EN;en-gb  und pt_BR nonsense") == ["de", "en", "pt-br"]
    assert different(["nb", "no", "", "de-at", "de"]) == ["nb", "de-at"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ("in German", "de"),
        ("Shorter, and in German please", "de"),
        ("in German and shorter", "de"),
        ("auf Deutsch", "de"),
        ("bitte kürzer und auf Deutsch.", "de"),
        ("German", "de"),
        ("Deutsch bitte", "de"),
        ("Translate to Brazilian Portuguese", "pt-br"),
        ("en français", "fr"),
        ("en français, plus court", "fr"),
        ("en español", "es"),
        ("på svenska", "sv"),
        ("in plain English", "en"),
        ("日本語で短く", "ja"),
        ("用中文写", "zh"),
        ("한국어로", "ko"),
        ("بالعربية من فضلك", "ar"),
        ("in het Nederlands", ""),
        ("in Nederlands", "nl"),
        ("in simplified Chinese", "zh-hans"),
        ("in Chinese", "zh"),
        ("po polsku", "pl"),
        ("in the Welsh language", "cy"),
    ],
)
def test_a_wish_for_a_language_is_understood(wish: str, code: str) -> None:
    assert asked_for(wish) == code


@pytest.mark.parametrize(
    "wish",
    [
        "",
        "shorter",
        "name the painting",
        "mention the French flag",
        "the paintings hang in French museums",
        "quote the German sign",
        "日本語の看板を説明して",
        "say that the book is in the Latin alphabet",
        "in one sentence",
        "name the Polish in the picture",
        "name the tin German shepherd",
    ],
)
def test_a_language_that_is_only_mentioned_is_not_asked_for(wish: str) -> None:
    assert asked_for(wish) == ""
