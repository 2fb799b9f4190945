"""One contract for all engines. The id of each test names the engine and whether the server is one that we wrote."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from processing.engines import (
    EngineAnswer,
    EngineMisconfigured,
    EngineRefused,
    EngineRequest,
    EngineUnavailable,
    PostContext,
)
from processing.engines.base import Template
from processing.engines.probe import PROBE_REQUEST, probe_picture
from processing.tests.contract_engines import ContractEngine, Subject, contract_engines
from vedfolnir.lib.text import clean_alt_text

pytestmark = pytest.mark.once

GERMAN = EngineRequest(language="de", max_length=500)


@pytest.fixture(scope="module", params=[engine.as_param() for engine in contract_engines()])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    chosen: ContractEngine = request.param
    with chosen.start() as started:
        yield started


@pytest.fixture(scope="module")
def answered(subject: Subject) -> EngineAnswer:
    return subject.engine.describe(probe_picture(), PROBE_REQUEST)


def told(text: str, secrets: tuple[str, ...]) -> list[str]:
    return [secret for secret in secrets if secret in text]


def test_the_text_is_there_and_clean(subject: Subject, answered: EngineAnswer) -> None:
    assert answered.text
    assert answered.text == clean_alt_text(answered.text)
    assert not re.match(r"(?i)alt[ -]?text:|[\"“{\[]|<", answered.text)
    if subject.sees_colours:
        assert "blue" in answered.text


def test_the_facts_of_the_call_are_filled_in(subject: Subject, answered: EngineAnswer) -> None:
    assert answered.engine == subject.engine.name
    assert answered.model
    assert answered.seconds > 0
    assert answered.confidence is None or answered.confidence <= 0
    if subject.takes_prompts:
        assert answered.prompt
        assert answered.prompt_version


def test_the_language_is_asked_for(subject: Subject) -> None:
    answer = subject.engine.describe(probe_picture(), GERMAN)
    if subject.takes_prompts:
        assert "German" in answer.prompt
        assert "500" in answer.prompt
    else:
        assert answer.language == "de"


def test_the_length_is_kept_to_or_the_answer_says_so(subject: Subject) -> None:
    answer = subject.engine.describe(probe_picture(), EngineRequest(max_length=20))
    assert len(answer.text) <= 20 or any("20 are allowed" in note for note in answer.notes)


def test_the_same_call_has_the_same_identity_and_another_has_another(subject: Subject) -> None:
    engine, picture = subject.engine, probe_picture()
    identity = engine.identity(picture, PROBE_REQUEST)
    assert identity
    assert identity == engine.identity(picture, PROBE_REQUEST)
    others = [replace(PROBE_REQUEST, language="de"), replace(PROBE_REQUEST, max_length=77)]
    if subject.takes_prompts:
        others += [
            replace(PROBE_REQUEST, temperature=0.9),
            replace(PROBE_REQUEST, template=Template("Say what you see.", version="own/1")),
            replace(PROBE_REQUEST, instruction="shorter"),
            replace(PROBE_REQUEST, context=PostContext(text="A walk by the sea.")),
        ]
    identities = [identity, *(engine.identity(picture, other) for other in others)]
    if subject.other_model is not None:
        identities.append(subject.other_model.identity(picture, PROBE_REQUEST))
    assert len(set(identities)) == len(identities)
    assert told(" ".join(identities), subject.secrets) == []


def test_several_frames_are_described(subject: Subject) -> None:
    frame = probe_picture().jpeg
    moving = replace(probe_picture(), frames=12, more_frames=(frame, frame))
    before = subject.engine.identity(moving, PROBE_REQUEST)
    for _again in range(2):  # what a server does not take is known the second time
        assert subject.engine.describe(moving, PROBE_REQUEST).text
    assert subject.engine.identity(moving, PROBE_REQUEST) == before
    assert subject.engine.identity(probe_picture(), PROBE_REQUEST) != before


def test_threads_share_it(subject: Subject) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: subject.engine.describe(probe_picture(), PROBE_REQUEST), range(8)))
    assert all(answer.text for answer in answers)
    if subject.sees_colours:
        assert {answer.text for answer in answers} == {answers[0].text}


def test_it_is_in_good_health_when_it_describes(subject: Subject) -> None:
    subject.engine.health()


def test_an_outage_is_no_refusal(subject: Subject) -> None:
    down = subject.down
    if down is None:
        pytest.skip("nothing outside the process")
    for call in (down.health, lambda: down.describe(probe_picture(), PROBE_REQUEST)):
        with pytest.raises(EngineUnavailable) as caught:
            call()
        assert "\n" not in caught.value.reason
        assert told(caught.value.reason, subject.secrets) == []


def test_a_wrong_model_is_a_wrong_setting_told_with_its_name(subject: Subject) -> None:
    wrong = subject.wrong_model
    if wrong is None:
        pytest.skip("has no names of models, or takes any")
    for call in (wrong.health, lambda: wrong.describe(probe_picture(), PROBE_REQUEST)):
        with pytest.raises(EngineMisconfigured, match="no-such-model") as caught:
            call()
        assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    "content",
    [
        "",
        " \n\t ",
        '{"alt_text": "A blue sha',
        '{"alt_text": "A blue shape", "decora',
        "[{",
        "{}",
        "<think>The picture shows a blue",
        "<!DOCTYPE html><html><body>Sign in</body></html>",
        "[DECORATIVE]",
        "…",
    ],
)
def test_a_damaged_answer_never_becomes_a_text(subject: Subject, content: str) -> None:
    if subject.saying is None:
        pytest.skip("cannot be made to say something")
    with pytest.raises(EngineRefused) as caught:
        subject.saying(content).describe(probe_picture(), PROBE_REQUEST)
    assert told(caught.value.reason, subject.secrets) == []


def test_a_proposal_of_decoration_keeps_its_few_words(subject: Subject) -> None:
    if subject.saying is None:
        pytest.skip("cannot be made to say something")
    answer = subject.saying("[DECORATIVE] A thin grey line.").describe(probe_picture(), PROBE_REQUEST)
    assert (answer.text, answer.proposed_decorative) == ("A thin grey line.", True)


def test_an_answer_that_holds_a_secret_is_refused(subject: Subject) -> None:
    if subject.saying is None or not subject.secrets:
        pytest.skip("has no secret")
    with pytest.raises(EngineRefused) as caught:
        subject.saying(f"A note that reads {subject.secrets[0]}.").describe(probe_picture(), PROBE_REQUEST)
    assert told(caught.value.reason, subject.secrets) == []
