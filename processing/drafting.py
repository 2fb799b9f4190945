"""Making the draft of one picture: a text in each wanted language, checked, and further texts beside it."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from django.conf import settings

from captions import memory
from captions.actions import CANDIDATES_MOST
from captions.drafts import Draft
from captions.models import Image, StyleGuide
from processing import examining, stopping
from processing.asking import ask, engines_of
from processing.composing import Part, composed, part_of, remembered, total
from processing.engine_breaker import LeftAlone
from processing.engines import Chain, Engine, EngineError, EngineRequest
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
        """What the account approved for the same bytes, unless a person asks for a new draft. Raises as `before`."""
        if self.image.regenerate_asked_by_id is not None:
            return None
        guide = StyleGuide.objects.filter(platform_connection=self.image.platform_connection_id).first()
        language = language_of(self.image, guide, None)
        found = memory.recall(self.image, content_hash=self.prepared.sha256, language=language)
        if found is None:
            return None
        self.before()
        return remembered(self.image, found, language)

    def draft(self) -> Draft:
        """Raises as `ask` does, and whatever `before` raises."""
        requests = self._requests()
        if self._wants_another_text():
            requests = [replace(request, temperature=OTHER_TEMPERATURE) for request in requests]
        return self._draft(self.chain, requests, reuse=not self._wants_another_text())

    def candidates(self, beside: str, number: int) -> list[Draft]:
        """At most so many further texts, none of them `beside`. What goes wrong with one is told to the log alone."""
        made: list[Draft] = []
        for engine, temperature in self._others(number):
            requests = [replace(each, temperature=temperature) for each in self._requests()]
            try:
                draft = self._draft(engine, requests, reuse=False)
            except (EngineError, LeftAlone) as error:
                logger.warning("image %s: a further text did not come about: %s", self.image.pk, error)
                continue
            except stopping.Stopping:
                break  # the draft is there, and is not to be lost
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

    def _requests(self) -> list[EngineRequest]:
        """A request for each wanted language. The picture is examined once."""
        if not self._examined:
            self._examined.append(examining.examine(self.prepared))
        return requests_for(self.image, self.prepared, self._examined[0])

    def _draft(self, chain: Chain | Engine, requests: Sequence[EngineRequest], *, reuse: bool) -> Draft:
        return composed(self.image, [self._part(chain, request, reuse=reuse) for request in requests])

    def _part(self, chain: Chain | Engine, request: EngineRequest, *, reuse: bool) -> Part:
        """A text in the language that was asked for; if it is in another one, it is asked for once more, plainly."""
        part = self._asked(chain, request, reuse=reuse)
        if not part.is_in_wrong_language:
            return part
        plainly = f"{request.instruction} Write in the language with the code “{request.language}”, in no other."
        again = self._asked(chain, replace(request, instruction=plainly.strip()), reuse=reuse)
        cost = total([part.asked.cost, again.asked.cost])
        return replace(again, asked=replace(again.asked, cost=cost))

    def _asked(self, chain: Chain | Engine, request: EngineRequest, *, reuse: bool) -> Part:
        asked = ask(chain, self.prepared, request, self.image, reuse=reuse, before=self.before)
        return part_of(self.image, asked, request)
