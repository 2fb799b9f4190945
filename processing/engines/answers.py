"""From what a model said to a text for people who cannot see: shared by all engines that ask a model.

Models think aloud, put labels and quotation marks around, leak JSON or a web page. What is left must be a description;
where it is not, EngineRefused says so. No text is ever made up here.
"""

import json
import math
import re
import time
from dataclasses import dataclass
from typing import Any

from processing.engines.base import EngineAnswer, EngineRefused, EngineRequest
from processing.engines.prompts import prompt_version
from vedfolnir.lib.text import clean_alt_text, is_missing, length

CUT = frozenset({"length", "max_tokens", "max_length"})  # finish reasons: the text ends in the middle
FILTERED = frozenset({"content_filter", "safety"})

_THINKING = re.compile(
    r"<(think|thinking|thought|reasoning)>.*?</\1>|◁think▷.*?◁/think▷|\[think\].*?\[/think\]"
    r"|<\|channel\|?>(?:analysis|thought).*?(?:<\|end\|>|<channel\|>)",
    re.DOTALL | re.IGNORECASE,
)
_BEGINNING = re.compile(
    r"<(?:think|thinking|thought|reasoning)>|◁think▷|\[think\]|<\|channel\|?>(?:analysis|thought)", re.IGNORECASE
)
_END = re.compile(r"^.*(?:</(?:think|thinking|thought|reasoning)>|◁/think▷|\[/think\])", re.DOTALL | re.IGNORECASE)
_SPECIAL = re.compile(
    r"<\|(?:im_end|im_start|endoftext|end|eot_id|start|channel|message|return|assistant)\|>(?:assistant|final)?"
    r"|<end_of_utterance>|<end_of_turn>|^\s*<s>|</s>\s*$"
)
_FENCE = re.compile(r"^```[a-z]*\s*\n(.*?)\n?\s*```$", re.DOTALL | re.IGNORECASE)
_LABEL = re.compile(
    r"^\**\s*(?:(?:sure|certainly|of course)[!,.]*\s*)?(?:here(?:['\u2019]s| is)\s+)?(?:(?:the|an?|your|suggested)\s+)?"
    r"(?:alt[ -]?text|alternative text|alternativtext|texte alternatif|testo alternativo|texto alternativo)"
    r"(?:\s+(?:for|of)\s+(?:the|this|your)\s+(?:image|picture|photo))?\s*\**\s*:\s*\**\s*",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "「": "」"}
_WEB_PAGE = re.compile(r"<\s*(?:!doctype|html|head|body)\b", re.IGNORECASE)  # at the start; a text may quote a tag
_JSON = re.compile(r"^(?:\{\s*(?:[\"'}]|$)|\[\s*(?:[{\[\"]|$))")
_LEAK = re.compile(r"\{\s*[\"']alt_?text[\"']\s*:.*", re.DOTALL | re.IGNORECASE)  # behind "Here is the JSON:"
_DECORATIVE = re.compile(r"^[\s*_`\"“]*\[\s*decorative\s*\][\s*_`]*[:.\u2013\u2014-]*\s*", re.IGNORECASE)
_TEXT_FIELDS = ("alt_text", "alt", "alttext", "description", "caption", "text")


@dataclass(frozen=True)
class Reply:
    """What a model answered, before anybody looked at it."""

    content: str
    finish: str = ""  # why it ended, in the server's word: "stop", "length"
    tokens_in: int | None = None
    tokens_out: int | None = None
    confidence: float | None = None  # mean log-probability of a token


@dataclass(frozen=True)
class Cleaned:
    text: str
    decorative: bool = False  # the model proposes to leave the picture without alt text


def answer_from(
    reply: Reply,
    request: EngineRequest,
    *,
    engine: str,
    model: str,
    prompt: str,
    temperature: float | None,
    started: float,
) -> EngineAnswer:
    """The reply as an answer; `started` is of time.monotonic(). Raises EngineRefused where it holds no description."""
    if reply.finish in CUT:
        raise EngineRefused("The model did not come to an end: its answer was cut off by the limit of tokens.")
    if reply.finish in FILTERED:
        raise EngineRefused("The server's content filter held the answer back.")
    cleaned = clean_answer(reply.content)
    notes: tuple[str, ...] = ()
    if length(cleaned.text) > request.max_length:
        notes = (f"The model wrote {length(cleaned.text)} characters; {request.max_length} are allowed.",)
    return EngineAnswer(
        text=cleaned.text,
        engine=engine,
        model=model,
        prompt=prompt,
        prompt_version=prompt_version(request),
        proposed_decorative=cleaned.decorative,
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        seconds=time.monotonic() - started,
        confidence=reply.confidence,
        temperature=temperature,
        notes=notes,
    )


def clean_answer(content: str) -> Cleaned:
    """The description alone, without what models put around it. Raises EngineRefused if nothing usable is left."""
    text = clean_alt_text(_SPECIAL.sub("", _without_thinking(content)))
    fenced = _FENCE.match(text)
    text = fenced[1].strip() if fenced else text
    decorative = False
    leak = _LEAK.search(text)
    if leak or _JSON.match(text):
        text, decorative = _from_json(leak[0].rpartition("}")[0] + "}" if leak and leak.start() else text)
    if _WEB_PAGE.match(text):
        raise EngineRefused("The model answered with a web page instead of a description.")
    text = _bare(text)
    marked = _DECORATIVE.match(text)
    if marked:
        decorative, text = True, _bare(text[marked.end() :])
    if not text and decorative:
        raise EngineRefused("The model calls the picture decorative and does not say what it shows.")
    if is_missing(text):
        raise EngineRefused("The model gave an empty answer.")
    return Cleaned(text, decorative)


def _without_thinking(content: str) -> str:
    content = _THINKING.sub("", content)
    if _BEGINNING.search(content):
        raise EngineRefused("The model did not come to an end of its thinking.")
    return _END.sub("", content)  # some templates begin the thinking themselves, so that only its end is in the answer


def _from_json(text: str) -> tuple[str, bool]:
    """The text of an answer that is JSON, and whether it says decorative. Raises EngineRefused: half, or no text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise EngineRefused("The model answered with JSON that is damaged or cut short.") from None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        return clean_alt_text(value), False
    if not isinstance(value, dict):
        raise EngineRefused("The model answered with data instead of a description.")
    found = _text_field(value)
    if found is None:
        raise EngineRefused("The model answered with JSON in which no field is the description.")
    return clean_alt_text(found), value.get("decorative") is True


def _text_field(value: dict[str, Any]) -> str | None:
    """The field with a name of ours, else the only one that holds text."""
    texts = {str(name).lower().replace("-", "_"): field for name, field in value.items() if isinstance(field, str)}
    for name in _TEXT_FIELDS:
        if name in texts:
            return texts[name]
    return next(iter(texts.values())) if len(texts) == 1 else None


def _bare(text: str) -> str:
    """Without a label ("Alt text:") before and one pair of quotation marks around the whole."""
    text = _LABEL.sub("", text).strip()
    closing = _QUOTES.get(text[:1])
    if closing and len(text) > 1 and text.endswith(closing) and closing not in text[1:-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text


def count(value: object) -> int | None:
    """A number of tokens, if it is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def mean_logprob(tokens: object) -> float | None:
    """The mean of [{"logprob": -0.1}, …]; None where the server gave none."""
    if not isinstance(tokens, list):
        return None
    values = [token.get("logprob") for token in tokens if isinstance(token, dict)]
    known = [float(value) for value in values if isinstance(value, int | float) and math.isfinite(value)]
    return sum(known) / len(known) if known else None
