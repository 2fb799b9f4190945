"""Reading evaluation sets, the figures, and the command that prints them."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from captions.models import PromptTemplate
from processing.engine_settings import parse_prices
from processing.engines import EngineAnswer, EngineRefused, EngineRequest
from processing.evaluation.cider import cider
from processing.evaluation.running import evaluate
from processing.evaluation.scoring import Outcome, Report
from processing.evaluation.sets import Example, SetUnusable, read_set
from processing.preparation import PreparedImage
from processing.tests.pictures import card, encoded

HELLO = "White text on black: “Welcome to the harbour”."


class Parrot:
    """An engine that says what it is told, and notes what it was asked."""

    name = "ollama"
    follows_instructions = True

    def __init__(self, *texts: str | EngineRefused) -> None:
        self.texts = list(texts)
        self.asked: list[EngineRequest] = []

    def describe(self, image: PreparedImage, request: EngineRequest) -> EngineAnswer:
        self.asked.append(request)
        said = self.texts.pop(0)
        if isinstance(said, EngineRefused):
            raise said
        return EngineAnswer(text=said, engine=self.name, model="m:1", tokens_in=1000, tokens_out=20)

    def health(self) -> None:
        """Ready."""

    def identity(self, image: PreparedImage, request: EngineRequest) -> str:
        return ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cards with words on them, and what people wrote of them."""
    for name, words, references in (
        ("harbour", "Welcome to the harbour", f"{HELLO}\n\nA sign: Welcome to the harbour."),
        ("tea", "Fresh tea at noon", "A card that says “Fresh tea at noon”."),
    ):
        (tmp_path / f"{name}.png").write_bytes(encoded(card(words)))
        (tmp_path / f"{name}.txt").write_text(references, encoding="utf-8")
        (tmp_path / f"{name}.json").write_text(json.dumps({"visible_text": words}), encoding="utf-8")
    return tmp_path


def run(folder: Path, engine: Parrot, prices: str = "") -> Report:
    with override_settings(EXAMINE_PICTURES=False):  # the set says what can be read
        outcomes = evaluate(
            engine, read_set(folder), max_length=1500, prices=parse_prices(prices), after_each=lambda: None
        )
    return Report.of("variant", outcomes)


def printed(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("evaluate_engine", *arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def test_a_set_is_read_with_its_references_and_facts(folder: Path) -> None:
    harbour, tea = read_set(folder)
    assert harbour.references == (HELLO, "A sign: Welcome to the harbour.")
    assert (tea.name, tea.language, tea.visible_text) == ("tea.png", "en", "Fresh tea at noon")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: (folder / "tea.txt").unlink(), "tea.txt is missing"),
        (lambda folder: (folder / "tea.txt").write_text(" \n\n "), "tea.txt holds no text"),
        (lambda folder: (folder / "tea.txt").write_bytes(b"\xff\xfe\xff"), "tea.txt cannot be read"),
        (lambda folder: (folder / "tea.json").write_text("{"), "tea.json is not JSON"),
        (lambda folder: (folder / "tea.json").write_text('{"langauge": "de"}'), "names langauge"),
        (lambda folder: (folder / "tea.json").write_text('{"language": 1}'), "must be an object of texts"),
        (lambda folder: (folder / "tea.jpg").write_bytes(b"x"), "share a name"),
        (lambda folder: [path.unlink() for path in folder.glob("*.png")], "holds no pictures"),
    ],
    ids=["no text", "blank", "not UTF-8", "half JSON", "odd name", "no text value", "twice", "no picture"],
)
def test_a_set_that_cannot_be_used_says_what_to_change(folder: Path, spoil: Any, said: str) -> None:
    spoil(folder)
    with pytest.raises(SetUnusable, match=said):
        read_set(folder)


def test_the_figures_are_those_of_the_texts(folder: Path) -> None:
    report = run(folder, Parrot(HELLO, "A card with fresh tea on it."), prices="ollama=1/2")
    figures = report.figures()
    assert (figures["pictures"], figures["drafted"], figures["failed"]) == (2, 2, 0)
    assert figures["visible text carried"] == pytest.approx((1 + 2 / 4) / 2)
    assert report.outcomes[0].distance == 0
    assert 0 < (report.outcomes[1].distance or 0) < 1
    assert figures["cost a picture"] == "0.001040"
    assert report.outcomes[0].cost == Decimal("0.001040")


def test_without_prices_the_cost_is_unknown_and_not_nothing(folder: Path) -> None:
    assert run(folder, Parrot(HELLO, HELLO)).figures()["cost a picture"] is None


