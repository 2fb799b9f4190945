from decimal import Decimal

import pytest
from django.core.exceptions import ImproperlyConfigured

from processing.engine_settings import PLACES, Price, parse_places, parse_prices, price_of
from vedfolnir import env


def test_what_is_named_replaces_the_default_number_of_places() -> None:
    assert parse_places("") == PLACES
    assert parse_places("ollama=5, openai = 64") == {**PLACES, "ollama": 5, "openai": 64}


@pytest.mark.parametrize("text", ["magic=2", "ollama", "ollama=", "ollama=0", "ollama=-1", "ollama=1000", "ollama=two"])
def test_places_that_mean_nothing_end_the_start_with_a_word(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_PLACES", text)
    with pytest.raises(ImproperlyConfigured, match="ENGINE_PLACES is"):
        env.engine_places()


def test_a_call_costs_its_tokens_and_its_picture() -> None:
    price = Price(Decimal("0.15"), Decimal("0.60"), Decimal("0.001"))
    assert price.cost(2000, 100) == Decimal("0.001360")


def test_tokens_that_nobody_told_make_an_unknown_cost_and_never_none() -> None:
    assert Price(Decimal("0.15"), Decimal("0.60")).cost(2000, None) is None
    assert Price(Decimal(0), Decimal(0)).cost(None, None) == 0
    assert Price(Decimal(0), Decimal(0), Decimal("0.002")).cost(None, None) == Decimal("0.002000")


def test_a_models_own_price_goes_before_its_engines() -> None:
    prices = parse_prices("openai:gpt-4o-mini=0.15/0.60, openai=1/2, ollama:qwen3-vl:4b=0/0/0.01")
    assert price_of(prices, "openai", "gpt-4o-mini") == Price(Decimal("0.15"), Decimal("0.60"))
    assert price_of(prices, "openai", "gpt-5") == Price(Decimal(1), Decimal(2))
    assert price_of(prices, "ollama", "qwen3-vl:4b") == Price(Decimal(0), Decimal(0), Decimal("0.01"))
    assert price_of(prices, "ollama", "llava") is None


@pytest.mark.parametrize(
    "text", ["openai", "magic=1/2", "openai=1", "openai=1/", "openai=1/2/3/4", "openai=-1/2", "openai=NaN/1", "=1/2"]
)
def test_prices_that_mean_nothing_end_the_start_with_a_word(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_PRICES", text)
    with pytest.raises(ImproperlyConfigured, match="ENGINE_PRICES is"):
        env.engine_prices()


def test_a_currency_has_three_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_CURRENCY", "dollars")
    with pytest.raises(ImproperlyConfigured, match="three letters"):
        env.engine_currency()
