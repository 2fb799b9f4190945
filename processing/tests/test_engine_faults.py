"""What goes wrong at an engine, through the whole way of a picture: a reason, never a text that nobody wrote."""

import threading
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

from django.test import override_settings
from werkzeug import Response

from captions.models import CaptionVersion, Image
from processing import leases
from processing.describing import Result
from processing.engines.base import EngineConfig
from processing.engines.config import engine_config
from processing.models import TaskStatus
from processing.tests.engines_case import TEXT, EnginesCase
from processing.tests.fake_servers import answer
from vedfolnir.lib.outbound import Timeout

HURRIED = Timeout(connect=1.0, read=0.2, total=0.4)


def hurried() -> EngineConfig:
    return replace(engine_config(), describe_timeout=HURRIED)


class FaultTests(EnginesCase):
    def assert_nothing_written(self, image: Image, *, reason: str, failures: int) -> None:
        assert not CaptionVersion.objects.exists()
        assert (image.generated_caption, image.captioned_at, image.prompt_used) == (None, None, None)
        assert reason in (image.processing_error or ""), image.processing_error
        assert image.failures == failures

    def waits(self, image: Image, *, reason: str, failures: int = 0) -> None:
        assert self.draft(image) == Result.LATER
        self.assert_nothing_written(image, reason=reason, failures=failures)
        assert image.next_attempt_at is not None

    def ends(self, image: Image, *, reason: str) -> None:
        assert self.draft(image) == Result.ERROR
        self.assert_nothing_written(image, reason=reason, failures=1)
        assert image.status == Image.Status.ERROR

    def test_an_engine_that_is_down_makes_the_picture_wait(self) -> None:
        image = self.found()
        self.go_down()
        self.waits(image, reason="does not answer")

    def test_one_that_is_too_slow_makes_the_picture_wait(self) -> None:
        image = self.found()
        finished = threading.Event()
        self.addCleanup(finished.set)

        def slow(body: object) -> Response:
            finished.wait(5)
            return answer(TEXT)

        self.says(slow)
        with mock.patch("processing.engine_choice.engine_config", hurried):
            self.waits(image, reason="does not answer")
        finished.set()

    def test_a_full_queue_makes_the_picture_wait(self) -> None:
        image = self.found()
        self.says(503)
        self.waits(image, reason="503")

    def test_an_answer_that_breaks_off_makes_the_picture_wait(self) -> None:
        image = self.found()
        self.says(lambda body: Response('{"message": {"content": "A light', content_type="application/json"))
        self.waits(image, reason="broke off its answer")

    def test_the_page_of_a_proxy_makes_the_picture_wait(self) -> None:
        image = self.found()
        self.says(lambda body: Response("<html><body>Back soon</body></html>", content_type="text/html"))
        self.waits(image, reason="answered with text/html instead of JSON: perhaps the page of a proxy")

    def test_half_a_json_of_the_model_is_no_answer(self) -> None:
        image = self.found()
        self.says('Here is the description as JSON: {"alt": "A light')
        self.ends(image, reason="damaged or cut short")

    @override_settings(ENGINE_TIMEOUT=60, LEASE_SECONDS=0)
    def test_the_time_for_a_description_is_the_operators_and_leases_follow_it(self) -> None:
        config = engine_config()
        assert (config.describe_timeout.read, config.describe_timeout.total) == (60, 80)
        lease = leases.call_lease().total_seconds()
        assert 80 < lease < 200
        with override_settings(ENGINE_TIMEOUT=600):
            assert leases.call_lease().total_seconds() == lease + 540

    def test_half_a_sentence_is_no_answer(self) -> None:
        image = self.found()
        self.says(lambda body: answer("A lighthouse on", done_reason="length"))
        self.ends(image, reason="did not come to an end")

    def test_an_empty_answer_is_none(self) -> None:
        image = self.found()
        self.says("  ")
        self.ends(image, reason="empty answer")

    @override_settings(OLLAMA_MODEL="llava:99b")
    def test_a_wrong_model_name_is_told(self) -> None:
        image = self.found()
        self.waits(image, reason="llava:99b")
        assert self.ollama.asked == []


class MidRunTests(EnginesCase):
    def run_on(self) -> None:
        for image in Image.objects.filter(captioned_at=None):
            self.lapse(image)
        self.rest()
        for pk in Image.objects.due().values_list("pk", flat=True):
            self.draft(Image.objects.get(pk=pk))

    def test_an_outage_in_mid_run_loses_and_invents_nothing(self) -> None:
        self.sandbox.add_status(pictures=3, language="en")
        self.sandbox.add_status(pictures=3, language="en")
        task = self.run_task(self.start())
        due = list(Image.objects.order_by("pk"))
        for image in due[:2]:
            assert self.draft(image) == Result.DRAFTED
        self.go_down()
        for image in due[2:]:
            assert self.draft(image) == Result.LATER
        self.lapse(task)
        assert "does not answer" in (self.run_task(task).error_message or "")
        assert CaptionVersion.objects.count() == 2
        self.come_back()
        self.run_on()
        assert list(Image.objects.values_list("generated_caption", "failures")) == [(TEXT, 0)] * 6
        self.lapse(task)
        assert self.run_task(task).status == TaskStatus.COMPLETED

    def test_a_picture_that_fails_while_others_are_drafted_does_not_wait_for_ever(self) -> None:
        self.sandbox.add_status(pictures=3, language="en")
        self.run_task(self.start())
        poison, *others = Image.objects.order_by("pk")

        def fails(failures: int) -> None:
            self.says(500)
            self.lapse(poison)
            self.rest()
            assert self.draft(poison) == Result.LATER
            assert poison.failures == failures

        fails(0)
        fails(0)  # an outage, as far as anybody knows
        for count, other in enumerate(others, start=1):
            self.says(TEXT)
            self.rest()
            assert self.draft(other) == Result.DRAFTED
            fails(count)
            fails(count)

    def test_changing_faults_leave_only_what_the_engine_said(self) -> None:
        self.sandbox.add_status(pictures=4, language="en")
        self.run_task(self.start())
        faults: list[Callable[[dict[str, object]], Response] | str | int] = [503, 500, TEXT]
        self.says(*faults)
        for _round in range(3):
            self.run_on()
        texts = set(CaptionVersion.objects.values_list("text", flat=True))
        assert texts == {TEXT}
        assert not Image.objects.exclude(generated_caption=TEXT).exists()
