from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.test import override_settings
from django.utils import timezone

from captions import actions as decisions
from captions.models import Image, StyleGuide
from processing.engine_settings import parse_prices
from processing.estimating import duration, estimate
from processing.models import EngineAttempt
from processing.tests.tasks_case import TasksCase
from processing.tests.test_task_commands import CommandCase


@override_settings(CAPTION_ENGINE="openai,basic", ENGINE_PLACES={"openai": 4}, ENGINE_PRICES=parse_prices("openai=1/2"))
class EstimateTests(TasksCase):
    def setUp(self) -> None:
        super().setUp()
        self.sandbox.add_status(pictures=3)
        self.run_task(self.start(describe=False))

    def answered(self, **values: Any) -> None:
        given = {"model": "m", "outcome": "answered", "seconds": 8.0, "tokens_in": 1000, "tokens_out": 100, **values}
        EngineAttempt.objects.create(image=Image.objects.order_by("pk")[0], **{"engine": "openai", **given})

    def test_without_answers_it_says_that_it_does_not_know(self) -> None:
        found = estimate(self.connection, 3)
        assert (found.pictures, found.engine, found.seconds, found.cost) == (3, "openai", None, None)
        assert "unknown" in found.sentence
        assert "the cost is unknown" in found.sentence

    def test_it_goes_by_the_middle_of_the_last_answers_and_the_places(self) -> None:
        for seconds in (6.0, 8.0, 90.0):
            self.answered(seconds=seconds)
        found = estimate(self.connection, 100)
        assert found.seconds == 8.0 * 100 / 4
        assert found.cost == Decimal("0.12")
        assert "100 pictures with openai (m): about 3 minutes, by its last 3 answers" in found.sentence
        assert "0.12 USD" in found.sentence

    def test_fewer_pictures_than_places_take_as_long_as_one(self) -> None:
        self.answered()
        assert estimate(self.connection, 2).seconds == 8.0

    def test_each_further_language_is_another_call(self) -> None:
        self.answered()
        StyleGuide.objects.create(platform_connection=self.connection, also_in="de, fr")
        assert estimate(self.connection, 8).seconds == 8.0 * 24 / 4

    def test_another_model_and_what_was_no_answer_say_nothing(self) -> None:
        ago = timezone.now() - timedelta(hours=1)
        self.answered(model="old", seconds=500.0, created_at=ago)
        self.answered(outcome="unavailable", seconds=600.0)
        self.answered(engine="basic", seconds=300.0)
        self.answered()
        found = estimate(self.connection, 4)
        assert (found.model, found.seconds, found.based_on) == ("m", 8.0, 1)

    def test_tokens_that_nobody_told_leave_the_cost_unknown(self) -> None:
        self.answered(tokens_in=None, tokens_out=None)
        found = estimate(self.connection, 4)
        assert found.seconds is not None
        assert found.cost is None

    @override_settings(CAPTION_ENGINE="auto")
    def test_auto_is_what_answered_last(self) -> None:
        assert estimate(self.connection, 4).engine == ""
        self.answered(engine="ollama")
        assert estimate(self.connection, 4).engine == "ollama"

    def test_times_are_told_in_the_unit_that_fits(self) -> None:
        assert [duration(each) for each in (0.2, 40, 700, 9000)] == ["1 second", "40 seconds", "12 minutes", "2 hours"]


class DryRunTests(CommandCase):
    def test_a_dry_run_says_what_the_drafts_would_take(self) -> None:
        self.sandbox.add_status(pictures=2)
        said = self.call("generate_captions", "--connection", "Sandbox", "--dry-run")
        assert "2 pictures with" in said
        assert "unknown" in said
        assert not EngineAttempt.objects.exists()

    def test_a_scan_costs_nothing_and_says_nothing_of_it(self) -> None:
        self.sandbox.add_status()
        assert "unknown" not in self.call("scan", "--connection", "Sandbox", "--dry-run")

    def test_what_is_drafted_or_decided_is_left_out(self) -> None:
        for _number in range(3):
            self.sandbox.add_status()
        self.complete(self.start())
        decisions.reject(Image.objects.order_by("pk")[0], reason="no", reviewer=self.owner)
        assert "0 pictures with" in self.call("generate_captions", "--connection", "Sandbox", "--dry-run")
        again = self.call("generate_captions", "--connection", "Sandbox", "--dry-run", "--reprocess-existing")
        assert "2 pictures with" in again
