"""From what a model said to a text for people who cannot see: shared by all engines that ask a model.

Models think aloud, put labels and quotation marks around, leak JSON or a web page. What is left must be a description;
where it is not, EngineRefused says so. No text is ever made up here.
"""

import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from processing.engines.base import EngineAnswer, EngineRefused, EngineRequest
from processing.engines.prompts import prompt_version
from vedfolnir.lib.text import clean_alt_text, clean_line, is_missing, length

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
_DAMAGED = "The model answered with JSON that is damaged or cut short."
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "「": "」"}
_WEB_PAGE = re.compile(r"<\s*(?:!doctype|html|head|body)\b", re.IGNORECASE)  # at the start; a text may quote a tag
_FIELDS = (  # what models were seen to call a description
    "alt_text",
    *("alt", "alttext", "description", "caption", "text", "image_description", "alternative_text"),
    *("beschreibung", "bildbeschreibung", "alternativtext", "texte_alternatif", "descripción", "descripcion"),
    *("texto_alternativo", "descrizione", "testo_alternativo", "descrição", "descricao"),
)
_TROUBLE = frozenset({"error", "errors", "message", "detail", "details", "arguments", "choices", "tool_calls"})
_JSON = re.compile(r"^(?:\{\s*(?:[\"'}]|$)|\[\s*(?:[{\[\"]|$))")  # the whole answer is, or was to be, JSON
_KEY = "(?:" + "|".join(_FIELDS).replace("_", "[_ -]?") + ")"
_OBJECT = re.compile(  # in the midst of an answer: with a name and a colon, or cut off within its first name
    rf"\{{\s*(?:\"[^\"{{}}\n]{{1,60}}\"\s*:|'[^'{{}}\n]{{1,60}}'\s*:|{_KEY}\s*:|[\"'][^\"']{{0,60}}$)", re.IGNORECASE
)
_WITHOUT_BRACE = re.compile(rf"[\"']{_KEY}[\"']\s*:\s*[\"'\[{{]", re.IGNORECASE)
_CALL = re.compile(r"</?(?:tool_calls?|function(?:_calls?)?|tool)\b|\[TOOL_CALLS\]", re.IGNORECASE)
_ERROR = re.compile(  # what programs print, where a model's words were to be
    r"^(?:(?:http/[\d.]+ )?[45]\d\d (?:bad gateway|bad request|internal server error|service (?:temporarily )?"
    r"unavailable|gateway time-?out|not found|unauthorized|forbidden|too many requests)[.!]?"
    r"|internal server error\.?|(?:[a-z_.]*(?:error|exception): |traceback \(most recent call last\)"
    r"|upstream connect error|cuda out of memory).*)$",
    re.DOTALL | re.IGNORECASE,
)
_NOTHING = frozenset({"null", "none", "n/a", "undefined", "nil"})  # as programs say that there is none
_DECORATIVE = re.compile(r"^[\s*_`\"“]*\[\s*decorative\s*\][\s*_`]*[:.\u2013\u2014-]*\s*", re.IGNORECASE)


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
    _require_words(text)
    text, decorative = _from_json(text)
    text = _bare(text)
    marked = _DECORATIVE.match(text)
    if marked:
        decorative, text = True, _bare(text[marked.end() :])
    if not text and decorative:
        raise EngineRefused("The model calls the picture decorative and does not say what it shows.")
    if is_missing(text) or text.casefold().strip(" .") in _NOTHING:
        raise EngineRefused("The model gave an empty answer.")
    return Cleaned(text, decorative)


def _without_thinking(content: str) -> str:
    content = _THINKING.sub("", content)
    if _BEGINNING.search(content):
        raise EngineRefused("The model did not come to an end of its thinking.")
    return _END.sub("", content)  # some templates begin the thinking themselves, so that only its end is in the answer


def _require_words(text: str) -> None:
    """Raises EngineRefused for a web page, the call of a tool, and what a program says that failed."""
    if _WEB_PAGE.match(text):
        raise EngineRefused("The model answered with a web page instead of a description.")
    if _CALL.search(text):
        raise EngineRefused("The model called a tool instead of describing the picture.")
    if _ERROR.match(text):
        raise EngineRefused(f"The model answered with an error instead of a description: {clean_line(text, 200)}")


def _from_json(text: str) -> tuple[str, bool]:
    """The text of an answer that is JSON or holds it, and whether it says decorative; an answer without, as it is.

    Raises EngineRefused: half of it, no description in it, or more than one.
    """
    is_json = bool(_JSON.match(text))
    if is_json:
        try:
            return _described(json.loads(text))
        except (ValueError, RecursionError):
            pass  # there may be words around it
    found = list(_objects(text))
    if len(found) > 1:
        raise EngineRefused("The model answered with several descriptions in JSON.")
    if found:
        return _described(found[0])
    if is_json or _WITHOUT_BRACE.search(text):
        raise EngineRefused(_DAMAGED)
    return text, False


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects of JSON in an answer, but for those that a sentence quotes. Raises EngineRefused for half of one."""
    end = 0
    for opening in _OBJECT.finditer(text):
        if opening.start() < end:
            continue  # within the one before
        try:
            value, end = json.JSONDecoder().raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            raise EngineRefused(_DAMAGED) from None
        goes_on = opening.start() > 0 and text[end:].lstrip()[:1].islower()
        if _text_field(value) is not None or _TROUBLE & _names(value) or not goes_on:
            yield value


def _described(value: Any) -> tuple[str, bool]:
    """The description in what JSON said. Raises EngineRefused where none is."""
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
    """What stands under a name that means a description: an error, a thought or a name of something is none."""
    texts = {name.lower().replace("-", "_"): field for name, field in value.items() if isinstance(field, str)}
    return next((texts[name] for name in _FIELDS if name in texts), None)


def _names(value: dict[str, Any]) -> set[str]:
    return {name.lower() for name in value}


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
