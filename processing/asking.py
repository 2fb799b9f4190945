"""Asking the engines of a chain for one text: who is asked, when not, how often, and what is noted of it."""

import hashlib
import logging
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from time import monotonic

from django.conf import settings
from django.utils.translation import gettext as _

from captions.checks import is_refusal
from captions.models import Image
from processing import engine_settings, engine_slots, leases, stopping
from processing.engine_breaker import SHORTEST, EngineBreaker, LeftAlone, where
from processing.engines import (
    Chain,
    Engine,
    EngineAnswer,
    EngineError,
    EngineMisconfigured,
    EngineRefused,
    EngineRequest,
    EngineUnavailable,
)
from processing.models import AttemptOutcome, EngineAttempt, KeptAnswer
from processing.preparation import PreparedImage
from vedfolnir.lib.text import clean_line

logger = logging.getLogger(__name__)

QUICK_RETRIES = 2  # within one claim; what lasts longer waits in the row
RETRY_FIRST = 0.5  # seconds, doubled
QUICK = 5.0  # seconds after which nothing is quick any more
BUSY = 4.0, 12.0  # seconds, from and to: how long a picture waits when all places are taken
REASON_MOST = 1000  # characters
SAID_MOST = 300  # characters of what a model refused with
_FIELDS = frozenset(field.name for field in fields(EngineAnswer))


class Busy(LeftAlone):
    """All places at the engine are taken."""


@dataclass(frozen=True)
class Asked:
    """An answer, and what it cost (None: unknown)."""

    answer: EngineAnswer
    cost: Decimal | None = None


def ask(
    chain: Chain | Engine,
    prepared: PreparedImage,
    request: EngineRequest,
    image: Image,
    *,
    since: datetime | None = None,
    before: Callable[[], None] = lambda: None,
) -> Asked:
    """The text of the first engine that does not refuse; its notes say why others did.

    The same question about the same bytes, asked before for the same owner (where `since` is given: since then), is
    answered as it was then.
    `before` is called right before each engine is, and may raise to stop it all.

    Raises EngineRefused when every engine refused, and at the first engine that is not to be asked now: LeftAlone
    (nothing was sent), EngineUnavailable (with the seconds to wait). No other engine takes over for an outage, nor for
    what somebody must mend (EngineMisconfigured), which waits like one and is told as EngineUnavailable.
    """
    engines = engines_of(chain)
    refusals: list[str] = []
    for engine in engines:
        before()
        try:
            asked = _Call(engine, prepared, request, image, since).make()
        except EngineRefused as error:
            refusals.append(error.reason if len(engines) == 1 else f"{engine.name}: {error.reason}")
            continue
        return replace(asked, answer=replace(asked.answer, notes=(*refusals, *asked.answer.notes)))
    raise EngineRefused(" ".join(refusals))


def engines_of(chain: Chain | Engine) -> tuple[Engine, ...]:
    return chain.engines if isinstance(chain, Chain) else (chain,)


def why_not_now(chain: Chain | Engine) -> LeftAlone | None:
    """Why a picture would not get as far as the first engine: for those who would fetch and prepare it in vain."""
    first = engines_of(chain)[0]
    if wait := breaker_of(first).wait():
        return _left_alone(first, wait)
    return _busy(first) if engine_slots.is_full(where(first.name)) else None


def require_turn(chain: Chain | Engine, image: Image) -> None:
    """Asked before a picture is fetched. Raises LeftAlone where the first engine is not to be asked now."""
    if held := why_not_now(chain):
        _note_held(engines_of(chain)[0], image, held)
        raise held


def fails_alone(image: Image) -> bool:
    """Whether the engine that gave nothing for this picture before, either, answered for others meanwhile."""
    tried = EngineAttempt.objects.filter(image=image, outcome=AttemptOutcome.UNAVAILABLE)
    before = tried.filter(created_at__lt=image.updated_at).order_by("-created_at").first()  # an earlier claim
    if before is None:
        return False
    answered = EngineAttempt.objects.filter(engine=before.engine, outcome=AttemptOutcome.ANSWERED)
    return answered.filter(created_at__gt=before.created_at).exclude(image=image).exists()


def breaker_of(engine: Engine) -> EngineBreaker:
    return EngineBreaker(where(engine.name), leases.call_lease())


def request_key(engine: Engine, prepared: PreparedImage, request: EngineRequest) -> str:
    """SHA-256 over the file, the engine and all that its answer depends on; empty where the engine cannot say.

    Raises as the engine does.
    """
    identity = engine.identity(prepared, request)
    parts = (prepared.sha256, engine.name, identity)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest() if identity else ""


