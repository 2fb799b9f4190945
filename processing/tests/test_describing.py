from datetime import timedelta
from time import time
from unittest import mock

from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from captions import drafts
from captions.drafts import Draft
from captions.models import CaptionVersion, Image, Publication
from platforms.models import PlatformConnection
from processing import asking, describing, examining, leases, pictures
from processing.describing import Result, caption_image
from processing.engines import EngineRefused, EngineUnavailable
from processing.engines.base import Examination
from processing.engines.config import engine_config
from processing.models import CaptionGenerationTask, TaskStatus
from processing.preparation import PictureRefused, PreparedImage, pool
from processing.running import run_task
from processing.tests import cast
from processing.tests.tasks_case import FakeEngine, TasksCase, only_image
from vedfolnir.lib.outbound import Timeout


def failing(error: Exception) -> FakeEngine:
    def fail() -> str:
        raise error

    return FakeEngine(fail)


class DescribingCase(TasksCase):
    def found(self, **status: object) -> Image:
        """One picture of a new post, due."""
        self.sandbox.add_status(**status)  # type: ignore[arg-type]
        self.run_task(self.start())
        return only_image()


class DraftTests(DescribingCase):
    def test_a_draft_comes_with_where_it_is_from_and_what_the_checks_say(self) -> None:
        image = self.found(language="en")
        assert caption_image(image.pk, engine=FakeEngine(lambda: "image of a lighthouse")) == Result.DRAFTED
        image.refresh_from_db()
        version = image.versions.get()
        assert (version.kind, version.engine, version.model) == (CaptionVersion.Kind.GENERATED, "fake", "fake-1")
        assert version.prompt_version == "test/1"
        assert "redundant-opening" in [finding["code"] for finding in version.findings]
        assert version.score == image.caption_quality_score
        assert version.score is not None
        assert version.score < 100
        assert image.generated_caption == version.text == "image of a lighthouse"
        assert image.captioned_at is not None
        assert image.failures == 0
        assert (image.width, image.height) != (None, None)

    def test_the_prepared_picture_is_kept_for_the_reviewer(self) -> None:
        image = self.found()
        caption_image(image.pk, engine=self.engine)
        image.refresh_from_db()
        stored = self.media / image.local_path
        assert stored.read_bytes().startswith(b"\xff\xd8\xff")
        assert image.content_hash in image.local_path
        assert [path.name for path in stored.parent.iterdir()] == [stored.name]

    def test_an_image_that_is_not_due_is_not_touched(self) -> None:
        image = self.found()
        assert caption_image(image.pk, engine=self.engine) == Result.DRAFTED
        assert caption_image(image.pk, engine=self.engine) == Result.NOT_DUE
        assert len(self.engine.asked) == 1


class FenceTests(DescribingCase):
    def test_a_worker_past_its_lease_changes_nothing(self) -> None:
        image = self.found()
        stale = drafts.claim(image.pk, leases.image_lease())
        assert stale is not None
        self.lapse(image)
        fresh = drafts.claim(image.pk, leases.image_lease())
        assert fresh is not None
        late = Draft(text="Too late.", engine="fake", model="fake-1")
        assert not drafts.record_draft(image.pk, stale.attempts, late)
        assert not drafts.record_failure(image.pk, stale.attempts, "too late", retry_at=None)
        assert not drafts.record_failure(image.pk, stale.attempts, "too late", retry_at=fresh.next_attempt_at)
        image.refresh_from_db()
        assert (image.generated_caption, image.processing_error) == (None, None)
        assert not CaptionVersion.objects.exists()
        assert drafts.record_draft(image.pk, fresh.attempts, late)

    def test_a_lease_that_ran_out_makes_the_image_due_again(self) -> None:
        image = self.found()
        assert drafts.claim(image.pk, leases.image_lease()) is not None
        assert not Image.objects.due().exists()
        self.lapse(image)
        assert Image.objects.due().exists()

    def test_a_picture_that_keeps_killing_its_worker_becomes_an_error(self) -> None:
        image = self.found()
        for _number in range(describing.FAILURES_MOST):
            assert drafts.claim(image.pk, leases.image_lease()) is not None
            self.lapse(image)
        assert caption_image(image.pk, engine=self.engine) == Result.ERROR
        image.refresh_from_db()
        assert image.status == Image.Status.ERROR
        assert "ended the worker 5 times" in (image.processing_error or "")
        assert self.engine.asked == []

    def test_a_failure_after_the_task_was_cancelled_asks_for_no_other_attempt(self) -> None:
        image = self.found()
        held = drafts.claim(image.pk, leases.image_lease())
        assert held is not None
        drafts.withdraw(image.batch_id)
        drafts.record_failure(image.pk, held.attempts, "down", retry_at=held.created_at)
        image.refresh_from_db()
        assert image.next_attempt_at is None
        assert image.processing_error == "down"

    @override_settings(LEASE_SECONDS=0)
    def test_the_lease_covers_each_step_of_the_slowest_engine_of_the_chain(self) -> None:
        children = pool.ATTEMPTS * (pool.START_SECONDS + pool.SECONDS)
        fetched_and_prepared = Timeout().total + pool.WAIT_SECONDS + children
        config = engine_config()
        call = 2 * config.health_timeout.total + config.describe_timeout.total + asking.QUICK
        assert call > fetched_and_prepared > 300
        for chain in ("ollama", "ollama,basic", "auto", "openai,transformers"):
            with override_settings(CAPTION_ENGINE=chain):
                assert leases.image_lease().total_seconds() > call
        with override_settings(CAPTION_ENGINE="basic"):
            assert call > leases.image_lease().total_seconds() > fetched_and_prepared

    def test_whatever_a_step_took_the_next_one_has_the_whole_lease(self) -> None:
        image = self.found()
        left: list[float] = []
        fetch = pictures.download

        def download(image: Image) -> PreparedImage:
            prepared = fetch(image)
            Image.objects.filter(pk=image.pk).update(next_attempt_at=timezone.now() + timedelta(seconds=1))
            return prepared

        def examine(_prepared: PreparedImage, _language: str) -> Examination:
            held_until = only_image().next_attempt_at
            assert held_until is not None
            left.append((held_until - timezone.now()).total_seconds())
            return Examination()

        with mock.patch.object(pictures, "download", download), mock.patch.object(examining, "examine", examine):
            assert caption_image(image.pk, engine=self.engine) == Result.DRAFTED
        assert left[0] > leases.EXAMINATION.total_seconds()


