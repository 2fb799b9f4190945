"""From answers in one or several languages to one draft: its text, what the checks say of it, and what it took."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from captions.checks import Around
from captions.drafts import Draft
from captions.judging import Judgement, around_image, judge, judge_parts
from captions.memory import ENGINE as MEMORY
from captions.memory import Recalled
from captions.models import Image
from processing.asking import Asked
from processing.engines import EngineRequest
from processing.engines.base import Examination

BETWEEN = "\n\n"  # the texts of two languages
WRONG_LANGUAGE = "wrong-language"


@dataclass(frozen=True)
class Part:
    """The answer to one request, and what is known around it."""

    asked: Asked
    request: EngineRequest
    around: Around
    judged: Judgement

    @property
    def text(self) -> str:
        return self.asked.answer.text

    @property
    def language(self) -> str:
        """Of the text: an engine that cannot write in the one that was asked for says so."""
        return self.asked.answer.language or self.request.language

    @property
    def is_in_wrong_language(self) -> bool:
        return any(finding.code == WRONG_LANGUAGE for finding in self.judged.findings)


def part_of(image: Image, asked: Asked, request: EngineRequest) -> Part:
    """The answer, checked by the measure of its language."""
    answer, examined = asked.answer, request.examined or Examination()
    around = around_image(
        image,
        language=answer.language or request.language,
        visible_text=answer.visible_text or examined.visible_text,
        unreadable=examined.unreadable,
        codes=examined.codes,
        colours=examined.colours,
        kind=answer.category or examined.kind,
        proposed_decorative=examined.proposed_decorative or answer.proposed_decorative,
        instruction=request.instruction,
        prompt=answer.prompt,
        engine=answer.engine,
    )
    return Part(asked, request, around, judge(image, answer.text, around))


def composed(image: Image, parts: Sequence[Part]) -> Draft:
    """One draft of all parts, in their order. What the call took is the sum; None where a part does not tell."""
    answers = [part.asked.answer for part in parts]
    first, several = answers[0], len(parts) > 1
    whole = judge_parts(image, [(part.text, part.around) for part in parts], BETWEEN) if several else parts[0].judged
    template = parts[0].request.template
    notes = [note for answer in answers for note in answer.notes]
    return Draft(
        text=BETWEEN.join(part.text for part in parts),
        language=parts[0].language,
        engine=first.engine,
        model=first.model,
        prompt=first.prompt,
        prompt_version=first.prompt_version,
        category=parts[0].around.kind,
        score=whole.score,
        findings=[*whole.as_json(), *_notes([*notes, *whole.reasons])],
        needs_special_review=whole.needs_special_review or any(answer.needs_special_review for answer in answers),
        tokens_in=total([answer.tokens_in for answer in answers]),
        tokens_out=total([answer.tokens_out for answer in answers]),
        seconds=sum(answer.seconds for answer in answers),
        parts=[{"language": part.language, "text": part.text} for part in parts] if several else [],
        confidence=first.confidence,
        temperature=first.temperature,
        cost=total([part.asked.cost for part in parts]),
        instruction=image.regenerate_instruction,
        template_pk=template.pk if template else None,
        proposed_decorative=parts[0].around.proposed_decorative,
        visible_text=parts[0].around.visible_text,
    )


def remembered(image: Image, recalled: Recalled, request: EngineRequest) -> Draft:
    """The account's own approved text for the same bytes, as the draft: a person still decides.

    `request` is what an engine would be asked: it knows the wanted language, where nobody knows that of the text, and
    what was read in the picture.
    """
    language, examined = recalled.language or request.language, request.examined or Examination()
    around = around_image(
        image,
        language=language,
        visible_text=examined.visible_text,
        unreadable=examined.unreadable,
        codes=examined.codes,
        kind=recalled.category or examined.kind,
    )
    parts = [(part["text"], replace(around, language=part["language"])) for part in recalled.parts]
    judged = judge_parts(image, parts, BETWEEN) if parts else judge(image, recalled.text, around)
    note = _("This is what was approved for the same picture before (image %(number)d).")
    return Draft(
        text=recalled.text,
        engine=MEMORY,
        model="",
        language=language,
        category=around.kind,
        score=judged.score,
        findings=[*judged.as_json(), *_notes([note % {"number": recalled.image_id}, *judged.reasons])],
        needs_special_review=judged.needs_special_review,
        parts=list(recalled.parts),
        cost=Decimal(0),
        visible_text=examined.visible_text,
    )


def _notes(messages: Sequence[str]) -> list[dict[str, Any]]:
    """What there is to say beside the findings, without weight in the score; each thing once."""
    return [
        {"code": "engine-note", "severity": "note", "message": message, "span": None}
        for message in dict.fromkeys(messages)
    ]


Amount = TypeVar("Amount", int, Decimal)


def total(amounts: Sequence[Amount | None]) -> Amount | None:
    """None if one of them is unknown: half a sum would be wrong."""
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    sum_of_all = known[0]
    for amount in known[1:]:
        sum_of_all += amount
    return sum_of_all
