"""Making the draft of one picture: a text in each wanted language, checked, and further texts beside it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings
from django.utils.translation import gettext as _

from captions import language_codes, memory
from captions.actions import CANDIDATES_MOST
from captions.drafts import Draft
from captions.models import CaptionVersion, Image
from processing import examining, stopping
from processing.asking import ask, engines_of
from processing.composing import Part, composed, part_of, remembered, total
from processing.engine_breaker import LeftAlone
from processing.engines import Chain, Engine, EngineError, EngineRefused, EngineRequest
from processing.engines.base import Examination
from processing.preparation import PreparedImage
from processing.requests import language_of, requests_for

logger = logging.getLogger(__name__)

OTHER_TEMPERATURE = 0.7  # for a text that is to differ from the one that is there


@dataclass(frozen=True)
class Making:
    """One picture in hand, and whom to ask about it."""

    image: Image
    prepared: PreparedImage
    chain: Chain | Engine
    before: Callable[[], None]
    _examined: list[Examination] = field(default_factory=list)

    def recalled(self) -> Draft | None:
        """What the account approved for the same bytes, unless a person wants another text. Raises as `before`."""
        if self._is_asked_for_again or self.image.regenerate_instruction:
            return None
        requests = self._requests()
        languages = [request.language for request in requests]
        found = memory.recall(self.image, content_hash=self.prepared.sha256, languages=languages)
        if found is None:
            return None
        self.before()
        return remembered(self.image, found, requests[0])

    def draft(self) -> Draft:
        """Raises as `ask` does, whatever `before` raises, and EngineRefused where nobody wrote anything new."""
        requests = self._requests()
        if self._wants_another_text():
            requests = [replace(request, temperature=OTHER_TEMPERATURE) for request in requests]
        draft = self._draft(Chain(self._drafters()), requests)
        if self._is_asked_for_again and draft.text in {self.image.text, self.image.generated_caption}:
            raise EngineRefused(_same_text(draft.engine))
        return draft

    def candidates(self, beside: str, number: int, *, needed: bool = False) -> list[Draft]:
        """At most so many further texts, none of them `beside`. What goes wrong with one is told to the log alone.

        Where any of them are `needed` and none came about, it raises as `draft` does: the outage, or every reason.
        """
        made: list[Draft] = []
        troubles: list[EngineError | LeftAlone] = []
        for engine, temperature in self._others(number):
            requests = [replace(each, temperature=temperature) for each in self._requests()]
            try:
                draft = self._draft(engine, requests)
            except (EngineError, LeftAlone) as error:
                logger.warning("image %s: a further text did not come about: %s", self.image.pk, error)
                troubles.append(error)
                continue
            except stopping.Stopping:
                if needed and not made:
                    raise
                break  # what is there is not to be lost
            if draft.text in {beside, self.image.text, *(each.text for each in made)}:
                troubles.append(EngineRefused(_same_text(engine.name)))
            else:
                made.append(draft)
        if needed and not made:
            raise _none_came(troubles)
        return made

    def candidates_wanted(self, draft: Draft) -> int:
        """What a person asked for, else what the operator wants beside doubtful drafts."""
        doubtful = settings.CANDIDATES_FOR_DOUBTFUL if draft.needs_special_review else 0
        return min(self.image.candidates_wanted or doubtful, CANDIDATES_MOST)

    @property
    def _is_asked_for_again(self) -> bool:
        """A person wants another text than the draft that is there."""
        return self.image.captioned_at is not None and self.image.regenerate_asked_by_id is not None

    def _wants_another_text(self) -> bool:
        """A person wants a new draft and says nothing about it: the same one again would be no answer."""
        return self._is_asked_for_again and not self.image.regenerate_instruction

    def _drafters(self) -> tuple[Engine, ...]:
        """Whom to ask for the draft: where there is one, nobody who comes behind the engine that made it.

        Raises EngineRefused where none of them can do what a person told it to.
        """
        engines = engines_of(self.chain)
        if self.image.captioned_at is not None:
            drafted = self.image.versions.filter(kind=CaptionVersion.Kind.GENERATED).order_by("-pk")
            by = drafted.values_list("engine", flat=True).first()
            engines = engines[: 1 + next((at for at, engine in enumerate(engines) if engine.name == by), 0)]
        return self._able(engines)

    def _others(self, number: int) -> list[tuple[Engine, float | None]]:
        """Whom to ask for further texts: the other engines of the chain, else the same one, livelier."""
        first, *others = self._able(engines_of(self.chain))
        start = 1 if self._wants_another_text() else 0  # the draft was asked for at the first temperature
        livelier = [(first, OTHER_TEMPERATURE + 0.2 * count) for count in range(start, start + number)]
        return [*((engine, None) for engine in others), *livelier][:number]

    def _able(self, engines: tuple[Engine, ...]) -> tuple[Engine, ...]:
        """Those that can do what a person told them to. The language is no matter of following words."""
        told = self.image.regenerate_instruction
        if not told or language_codes.asked_for(told):
            return engines
        if able := tuple(engine for engine in engines if engine.follows_instructions):
            return able
        names = ", ".join(engine.name for engine in engines)
        raise EngineRefused(_("%(engine)s cannot be told how to write; change the text by hand.") % {"engine": names})

    def _requests(self) -> list[EngineRequest]:
        """A request for each wanted language. The picture is examined once."""
        if not self._examined:
            self._examined.append(examining.examine(self.prepared, language_of(self.image, None, None)))
        return requests_for(self.image, self.prepared, self._examined[0])

    def _draft(self, chain: Chain | Engine, requests: Sequence[EngineRequest]) -> Draft:
        return composed(self.image, [self._part(chain, request) for request in requests])

    def _part(self, chain: Chain | Engine, request: EngineRequest) -> Part:
        """A text in the language that was asked for; if it is in another one, it is asked for once more, plainly."""
        part = self._asked(chain, request)
        if not part.is_in_wrong_language:
            return part
        plainly = f"{request.instruction} Write in the language with the code “{request.language}”, in no other."
        try:
            again = self._asked(chain, replace(request, instruction=plainly.strip()))
        except EngineRefused as error:
            logger.warning("image %s: not written in %s: %s", self.image.pk, request.language, error)
            return part  # whose finding says that it is in the wrong language
        cost = total([part.asked.cost, again.asked.cost])
        return replace(again, asked=replace(again.asked, cost=cost))

    def _asked(self, chain: Chain | Engine, request: EngineRequest) -> Part:
        since = self.image.regenerate_asked_at if self.image.captioned_at is not None else None
        asked = ask(chain, self.prepared, request, self.image, since=since, before=self.before)
        return part_of(self.image, asked, request)


def _same_text(engine: str) -> str:
    return _("%(engine)s wrote the same text again.") % {"engine": engine}


def _none_came(troubles: Sequence[EngineError | LeftAlone]) -> Exception:
    """An outage, which waits, where there was one."""
    for trouble in troubles:
        if not isinstance(trouble, EngineRefused):
            return trouble
    reasons = " ".join(dict.fromkeys(trouble.reason for trouble in troubles))
    return EngineRefused(_("No other text came about: %(reasons)s") % {"reasons": reasons})
