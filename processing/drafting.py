"""Making the draft of one picture: a text in each wanted language, checked, and further texts beside it."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from django.conf import settings
from django.utils.translation import gettext as _

from captions import checks, languages
from captions.actions import alt_text_limit
from captions.drafts import Draft
from captions.models import Image
from processing.asking import Asked, ask, engines_of
from processing.engine_breaker import LeftAlone
from processing.engines import Chain, Engine, EngineAnswer, EngineError, EngineRequest
from processing.preparation import PreparedImage
from processing.requests import requests_for

logger = logging.getLogger(__name__)

CANDIDATES_MOST = 2
OTHER_TEMPERATURE = 0.7  # for a text that is to differ from the one that is there
WRONG_LANGUAGE = "wrong-language"
BETWEEN = "\n\n"  # the texts of two languages

# What is quoted from a picture is in the picture's language.
_QUOTED = re.compile(r"“[^”]*”|„[^“”]*[“”]|«[^»]*»|\"[^\"]*\"|「[^」]*」")


@dataclass(frozen=True)
class Part:
    """The answer in one language, and the language that it is in."""

    asked: Asked
    language: str
    is_wrong: bool = False  # not the language that was asked for


@dataclass(frozen=True)
class Making:
    """One picture in hand, and whom to ask about it."""

    image: Image
    prepared: PreparedImage
    chain: Chain | Engine
    before: Callable[[], None]

    def draft(self) -> Draft:
        """Raises as `ask` does, and whatever `before` raises."""
        requests = requests_for(self.image, self.prepared)
        if self._wants_another_text():
            requests = [replace(request, temperature=OTHER_TEMPERATURE) for request in requests]
        return self._draft(self.chain, requests, reuse=not self._wants_another_text())

    def candidates(self, beside: str, number: int) -> list[Draft]:
        """At most so many further texts, none of them `beside`. What goes wrong with one is told to the log alone."""
        made: list[Draft] = []
        for engine, temperature in self._others(number):
            requests = [replace(each, temperature=temperature) for each in requests_for(self.image, self.prepared)]
            try:
                draft = self._draft(engine, requests, reuse=False)
            except (EngineError, LeftAlone) as error:
                logger.warning("image %s: a further text did not come about: %s", self.image.pk, error)
                continue
            if draft.text not in {beside, *(each.text for each in made)}:
                made.append(draft)
        return made

    def candidates_wanted(self, draft: Draft) -> int:
        """What a person asked for, else what the operator wants beside doubtful drafts."""
        doubtful = settings.CANDIDATES_FOR_DOUBTFUL if draft.needs_special_review else 0
        return min(self.image.candidates_wanted or doubtful, CANDIDATES_MOST)

    def _wants_another_text(self) -> bool:
        """A person wants a new draft and says nothing about it: the same one again would be no answer."""
        return self.image.regenerate_asked_by_id is not None and not self.image.regenerate_instruction

    def _others(self, number: int) -> list[tuple[Engine, float | None]]:
        """Whom to ask for further texts: the other engines of the chain, else the same one, livelier."""
        first, *others = engines_of(self.chain)
        livelier = [(first, OTHER_TEMPERATURE + 0.2 * count) for count in range(number)]
        return [*((engine, None) for engine in others), *livelier][:number]

    def _draft(self, chain: Chain | Engine, requests: Sequence[EngineRequest], *, reuse: bool) -> Draft:
        return _composed(self.image, requests, [self._part(chain, request, reuse=reuse) for request in requests])

    def _part(self, chain: Chain | Engine, request: EngineRequest, *, reuse: bool) -> Part:
        """A text in the language that was asked for; if it is in another one, it is asked for once more, plainly."""
        asked = ask(chain, self.prepared, request, self.image, reuse=reuse, before=self.before)
        if not (other := _other_language(asked.answer, request)):
            return Part(asked, asked.answer.language or request.language)
        plainly = (
            f"{request.instruction} Write in the language with the code “{request.language}”, in no other.".strip()
        )
        again = ask(
            chain, self.prepared, replace(request, instruction=plainly), self.image, reuse=reuse, before=self.before
        )
        again = replace(again, cost=_sum([asked.cost, again.cost]))
        other = _other_language(again.answer, request)
        return Part(again, other or again.answer.language or request.language, is_wrong=bool(other))


def _other_language(answer: EngineAnswer, request: EngineRequest) -> str:
    """The language that the text is in against our wish; an engine that says itself which one it is in is believed."""
    if answer.language:
        return ""
    return languages.other_language(_QUOTED.sub(" ", answer.text), request.language)


def _composed(image: Image, requests: Sequence[EngineRequest], parts: Sequence[Part]) -> Draft:
    answers = [part.asked.answer for part in parts]
    first, several = answers[0], len(parts) > 1
    findings = _checked(image, parts)
    wrong = [_wrong_language(request, part) for request, part in zip(requests, parts, strict=True) if part.is_wrong]
    template = requests[0].template
    return Draft(
        text=BETWEEN.join(answer.text for answer in answers),
        language=parts[0].language,
        engine=first.engine,
        model=first.model,
        prompt=first.prompt,
        prompt_version=first.prompt_version,
        category=first.category,
        score=checks.score(findings),
        findings=[*_as_json(findings), *wrong, *_notes(answers)],
        needs_special_review=bool(wrong) or any(answer.needs_special_review for answer in answers),
        tokens_in=_sum([answer.tokens_in for answer in answers]),
        tokens_out=_sum([answer.tokens_out for answer in answers]),
        seconds=sum(answer.seconds for answer in answers),
        parts=[{"language": part.language, "text": part.asked.answer.text} for part in parts] if several else [],
        confidence=first.confidence,
        temperature=first.temperature,
        cost=_sum([part.asked.cost for part in parts]),
        request_key="" if several else parts[0].asked.request_key,
        instruction=image.regenerate_instruction,
        template_pk=template.pk if template else None,
        proposed_decorative=any(answer.proposed_decorative for answer in answers),
        visible_text=first.visible_text,
    )


def _checked(image: Image, parts: Sequence[Part]) -> list[checks.Finding]:
    """Each part by the measure of its language, with places that count from the beginning of the whole."""
    found: list[checks.Finding] = []
    start = 0
    for part in parts:
        answer = part.asked.answer
        of_part = checks.check(
            answer.text,
            limit=alt_text_limit(image.platform_connection),
            language=part.language,
            post_text=_words_of_post(image),
            visible_text=answer.visible_text,
            engine=answer.engine,
        )
        found += [_moved(finding, start) for finding in of_part]
        start += len(answer.text) + len(BETWEEN)
    return found


def _words_of_post(image: Image) -> str:
    return "\n".join(part for part in (image.post.spoiler_text, image.post.post_content or "") if part)


def _moved(finding: checks.Finding, by: int) -> checks.Finding:
    if finding.span is None:
        return finding
    return replace(finding, span=(finding.span[0] + by, finding.span[1] + by))


def _wrong_language(request: EngineRequest, part: Part) -> dict[str, Any]:
    said = _("This is in the language “%(found)s”; “%(wanted)s” was asked for, twice.")
    message = said % {"found": part.language, "wanted": request.language}
    return {"code": WRONG_LANGUAGE, "severity": "major", "message": message, "span": None}


def _as_json(findings: Sequence[checks.Finding]) -> list[dict[str, Any]]:
    return [asdict(finding) | {"message": str(finding.message)} for finding in findings]


def _notes(answers: Sequence[EngineAnswer]) -> list[dict[str, Any]]:
    """What the engines themselves have to say, beside the findings and without weight in the score."""
    notes = dict.fromkeys(note for answer in answers for note in answer.notes)
    return [{"code": "engine-note", "severity": "note", "message": note, "span": None} for note in notes]


Amount = TypeVar("Amount", int, Decimal)


def _sum(amounts: Sequence[Amount | None]) -> Amount | None:
    """None if one of them is unknown: half a sum would be wrong."""
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    total = known[0]
    for amount in known[1:]:
        total += amount
    return total
