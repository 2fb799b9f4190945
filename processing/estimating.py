"""What drafts will take, by what the last ones took: for people who are about to ask for many."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from captions import language_codes
from captions.models import StyleGuide
from platforms.models import PlatformConnection
from processing import engine_settings, engine_slots
from processing.engine_names import AUTO, parse_chain
from processing.models import AttemptOutcome, EngineAttempt

LOOKED_AT = 50  # answers

_MINUTE, _HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Estimate:
    """For so many pictures; None is unknown, which is not the same as nothing."""

    pictures: int
    engine: str  # that would be asked first; empty: unknown
    model: str
    at_once: int  # places at the engine
    based_on: int  # answers
    seconds: float | None
    cost: Decimal | None  # in ENGINE_CURRENCY

    @property
    def sentence(self) -> str:
        """The whole of it for a person."""
        pictures = ngettext("%(count)d picture", "%(count)d pictures", self.pictures) % {"count": self.pictures}
        named = f"{self.engine} ({self.model})" if self.model else self.engine or _("an engine")
        return " ".join((_("%(pictures)s with %(engine)s:") % {"pictures": pictures, "engine": named}, *self._said()))

    def _said(self) -> tuple[str, str]:
        if self.seconds is None:
            time = _("how long it takes is unknown, for there are no answers to go by;")
        else:
            known = {"time": duration(self.seconds), "answers": self.based_on, "places": self.at_once}
            time = (
                _("about %(time)s, by its last %(answers)d answers and at most %(places)d pictures at a time;") % known
            )
        if self.cost is None:
            return time, _("the cost is unknown.")
        amount = number_format(self.cost.quantize(Decimal("0.01")) if self.cost >= 1 else self.cost.normalize())
        return time, _("about %(amount)s %(currency)s.") % {"amount": amount, "currency": settings.ENGINE_CURRENCY}


def estimate(connection: PlatformConnection, pictures: int) -> Estimate:
    """What drafts of so many pictures of a connection take. Asks no engine."""
    engine = _likely_engine()
    answers = _last_answers(engine)
    model = answers[0].model if answers else ""
    calls = pictures * _languages(connection)
    places = engine_slots.places(engine) if engine else engine_settings.PLACES_OTHERWISE
    seconds = _median([answer.seconds for answer in answers])
    return Estimate(
        pictures=pictures,
        engine=engine,
        model=model,
        at_once=places,
        based_on=len(answers),
        seconds=None if seconds is None else seconds * calls / min(places, max(calls, 1)),
        cost=_cost(engine, model, answers, calls),
    )


def duration(seconds: float) -> str:
    """In the unit that a person would choose: "40 seconds", "12 minutes", "3 hours"."""
    if seconds < 2 * _MINUTE:
        count = max(1, round(seconds))
        return ngettext("%(count)d second", "%(count)d seconds", count) % {"count": count}
    if seconds < 2 * _HOUR:
        return _("%(count)d minutes") % {"count": round(seconds / _MINUTE)}
    return _("%(count)d hours") % {"count": round(seconds / _HOUR)}


def _likely_engine() -> str:
    """The first of the chain; what "auto" chose last. Looking at the server is not for a page."""
    first = parse_chain(settings.CAPTION_ENGINE)[0]
    if first != AUTO:
        return first
    answered = EngineAttempt.objects.filter(outcome=AttemptOutcome.ANSWERED).order_by("-created_at", "-pk")
    return answered.values_list("engine", flat=True).first() or ""


def _last_answers(engine: str) -> Sequence[EngineAttempt]:
    """Of the model that answered last, the newest first."""
    answered = EngineAttempt.objects.filter(engine=engine, outcome=AttemptOutcome.ANSWERED)
    newest = answered.order_by("-created_at").values_list("model", flat=True).first()
    of_model = answered.filter(model=newest or "").order_by("-created_at")
    return list(of_model.only("model", "seconds", "tokens_in", "tokens_out")[:LOOKED_AT])


def _languages(connection: PlatformConnection) -> int:
    """Texts that are written for each picture."""
    guide = StyleGuide.objects.filter(platform_connection=connection).only("also_in").first()
    return min(1 + len(language_codes.listed(guide.also_in)), language_codes.MOST) if guide else 1


def _cost(engine: str, model: str, answers: Sequence[EngineAttempt], calls: int) -> Decimal | None:
    """By today's prices, whatever was paid."""
    price = engine_settings.price_of(settings.ENGINE_PRICES, engine, model)
    if price is None:
        return None
    tokens_in = _median([answer.tokens_in for answer in answers])
    tokens_out = _median([answer.tokens_out for answer in answers])
    of_one = price.cost(_whole(tokens_in), _whole(tokens_out))
    return None if of_one is None else of_one * calls


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
