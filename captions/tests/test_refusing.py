"""An answer that is nothing but a refusal is told from a description."""

import pytest

from captions.checks import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry. I cannot describe this image.",
        "Sorry, I can't assist with identifying people in pictures.",
        "As an AI language model, I don't see any image.",
        "I cannot view images. Please provide a description, and let me know what you need.",
        "Unfortunately, I am unable to process this image.",
        "Es tut mir leid, ich kann das Bild nicht sehen.",
        "Als KI kann ich dieses Bild nicht beschreiben.",
    ],
)
def test_a_refusal_in_words_is_one(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A lighthouse on a rock.",
        "I cannot identify the person, but a man in a red coat stands at a door.",
        "I can't see who it is. A man in a red coat stands at a door.",
        "A poster reads “I'm sorry, but I can't help with that.”",
        "A woman holds up a sign that says I can't help you.",
    ],
)
def test_a_description_is_none_even_where_it_refuses_in_part(text: str) -> None:
    assert not is_refusal(text)
