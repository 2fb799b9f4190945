from typing import Any

import pytest

from captions.checks import FINDINGS, Finding, check, score

GOOD = "A tabby cat sleeps on a red blanket, its head on its paws."


def codes(text: str, **options: Any) -> set[str]:
    return {finding.code for finding in check(text, **{"limit": 1500, **options})}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Screenshot of a login page.",
        "Painting of a harbour at dusk: three boats, a lighthouse.",
        "Bar chart of instances by software: Mastodon 40 %, Pixelfed 30 %, others 30 %.",
        'A sign in the rain reads "No parking".',
        "A black cat and a white cat on a wall.",
        "A woman in a wheelchair plays basketball.",
        "NASA logo on a rocket.",
        "The word “WELCOME”, written in sand.",
        "Two people shake hands in front of a brick wall (seen from behind).",
        "A page of the magazine from 1923, with a drawing of an engine.",
        "Step one: mix flour and water. Step two: wait an hour.",
    ],
)
def test_a_good_text_has_no_findings(text: str) -> None:
    assert codes(text) == set()
    assert score(check(text, limit=1500)) == 100


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Eine getigerte Katze schläft auf einer roten Decke."),
        ("de-AT", "Balkendiagramm: Mastodon 40 %, Pixelfed 30 %."),
        ("fr", "Un chat tigré dort sur une couverture rouge, près d’une fenêtre."),
        ("ja", "赤い毛布の上で眠る猫。"),
        ("pl", "Pręgowany kot śpi na czerwonym kocu."),
    ],
)
def test_a_good_text_in_another_language_has_no_findings(language: str, text: str) -> None:
    assert codes(text, language=language) == set()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("empty", ""),
        ("empty", " \n "),
        ("empty", "😀"),
        ("placeholder", "IMG_2041.jpg"),
        ("placeholder", "holiday in rome (2).png"),
        ("placeholder", "DSC00123"),
        ("placeholder", "Image"),
        ("placeholder", "alt text"),
        ("refusal", "I'm unable to view the image."),
        ("refusal", "I can’t see any image here."),
        ("refusal", "As an AI language model, I do not describe people."),
        ("refusal", "Please provide the image you want me to describe."),
        ("assistant-talk", "Sure! A cat sleeps on a blanket."),
        ("assistant-talk", "Here is the alt text: A cat sleeps on a blanket."),
        ("assistant-talk", "Alt text: A cat sleeps on a blanket."),
        ("assistant-talk", "A cat on a blanket. Let me know if you need more."),
        ("markup", "**A cat** sleeps on a blanket."),
        ("markup", "<p>A cat sleeps on a blanket.</p>"),
        ("markup", '{"alt": "A cat sleeps on a blanket."}'),
        ("markup", "Fish &amp; chips on a plate."),
        ("markup", "A cat on a blanket.<|im_end|>"),
        ("truncated", "A cat sleeps on a red blanket, its head on the"),
        ("truncated", "A cat sleeps on a red blanket,"),
        ("truncated", "A cat sleeps on a red blanket and its…"),
        ("too-short", "A cat."),
        ("long", "A cat sleeps on a red blanket. " * 3 + "Beside it stands a bowl. " * 10),
        ("redundant-opening", "Image of a cat on a blanket."),
        ("redundant-opening", "The photo shows a cat on a blanket."),
        ("redundant-opening", "In this picture a cat sleeps."),
        ("hedge", "A cat that is probably asleep on a blanket."),
        ("opinion", "A stunning sunset over the harbour."),
        ("guessed-identity", "An Asian woman reads a book."),
        ("guessed-identity", "A man of African descent reads a book."),
        ("repetition", "A cat on a blanket with a cat on a blanket with a bowl."),
        ("repetition", "A very very very large cat."),
        ("no-capital", "a cat sleeps on a blanket."),
        ("no-full-stop", "A cat sleeps on a blanket"),
        ("all-caps", "A CAT SLEEPS ON A BLANKET."),
        ("link-or-mention", "A cat on a blanket, see https://evil.example/now."),
        ("link-or-mention", "A cat on a blanket, by @alice@example.social."),
    ],
)
def test_each_planted_defect_is_found(code: str, text: str) -> None:
    assert code in codes(text)


@pytest.mark.parametrize(
    ("language", "code", "text"),
    [
        ("de", "redundant-opening", "Das Bild zeigt eine Katze auf einer Decke."),
        ("de", "refusal", "Ich kann das Bild leider nicht sehen."),
        ("de", "hedge", "Eine Katze schläft vermutlich auf einer Decke."),
        ("de", "opinion", "Ein atemberaubender Sonnenuntergang am Hafen."),
        ("de", "guessed-identity", "Eine asiatische Frau liest ein Buch."),
        ("de", "assistant-talk", "Hier ist der Alternativtext: Eine Katze schläft."),
        ("fr", "redundant-opening", "Image d’un chat sur une couverture."),
        ("fr", "refusal", "Je ne peux pas voir cette image."),
        ("fr", "assistant-talk", "Voici une description de la photo."),
        ("fr", "hedge", "Un chat dort peut-être sur une couverture."),
    ],
)
def test_german_and_french_have_phrases_of_their_own(language: str, code: str, text: str) -> None:
    assert code in codes(text, language=language)


