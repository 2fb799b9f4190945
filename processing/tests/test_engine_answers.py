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
        f'{{"alt_text": "{TEXT}"}} and "more"',
        f'Sure! ```json\n{{"caption": "{TEXT}"}}\n```',
        f'Here: {{"Description": "{TEXT}"}}',
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
        "An error message on a blue screen: the disk is full.",
        "500 people on a square.",
        "404 Not Found, says a page with a sad robot.",
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
        ("null", "empty"),
        ("None.", "empty"),
        ("N/A", "empty"),
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
        ('Here is the description as JSON: {"alt": "A harbour with two bo', "damaged or cut short"),
        ('Sure! ```json\n{"description": "A harbour with two bo', "damaged or cut short"),
        ('Here is the answer:\n{"descrip', "damaged or cut short"),
        ('"alt_text": "A harbour with two boats', "damaged or cut short"),
        ('{alt_text: "A harbour"}', "damaged or cut short"),
        ("{'alt_text': 'A harbour'}", "damaged or cut short"),
        ('A harbour. {"caption": "A harbour', "damaged or cut short"),
        ('One: {"alt": "A cat."} Two: {"alt": "A dog."}', "several descriptions"),
        ('{"error": "CUDA out of memory"}', "no field is the description"),
        ('{"detail": "Not found"}', "no field is the description"),
        ('{"message": "No image was given."}', "no field is the description"),
        ('{"thought": "I should look"}', "no field is the description"),
        ('Here you are: {"error": "no picture"} was all.', "no field is the description"),
        ('data: {"choices": [{"delta": {"content": "A"}}]}', "no field is the description"),
        ('{"name": "describe", "arguments": {"alt_text": "A harb"}}', "no field is the description"),
        ('<tool_call>{"name": "describe", "arguments": {"x": 1}}</tool_call>', "called a tool"),
        ("502 Bad Gateway", "error instead of a description: 502 Bad Gateway"),
        ("Internal Server Error", "error"),
        ("Error: CUDA out of memory", "CUDA"),
        ("upstream connect error or disconnect/reset before headers", "error"),
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
