"""Having an engine describe every picture of a set."""

import time
from collections.abc import Callable, Sequence

from captions import checks
from processing import examining
from processing.engine_settings import Prices, price_of
from processing.engines import Engine, EngineAnswer, EngineError, EngineRequest, PostContext
from processing.engines.base import Examination, Template
from processing.evaluation.scoring import Outcome
from processing.evaluation.sets import Example
from processing.preparation import PictureRefused, prepare


def evaluate(
    engine: Engine,
    examples: Sequence[Example],
    *,
    max_length: int,
    template: Template | None = None,
    prices: Prices,
    after_each: Callable[[], object],
) -> list[Outcome]:
    """One outcome for each example, in their order. What fails is an outcome, too, with its reason and no text."""
    outcomes = []
    for example in examples:
        outcomes.append(_describe(engine, example, max_length, template, prices))
        after_each()
    return outcomes


def _describe(engine: Engine, example: Example, max_length: int, template: Template | None, prices: Prices) -> Outcome:
    started = time.monotonic()
    try:
        prepared = prepare(example.path.read_bytes())
        request = EngineRequest(
            language=example.language,
            max_length=max_length,
            context=PostContext(text=example.post, language=example.language),
            template=template,
            examined=examining.examine(prepared),
        )
        answer = engine.describe(prepared, request)
    except (EngineError, PictureRefused) as error:
        return Outcome(example, failure=error.reason, seconds=time.monotonic() - started)
    except OSError as error:
        return Outcome(example, failure=f"The file cannot be read: {error}.")
    return _outcome(example, request, answer, prices, time.monotonic() - started)


def _outcome(example: Example, request: EngineRequest, answer: EngineAnswer, prices: Prices, seconds: float) -> Outcome:
    examined = request.examined or Examination()
    findings = checks.check(
        answer.text,
        limit=request.max_length,
        language=answer.language or example.language,
        post_text=example.post,
        visible_text=example.visible_text or answer.visible_text or examined.visible_text,
        unreadable=examined.unreadable,
        codes=examined.codes,
        kind=answer.category or examined.kind,
        prompt=answer.prompt,
        engine=answer.engine,
    )
    price = price_of(prices, answer.engine, answer.model)
    return Outcome(
        example,
        text=answer.text,
        findings=findings,
        score=checks.score(findings),
        model=answer.model,
        prompt_version=answer.prompt_version,
        seconds=seconds,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        cost=price.cost(answer.tokens_in, answer.tokens_out) if price else None,
    )