@dataclass
class _Call:
    """One question to one engine, with its quick retries."""

    engine: Engine
    prepared: PreparedImage
    request: EngineRequest
    image: Image
    since: datetime | None  # of an earlier answer that will do; None: any

    def make(self) -> Asked:
        breaker = breaker_of(self.engine)
        if wait := breaker.enter():
            held = _left_alone(self.engine, wait)
            _note_held(self.engine, self.image, held)
            raise held
        told = False
        try:
            with engine_slots.place(breaker.engine, leases.call_lease()):
                asked = self._answer()
        except engine_slots.NoPlace:
            raise _busy(self.engine) from None
        except (EngineUnavailable, EngineMisconfigured) as error:
            told = True
            pause = error.retry_after if isinstance(error, EngineUnavailable) else None
            raise EngineUnavailable(error.reason, _at_least(breaker.failed(pause))) from error
        except EngineError:
            breaker.answered()
            told = True
            raise
        else:
            breaker.answered()
            told = True
            return asked
        finally:
            if not told:
                breaker.let_go()

    def _answer(self) -> Asked:
        give_up = monotonic() + QUICK
        for number in range(QUICK_RETRIES + 1):
            try:
                return self._once()
            except EngineUnavailable as error:
                grown = RETRY_FIRST * 2**number * random.uniform(0.5, 1.5)  # noqa: S311  (spreads load)
                wait = max(grown, _at_least(error.retry_after))
                if number == QUICK_RETRIES or monotonic() + wait > give_up:
                    raise
            stopping.pause(wait)
        raise AssertionError  # the last round returned or raised

    def _once(self) -> Asked:
        started = monotonic()
        try:
            key = request_key(self.engine, self.prepared, self.request)
            if earlier := self._earlier(key):
                self._note(AttemptOutcome.REUSED, answer=earlier, cost=Decimal(0))
                return Asked(replace(earlier, tokens_in=None, tokens_out=None, seconds=0.0), Decimal(0))
            answer = self.engine.describe(self.prepared, self.request)
            if not answer.text.strip():
                raise EngineRefused(_("The engine gave an empty answer."))
        except (EngineUnavailable, EngineMisconfigured) as error:
            self._note(AttemptOutcome.UNAVAILABLE, reason=error.reason, seconds=monotonic() - started)
            raise
        except EngineError as error:
            self._note(AttemptOutcome.REFUSED, reason=error.reason, seconds=monotonic() - started)
            raise
        cost = cost_of(answer)
        if is_refusal(answer.text):
            said = _("The model refuses: “%(said)s”") % {"said": clean_line(answer.text, SAID_MOST)}
            self._note(AttemptOutcome.REFUSED, reason=said, answer=answer, seconds=answer.seconds, cost=cost)
            raise EngineRefused(said)
        self._note(AttemptOutcome.ANSWERED, answer=answer, seconds=answer.seconds, cost=cost)
        if key:
            KeptAnswer.objects.create(image=self.image, request_key=key, answer=asdict(answer))
        return Asked(answer, cost)

    def _earlier(self, key: str) -> EngineAnswer | None:
        """What the same question was answered with. Another owner's texts are none of this one's business."""
        connection = self.image.platform_connection
        if not key or connection is None:
            return None
        found = KeptAnswer.objects.filter(request_key=key, image__platform_connection__user_id=connection.user_id)
        if self.since is not None:
            found = found.filter(created_at__gt=self.since)
        kept = found.order_by("-pk").first()
        return _as_answer(kept) if kept else None

    def _note(
        self,
        outcome: AttemptOutcome,
        *,
        reason: str = "",
        answer: EngineAnswer | None = None,
        seconds: float | None = None,
        cost: Decimal | None = None,
    ) -> None:
        was_sent = answer is not None and outcome != AttemptOutcome.REUSED
        EngineAttempt.objects.create(
            image=self.image,
            task_id=self.image.batch_id,
            engine=self.engine.name[:50],
            model=answer.model[:100] if answer else "",
            prompt_version=answer.prompt_version[:50] if answer else "",
            outcome=outcome,
            reason=reason[:REASON_MOST],
            tokens_in=answer.tokens_in if answer and was_sent else None,
            tokens_out=answer.tokens_out if answer and was_sent else None,
            seconds=seconds,
            cost=cost,
        )


def _note_held(engine: Engine, image: Image, held: LeftAlone) -> None:
    """Once for each picture between two calls, however long it waits; not that all places are taken."""
    if isinstance(held, Busy):
        return
    latest = EngineAttempt.objects.filter(image=image).order_by("-created_at", "-pk")
    if latest.values_list("outcome", flat=True).first() == AttemptOutcome.HELD:
        return
    EngineAttempt.objects.create(
        image=image,
        task_id=image.batch_id,
        engine=engine.name[:50],
        outcome=AttemptOutcome.HELD,
        reason=held.reason[:REASON_MOST],
    )


def cost_of(answer: EngineAnswer) -> Decimal | None:
    """In ENGINE_CURRENCY; None where no price was told, or the engine does not tell its tokens."""
    price = engine_settings.price_of(settings.ENGINE_PRICES, answer.engine, answer.model)
    return price.cost(answer.tokens_in, answer.tokens_out) if price else None


def _at_least(seconds: float | None) -> float:
    """A short pause as it was asked for and up to half as long again, so that not all come back at once."""
    if seconds is None or seconds >= SHORTEST:
        return seconds or 0.0
    return seconds * random.uniform(1, 1.5)  # noqa: S311  (spreads load)


def _as_answer(kept: KeptAnswer) -> EngineAnswer:
    """As it was given. What the answers of another version of ours told besides is left out."""
    known = {name: value for name, value in kept.answer.items() if name in _FIELDS}
    return EngineAnswer(**known | {"notes": tuple(kept.answer.get("notes", ()))})


def _left_alone(engine: Engine, wait: float) -> LeftAlone:
    since = breaker_of(engine).silent_since()
    reason = last_reason(engine.name) if since is not None else ""
    said = _("%(engine)s does not work now.") % {"engine": engine.name}
    return LeftAlone(f"{said} {reason}".strip(), wait)


def _busy(engine: Engine) -> Busy:
    reason = _("All places at %(engine)s are taken; the picture waits for its turn.") % {"engine": engine.name}
    return Busy(reason, random.uniform(*BUSY))  # noqa: S311  (spreads load)


def last_reason(engine: str) -> str:
    """Why the latest call that failed did."""
    failed = EngineAttempt.objects.filter(engine=engine, outcome=AttemptOutcome.UNAVAILABLE)
    return failed.order_by("-created_at").values_list("reason", flat=True).first() or ""
