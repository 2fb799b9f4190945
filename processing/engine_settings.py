"""How many calls an engine takes at once, and what it charges, as the environment says. No Django, no engine."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

# How many calls each engine is sent at once. Ollama works on one and prepares the next; a server that batches (vLLM)
# and the ones in the cloud take many; what runs in the worker's own process shares the cores of its machine.
PLACES = {"ollama": 2, "openai": 16, "basic": 2, "transformers": 1}
PLACES_OTHERWISE = 1
PLACES_MOST = 512

_MILLION = Decimal(1_000_000)
_SIXTH = Decimal("0.000001")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Price:
    """What a call costs: per million tokens in, per million tokens out, and per picture."""

    tokens_in: Decimal
    tokens_out: Decimal
    picture: Decimal = Decimal(0)

    def cost(self, tokens_in: int | None, tokens_out: int | None) -> Decimal | None:
        """Of one call, in the currency of the prices; None where it cannot be known, because tokens were not told."""
        total = self.picture
        for price, tokens in ((self.tokens_in, tokens_in), (self.tokens_out, tokens_out)):
            if price and tokens is None:
                return None
            total += price * (tokens or 0) / _MILLION
        return total.quantize(_SIXTH)


Prices = dict[str, Price]  # by "engine" or "engine:model"


def parse_places(text: str) -> dict[str, int]:
    """Read "ollama=2,openai=16" over the defaults. Raises ValueError with what to write instead."""
    places = dict(PLACES)
    for entry in _entries(text):
        name, _equals, number = (part.strip() for part in entry.partition("="))
        if name not in PLACES:
            raise ValueError(f"There is no caption engine “{name}”. Known are: {', '.join(PLACES)}.")
        if not number.isdecimal() or not 1 <= int(number) <= PLACES_MOST:
            raise ValueError(f"“{entry}” must be a name and a number from 1 to {PLACES_MOST}, such as ollama=2.")
        places[name] = int(number)
    return places


def parse_prices(text: str) -> Prices:
    """Read "openai:gpt-4o-mini=0.15/0.60,ollama=0/0"; a third number is the price of a picture.

    A model's own price goes before that of its engine. Raises ValueError with what to write instead.
    """
    prices: Prices = {}
    for entry in _entries(text):
        named, equals, amounts = entry.rpartition("=")
        engine, _colon, model = (part.strip() for part in named.partition(":"))
        if not equals or engine not in PLACES:
            raise ValueError(f"“{entry}” names no caption engine. Known are: {', '.join(PLACES)}. {_HOW}")
        prices[f"{engine}:{model}" if model else engine] = _price(entry, amounts)
    return prices


def price_of(prices: Prices, engine: str, model: str) -> Price | None:
    """None: nobody told us what it costs, which is not the same as nothing."""
    return prices.get(f"{engine}:{model}") or prices.get(engine)


def parse_currency(text: str) -> str:
    """Raises ValueError."""
    if not _CURRENCY.fullmatch(text):
        raise ValueError("Use the three letters of a currency, such as USD or EUR.")
    return text


_HOW = "Write openai:gpt-4o-mini=0.15/0.60 (per million tokens in/out), with a third number for a price per picture."


def _price(entry: str, amounts: str) -> Price:
    numbers = [_number(part) for part in amounts.split("/")]
    known = [number for number in numbers if number is not None]
    if len(known) != len(numbers) or len(known) not in (2, 3):
        raise ValueError(f"“{entry}” cannot be read as a price. {_HOW}")
    return Price(*known)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 else None


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]
