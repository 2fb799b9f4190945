"""What models put around a description, and what is no description at all."""

import pytest

from processing.engines.answers import Cleaned, clean_answer, mean_logprob
from processing.engines.base import EngineRefused

TEXT = "A grey cat asleep on a red chair."


@pytest.mark.parametrize(
    "said",
    [
        TEXT,
        f"  \n{TEXT}\n",
        f"<think>Hm, a cat?</think>\n\n{TEXT}",
        f"<thinking>Hm.</thinking>{TEXT}",
        f"A cat, I think. </think>\n{TEXT}",
        f"◁think▷Hm◁/think▷{TEXT}",
        f"[THINK]Hm[/THINK]{TEXT}",
        f"<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}<|return|>",
        f"{TEXT}<|im_end|>",
        f"{TEXT}<end_of_utterance>",
        f"```\n{TEXT}\n```",
        f"```text\n{TEXT}\n```",
        f"Alt text: {TEXT}",
        f"**Alt-Text:** {TEXT}",
        f'Alt text: "{TEXT}"',
        f"Sure! Here is the alt text for the image: {TEXT}",
        f"Here’s the alt text: “{TEXT}”",
        f'"{TEXT}"',
        f"„{TEXT}“",
        f'{{"alt_text": "{TEXT}"}}',
        f'{{"alt_text": "{TEXT}", "language": "en"}}',
        f'{{"beschreibung": "{TEXT}", "confidence": 0.9}}',
        f'[{{"description": "{TEXT}"}}]',
        f'```json\n{{"caption": "{TEXT}"}}\n```',
        f'Here is the JSON: {{"alt_text": "{TEXT}", "decorative": false}} Anything else?',
        f"<s> {TEXT}</s>",
    ],
)
def test_the_description_alone_is_left(said: str) -> None:
    assert clean_answer(said) == Cleaned(TEXT)


@pytest.mark.parametrize(
    "said",
    [
        '"STOP" on a red sign, "GO" on a green one',
        'A sign that reads "STOP"',
        "A screenshot of code: {x: 1} and more",
        "[Two people] stand beside the word in brackets.",
        "Text reads: “Think <b>different</b>”.",
        "Screenshot of an editor; the line <body class=x> is marked, and <s>old</s> stands beside it.",
        'Screenshot of code: {"name": "x"} is marked.',
        "A shelf with 3 < 4 written on it.",
    ],
)
def test_what_belongs_to_the_description_stays(said: str) -> None:
    assert clean_answer(said).text == said


@pytest.mark.parametrize(
    "said",
    [
        "[DECORATIVE] A thin grey line.",
        "[decorative]: A thin grey line.",
        "**[DECORATIVE]** A thin grey line.",
        '"[DECORATIVE] A thin grey line."',
        "[DECORATIVE]\nAlt text: A thin grey line.",
        '{"alt_text": "A thin grey line.", "decorative": true}',
        '{"alt_text": "[DECORATIVE] A thin grey line.", "decorative": false}',
    ],
)
def test_a_proposal_of_decoration_is_told_apart_from_its_text(said: str) -> None:
    assert clean_answer(said) == Cleaned("A thin grey line.", decorative=True)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", "empty"),
        ("<think>A cat</think>", "empty"),
        ("🐈", "empty"),
        ('""', "empty"),
        ('{"alt_text": ""}', "empty"),
        ("<think>A cat, or", "thinking"),
        ("[THINK] A cat, or", "thinking"),
        ("<html><body>Sign in</body></html>", "web page"),
        ("[DECORATIVE]", "decorative"),
        ("[DECORATIVE].", "decorative"),
        ('{"alt_text": "A cat", "decorative": true', "damaged or cut short"),
        ("{", "damaged or cut short"),
        ('Here it is: {"alt_text": "A c', "damaged or cut short"),
        ('```json\n{"alt_text": "A c\n```', "damaged or cut short"),
        ('{"alt_text": "A cat"} and "more"', "damaged or cut short"),
        ('{"a": "A cat", "b": "A dog"}', "no field is the description"),
        ('{"alt_text": null}', "no field is the description"),
        ('{"alt_text": ["A cat"]}', "no field is the description"),
        ("[[1, 2]]", "data"),
        ('["A cat", "A dog"]', "data"),
        ('{"a":' * 100_000, "damaged or cut short"),
    ],
)
def test_what_is_no_description_is_refused(said: str, reason: str) -> None:
    with pytest.raises(EngineRefused, match=reason):
        clean_answer(said)


def test_the_confidence_is_the_mean_of_what_is_a_number() -> None:
    assert mean_logprob([{"logprob": -1.0}, {"logprob": -2}, {"logprob": None}, 3]) == -1.5
    assert mean_logprob([{"logprob": float("-inf")}]) is None
    assert mean_logprob([]) is None
    assert mean_logprob(None) is None