class EngineTroubleTests(DescribingCase):
    def test_an_outage_of_the_engine_waits_longer_and_longer_and_uses_nothing_up(self) -> None:
        image = self.found()
        down = failing(EngineUnavailable("Ollama answered 500: cuda out of memory"))
        delays = []
        began = time()
        for minutes in (0, 1, 3, 9, 60, 80, 120):
            with (
                mock.patch("processing.engine_breaker.time", return_value=began + 60.0 * minutes),
                self.assertLogs("processing.describing", level="WARNING") as logs,
            ):
                assert caption_image(image.pk, engine=down) == Result.LATER
            assert "cuda out of memory" in logs.output[0]
            image.refresh_from_db()
            assert image.processing_error == "Ollama answered 500: cuda out of memory"
            assert image.failures == 0
            assert image.next_attempt_at is not None
            delays.append(round((image.next_attempt_at - image.updated_at).total_seconds()))
            self.lapse(image)
        assert delays == [15, 60, 180, 540, 600, 600, 600]
        with mock.patch("processing.engine_breaker.time", return_value=began + 60.0 * 140):
            assert caption_image(image.pk, engine=self.engine) == Result.DRAFTED

    def test_an_outage_does_not_hide_a_picture_that_kills_its_worker(self) -> None:
        image = self.found()
        assert drafts.claim(image.pk, leases.image_lease()) is not None
        self.lapse(image)
        caption_image(image.pk, engine=failing(EngineUnavailable("Ollama does not answer.")))
        image.refresh_from_db()
        assert image.failures == 1

    @override_settings(CAPTION_ENGINE="magic")
    def test_a_wrong_setting_waits_uncounted_and_nothing_is_fetched(self) -> None:
        image = self.found()
        for _number in range(describing.FAILURES_MOST + 1):
            assert caption_image(image.pk) == Result.LATER
            self.lapse(image)
        image.refresh_from_db()
        assert "CAPTION_ENGINE is set wrongly" in (image.processing_error or "")
        assert image.failures == 0
        assert self.sandbox.requests(path_prefix="/media") == []

    def test_an_engine_that_refuses_is_an_error_with_its_reason_and_the_picture_can_be_seen(self) -> None:
        image = self.found()
        assert caption_image(image.pk, engine=failing(EngineRefused("No model that sees."))) == Result.ERROR
        image.refresh_from_db()
        assert image.processing_error == "No model that sees."
        assert (self.media / image.local_path).is_file()

    def test_a_refusal_in_words_is_an_error_with_these_words_and_no_draft(self) -> None:
        image = self.found()
        said = "I'm sorry, but I can't describe this image."
        assert caption_image(image.pk, engine=FakeEngine(lambda: said)) == Result.ERROR
        image.refresh_from_db()
        assert image.processing_error == f"The model refuses: “{said}”"
        assert (image.generated_caption, image.versions.count()) == (None, 0)

    def test_nonsense_is_a_draft_that_the_checks_condemn(self) -> None:
        image = self.found()
        caption_image(image.pk, engine=FakeEngine(lambda: "IMG_2034.jpg"))
        image.refresh_from_db()
        assert image.caption_quality_score == 1
        assert image.needs_special_review

    def test_a_mistake_of_ours_is_seen_on_the_image(self) -> None:
        image = self.found()
        with self.assertLogs("processing.describing", level="ERROR"):
            assert caption_image(image.pk, engine=failing(ZeroDivisionError())) == Result.LATER
        image.refresh_from_db()
        assert "worker's log" in (image.processing_error or "")

    @override_settings(CAPTION_ENGINE="magic")
    def test_an_engine_that_does_not_exist_is_named_on_the_image(self) -> None:
        image = self.found()
        assert caption_image(image.pk) == Result.LATER
        image.refresh_from_db()
        assert "magic" in (image.processing_error or "")