def test_the_limit_counts_code_points_and_shows_where_it_ends() -> None:
    [finding] = [finding for finding in check("É" * 10 + "a.", limit=10) if finding.code == "over-limit"]
    assert (finding.severity, finding.span) == ("blocker", (10, 12))
    assert "over-limit" not in codes("A cat sleeps here.", limit=18)
    assert "over-limit" not in codes(GOOD * 100, limit=None)


def test_a_text_that_the_server_would_change_is_not_good_enough() -> None:
    assert "not-kept" in codes(GOOD, is_kept=False)
    assert "not-kept" not in codes(GOOD)
    # What is too long is that first of all.
    assert "not-kept" not in codes(GOOD, limit=5, is_kept=False)


def test_a_span_points_at_the_words() -> None:
    text = "A cat that is probably asleep."
    [finding] = check(text, limit=None)
    assert finding.span is not None
    assert text[slice(*finding.span)] == "probably"


def test_what_is_quoted_is_not_held_against_the_writer() -> None:
    assert codes('A poster reads "Probably the most beautiful beer: image of a stunning world".') == set()


def test_repeating_the_post_is_found_but_the_pictures_own_text_may_be_in_both() -> None:
    post = "We are open again from Monday, come and see our new bread!"
    copied = "A bakery. We are open again from Monday, come and see our new bread."
    assert "repeats-post" in codes(copied, post_text=post)
    assert "repeats-post" not in codes("A baker holds up a loaf of bread.", post_text=post)
    assert "repeats-post" not in codes(copied, post_text=post, visible_text=post)


def test_text_in_the_picture_must_be_told() -> None:
    visible = "Street festival\nSaturday at noon\nEntry is free"
    assert "misses-text" in codes("A colourful poster with balloons.", visible_text=visible)
    complete = "Poster: street festival, Saturday at noon, entry is free."
    assert codes(complete, visible_text=visible) == set()


def test_axis_ticks_need_not_be_told() -> None:
    visible = "Votes per colour\n0\n10\n20\n30\n2020\n2021\n2022"
    assert codes("Bar chart of votes per colour: red leads.", visible_text=visible) == set()


def test_a_whole_page_need_not_be_told() -> None:
    page = " ".join(f"word{number}{'abcdefgh'[number % 8]}x" for number in range(80))
    assert "misses-text" not in codes("A page of a book about engines.", visible_text=page)


def test_a_quotation_must_be_in_the_picture() -> None:
    visible = "No parking"
    assert codes('A sign reads "No parking".', visible_text=visible) == set()
    assert "quote-not-in-picture" in codes('A sign: no parking. Another reads "Beware of dog".', visible_text=visible)
    assert "quote-not-in-picture" in codes(
        "Ein Schild, no parking: „Vorsicht Hund“.", visible_text=visible, language="de"
    )


def test_a_link_that_is_in_the_picture_may_be_told() -> None:
    visible = "Visit https://example.org/join now"
    assert codes("Poster: visit https://example.org/join now.", visible_text=visible) == set()


def test_an_address_for_mail_is_no_mention() -> None:
    assert "link-or-mention" not in codes("A card with the address jo@example.org on it.")


def test_a_year_that_a_machine_made_up_is_found() -> None:
    text = "A crowd in Paris in 2019."
    assert "year-from-nowhere" in codes(text, engine="ollama")
    assert "year-from-nowhere" not in codes(text, engine="ollama", post_text="Remember 2019?")
    assert "year-from-nowhere" not in codes(text, engine=None)


def test_the_basic_engine_may_be_cautious_and_quote_in_part() -> None:
    text = "What looks like a chart or diagram. Text reads: “Votes per colour”. Contains a QR code linking to https://a.example/b."
    visible = "Votes per colour\nand a good many words more than were quoted by the engine in this text"
    assert codes(text, visible_text=visible, engine="basic") == set()
    german = "Vermutlich ein Diagramm. Zu lesen ist: „Umsatz im Mai“."
    assert codes(german, language="de", engine="basic", visible_text="Umsatz im Mai") == set()
    assert codes("A photo-like picture, mainly brown and tan.", engine="basic") == {"says-little"}


def test_findings_come_gravest_first_and_cost_what_is_documented() -> None:
    findings = check("image of a stunning cat, see https://a.example/b", limit=None)
    assert [finding.severity for finding in findings] == ["major", "minor", "minor", "minor", "minor"]
    assert score(findings) == 100 - 25 - 4 * 8
    assert score(check("")) == 1
    assert score([Finding("markup", "major", "")] * 9) == 1
    assert score([]) == 100


def test_every_code_has_a_message_and_a_severity() -> None:
    for severity, message in FINDINGS.values():
        assert severity in {"blocker", "major", "minor", "note"}
        assert str(message).endswith(".")


def test_the_salad_that_once_scored_93_does_not_pass() -> None:
    salad = "Beautiful bright dark large small wearing beautiful bright dark large small scene with beautiful light"
    assert score(check(salad, limit=1500)) < 70
