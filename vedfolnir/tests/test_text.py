import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedfolnir.lib.text import clean_alt_text, clean_line, is_missing, length, strip_html, unescape, words


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("  A dog.\n", "A dog."),
        ("A\x00 dog\x07.", "A dog."),
        ("One\r\nTwo\rThree\u2028Four", "One\nTwo\nThree\nFour"),
        ("A\tdog", "A dog"),
        ("A \u202edog\u202c", "A dog"),
        ("A \u2066dog\u2069\u200f", "A dog"),
        ("\ufeffA\u200b dog", "A dog"),
        ("Cafe\u0301", "Café"),
        ("A dog\ud800", "A dog"),
    ],
)
def test_cleaning_takes_out_what_a_reviewer_cannot_see(dirty: str, clean: str) -> None:
    assert clean_alt_text(dirty) == clean


def test_cleaning_takes_out_messages_hidden_in_tag_characters() -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    assert clean_alt_text(f"A dog{hidden}.") == "A dog."


@pytest.mark.parametrize(
    "text",
    [
        "👩‍💻 at her desk",
        "🏴󠁧󠁢󠁥󠁮󠁧󠁿 flag",
        "می‌خواهم",  # with a zero-width non-joiner, as it is spelled
        "Line one\nLine two",
        "❤️",
    ],
)
def test_cleaning_leaves_real_text_alone(text: str) -> None:
    assert clean_alt_text(text) == text


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = clean_alt_text(text)
    assert clean_alt_text(once) == once
    once.encode()


@pytest.mark.parametrize(
    ("text", "length", "line"),
    [
        ("One\x1b[2J\r\nTwo\u202e\u2028\tThree\x00\ud800 ", None, "One[2J Two Three"),
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
    ],
)
def test_a_line_of_a_stranger_is_cleaned_and_cut(text: str, length: int | None, line: str) -> None:
    assert clean_line(text, length) == line


@pytest.mark.parametrize(
    "alt", [None, "", "   \n", ".", "…", "-", "😀", "👍🏽 ❤️", "1️⃣", "ℹ️", "(?!)", "→", "⭐⭐", "♟️", "⠀", "♥", "™️"]
)
def test_nothing_emoji_and_punctuation_are_no_description(alt: str | None) -> None:
    assert is_missing(alt)


@pytest.mark.parametrize("alt", ["A dog", "7", "猫", "😀 smiles", "ß", "⠓⠑⠇⠇⠕", "★★★★☆", "♔♕♖", "𝄞♩♪", "∑∫ ×", "⅃"])
def test_a_word_a_figure_or_what_people_write_with_signs_is_a_description(alt: str) -> None:
    assert not is_missing(alt)


def test_length_is_in_code_points() -> None:
    assert length("👩‍💻") == 3
    assert length("é") == 1


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello</p>", "Hello"),
        ("<p>One<br>Two<br />Three</p><p>Four</p>", "One\nTwo\nThree\n\nFour"),
        ("<p>Fish &amp; chips &lt;3 &#x1F600;</p>", "Fish & chips <3 😀"),
        ("plain & simple, a < b", "plain & simple, a < b"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\nTwo"),
        ("<p>a</p><script>alert(1)</script><style>p{}</style><p>b</p>", "a\n\nb"),
        ("<p>too   many\n spaces</p>", "too many spaces"),
        ("<pre>  two\n  lines</pre>", "two\n  lines"),
        ("<p>one<br><br>two</p>", "one\n\ntwo"),
        ("a<![foo bar]>b<![ x", "ab<![ x"),
        ("a<![CDATA[b]]>c", "ac"),
        (f"a&#{'9' * 5000};b", "a\ufffdb"),
        ("", ""),
    ],
)
def test_html_becomes_readable_text(html: str, text: str) -> None:
    assert strip_html(html) == text


def test_mastodons_shortened_links_come_out_whole() -> None:
    html = (
        '<p>See <a href="https://example.org/a/long/way"><span class="invisible">https://</span>'
        '<span class="ellipsis">example.org/a/lo</span><span class="invisible">ng/way</span></a> '
        '<a href="https://a.example/@b" class="u-url mention">@<span>b</span></a></p>'
    )
    assert strip_html(html) == "See https://example.org/a/long/way @b"


@given(st.text(alphabet=st.sampled_from(list("<>&;/pbr a\n\"'=!-"))))
def test_any_html_can_be_stripped(html: str) -> None:
    strip_html(html)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("&lt;3 &amp; &#233;", "<3 & é"), (f"a&#{'9' * 5000};b", "a\ufffdb"), (f"&#x{'f' * 5000};", "\ufffd")],
)
def test_references_are_read_however_long_their_number_is(text: str, plain: str) -> None:
    assert unescape(text) == plain


def test_words_compare_without_case_and_punctuation() -> None:
    assert words("ＡＢＣ, straße – Ｘ!") == words("abc STRASSE x")