class FileTroubleTests(DescribingCase):
    def test_a_file_that_is_gone_is_an_error(self) -> None:
        image = self.found()
        self.sandbox.fault(404, path_prefix="/media")
        assert caption_image(image.pk, engine=self.engine) == Result.ERROR
        image.refresh_from_db()
        assert "not there any more" in (image.processing_error or "")

    def test_a_web_page_instead_of_a_picture_is_an_error(self) -> None:
        image = self.found()
        self.sandbox.fault("html", path_prefix="/media")
        assert caption_image(image.pk, engine=self.engine) == Result.ERROR
        image.refresh_from_db()
        assert "web page" in (image.processing_error or "")

    def test_a_server_in_trouble_is_asked_again_later(self) -> None:
        image = self.found()
        self.sandbox.fault(503, path_prefix="/media")
        assert caption_image(image.pk, engine=self.engine) == Result.LATER
        self.lapse(image)
        assert caption_image(image.pk, engine=self.engine) == Result.DRAFTED

    def test_an_address_that_may_not_be_asked_is_an_error(self) -> None:
        image = self.found()
        with override_settings(OUTBOUND_ALLOW=()):
            assert caption_image(image.pk, engine=self.engine) == Result.ERROR

    def test_a_file_that_is_no_picture_is_an_error(self) -> None:
        image = self.found()
        with mock.patch("processing.pictures.pool.prepare", side_effect=PictureRefused("Damaged.")):
            assert caption_image(image.pk, engine=self.engine) == Result.ERROR
        image.refresh_from_db()
        assert image.processing_error == "Damaged."

    def test_an_error_does_not_hold_back_the_other_pictures_of_the_post(self) -> None:
        self.sandbox.add_status(pictures=2)
        self.run_task(self.start())
        good, bad = Image.objects.due().order_by("pk")
        caption_image(good.pk, engine=self.engine)
        good.refresh_from_db()
        cast.approve_all([good], self.owner)
        assert Publication.objects.get().status == Publication.Status.WAITING
        caption_image(bad.pk, engine=failing(EngineRefused("No.")))
        assert Publication.objects.get().status == Publication.Status.QUEUED


class ConsentTests(DescribingCase):
    """What may be touched is asked again right before a picture goes to an engine."""

    def closed(self, image: Image) -> None:
        assert caption_image(image.pk, engine=self.engine) == Result.WITHDRAWN
        assert self.engine.asked == []
        image.refresh_from_db()
        assert (image.status, image.captioned_at, image.next_attempt_at) == (Image.Status.PENDING, None, None)
        assert "leaves out" in (image.processing_error or "")
        assert image.failures == 0

    def test_no_engine_sees_a_followers_only_post_after_its_owner_closed_them(self) -> None:
        self.connection.include_private = True
        self.connection.save()
        image = self.found(visibility="private")
        PlatformConnection.objects.update(include_private=False)
        self.closed(image)

    def test_no_engine_sees_a_post_with_a_tag_that_its_owner_keeps_out_by_now(self) -> None:
        image = self.found(text="A storm. #weather")
        PlatformConnection.objects.update(opt_out_tags="weather")
        self.closed(image)

    def test_the_task_ends_and_names_the_reason(self) -> None:
        image = self.found(text="A storm. #weather")
        PlatformConnection.objects.update(opt_out_tags="weather")
        self.closed(image)
        run_task(image.batch_id)
        task = CaptionGenerationTask.objects.get(pk=image.batch_id)
        assert task.status == TaskStatus.COMPLETED
        self.client.force_login(self.owner)
        self.assertContains(self.client.get(reverse("tasks:detail", args=[task.pk])), "leaves out")

    def test_a_scan_takes_it_up_when_it_may_again(self) -> None:
        image = self.found(text="A storm. #weather")
        PlatformConnection.objects.update(opt_out_tags="weather")
        self.closed(image)
        run_task(image.batch_id)
        PlatformConnection.objects.update(opt_out_tags="")
        self.connection.refresh_from_db()
        self.run_task(self.start())
        assert caption_image(image.pk, engine=self.engine) == Result.DRAFTED

    def test_an_earlier_draft_awaits_review_again(self) -> None:
        image = self.found(text="A storm. #weather")
        caption_image(image.pk, engine=self.engine)
        run_task(image.batch_id)
        self.run_task(self.start(reprocess_existing=True))
        PlatformConnection.objects.update(opt_out_tags="weather")
        assert caption_image(image.pk, engine=self.engine) == Result.WITHDRAWN
        image.refresh_from_db()
        assert image.captioned_at is not None
        assert image.generated_caption