def test_a_failure_is_counted_with_its_reason_and_has_no_text(folder: Path) -> None:
    report = run(folder, Parrot(HELLO, EngineRefused("No such model.")))
    assert (report.figures()["drafted"], report.figures()["failed"]) == (1, 1)
    assert report.outcomes[1].as_json() == {
        "picture": "tea.png",
        "failure": "No such model.",
        "seconds": report.outcomes[1].seconds,
    }


def test_cider_is_that_of_the_published_code() -> None:
    """Expected are the scores of pycocoevalcap 1.2 for the same texts."""
    texts = [
        "a cat sleeps on a red sofa",
        "two people walk along the beach at sunset",
        "a sign that says stop",
        "a bright dark large small beautiful",
    ]
    references = [
        ["a cat is sleeping on a red sofa", "a grey cat sleeps on the sofa"],
        ["two people walking on a beach", "a couple walks along the beach at sunset"],
        ["a red stop sign"],
        ["a bowl of soup with bread", "soup in a white bowl"],
    ]
    assert cider(texts, references) == pytest.approx([3.87662194, 3.48433888, 1.64367853, 0.0], abs=1e-8)


def test_near_equal_japanese_texts_have_much_in_common() -> None:
    texts = ["赤い船が浜辺にある。", "青い空が広がる。", "犬が走る。"]
    references = [["赤い船が砂浜にある。"], ["青い空が広がっている。"], ["犬が草原を走る。"]]
    near = cider(texts, references)
    assert min(near) > 1
    assert max(cider(texts[1:] + texts[:1], references)) < min(near)


@pytest.mark.parametrize(
    ("visible", "text", "share"),
    [
        ("本日は営業中です", "看板に本日は営業中ですと書かれている。", 1.0),
        ("本日は 営業中です", "「本日は営業中です」と書かれた看板。", 1.0),
        ("出口", "入口と書かれた看板。", 0.5),
        ("เปิดทุกวัน", "ป้ายเขียนว่าเปิดทุกวัน", 1.0),
        ("Open 営業中", "A sign reads “Open 営業中”.", 1.0),
        ("Open daily", "A sign that reads “Openly”.", 0.0),
    ],
)
def test_the_text_in_the_picture_is_found_in_scripts_that_do_not_set_words_apart(
    visible: str, text: str, share: float
) -> None:
    example = Example("a.png", Path("a.png"), ("x",), visible_text=visible)
    assert Outcome(example, text=text).coverage == share


def test_an_engine_that_described_nothing_has_no_cider() -> None:
    examples = [Example(name, Path(name), (f"A {name}.",)) for name in ("cat", "dog")]
    assert Report.of("v", [Outcome(one, failure="No such model.") for one in examples]).cider is None


def test_one_picture_alone_has_no_cider() -> None:
    example = Example("a.png", Path("a.png"), ("A cat.",))
    assert Report.of("v", [Outcome(example, text="A cat.")]).cider is None


def test_a_text_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        cider(["A cat."], [[]])


def test_the_command_prints_a_column_for_each_engine(folder: Path) -> None:
    lines = printed(str(folder), engine=["basic"]).splitlines()
    assert lines[0].split() == ["basic"]
    figures = {line[:28].strip(): line.split()[-1] for line in lines[1:]}
    assert figures["pictures"] == "2"
    assert float(figures["visible text carried"]) == 1.0


@pytest.mark.django_db
def test_prompts_of_the_admin_stand_side_by_side(folder: Path) -> None:
    for version in (1, 2):
        PromptTemplate.objects.create(name="house", version=version, text=f"Words {version}", is_current=version == 2)
    reports = json.loads(printed(str(folder), engine=["basic"], prompt=["house/1", "house"], limit=1, as_json=True))
    assert [report["variant"] for report in reports] == ["basic house/1", "basic house"]
    assert [len(report["pictures"]) for report in reports] == [1, 1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": ["oracle"]}, "no caption engine “oracle”"),
        ({"engine": ["basic"], "prompt": ["house/9"]}, "There is no prompt house/9"),
        ({"engine": ["basic"], "limit": 0}, "--limit must be at least 1"),
    ],
    ids=["engine", "prompt", "limit"],
)
def test_a_mistake_is_told_before_any_picture_is_sent(folder: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        printed(str(folder), **options)


def test_an_engine_that_describes_nothing_is_a_failure(folder: Path) -> None:
    for path in folder.glob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(CommandError, match="No picture could be described by basic"):
        printed(str(folder), engine=["basic"])


def test_the_post_goes_along_as_context(folder: Path) -> None:
    (folder / "tea.json").write_text(json.dumps({"post": "Come by!", "language": "de"}), encoding="utf-8")
    engine = Parrot(HELLO, HELLO)
    run(folder, engine)
    assert (engine.asked[1].context.text, engine.asked[1].language) == ("Come by!", "de")
