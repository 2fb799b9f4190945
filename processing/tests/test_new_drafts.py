"""New drafts of pictures that have one, as tasks, figures and workers see them."""

import json
from datetime import timedelta
from unittest import mock

from django.utils import timezone

from captions import actions as decisions
from captions.models import Image
from processing import actions, describing, leases, tasks
from processing.describing import Result, caption_image
from processing.figures import errors, final_figures, has_open_images
from processing.models import CaptionGenerationTask
from processing.tests.tasks_case import FakeEngine, TasksCase


class NewDraftTests(TasksCase):
    def drafted(self, count: int = 1) -> list[Image]:
        for _number in range(count):
            self.sandbox.add_status()
        self.complete(self.start())
        return list(Image.objects.order_by("pk"))

    def redrafting(self, count: int = 1) -> CaptionGenerationTask:
        self.drafted(count)
        return self.run_task(self.start(reprocess_existing=True))

    def test_pictures_that_are_drafted_again_are_left_until_they_are_done(self) -> None:
        task = self.redrafting(2)
        counted = final_figures(task.pk)
        assert (counted.found, counted.left, counted.drafted) == (2, 2, 0)
        caption_image(Image.objects.due()[0].pk, engine=self.engine)
        assert final_figures(task.pk).left == 1
        assert has_open_images(task.pk)
        self.describe_due()
        task = self.run_task(task)
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert final_figures(task.pk).drafted == 2

    def test_one_that_keeps_its_draft_for_want_of_a_new_one_counts_as_failed_and_says_why(self) -> None:
        task = self.redrafting()
        self.sandbox.fault(404, path_prefix="/media")
        self.describe_due()
        task = self.run_task(task)
        results = json.loads(task.results_json or "{}")
        assert (results["captions_generated"], results["errors_count"]) == (0, 1)
        assert "404" in results["error_details"][0]["error"]
        assert results["generated_image_ids"] == []
        assert [image.redraft_failure for image in errors(task.pk)] == [results["error_details"][0]["error"]]

    def test_a_task_that_is_cancelled_leaves_the_drafts_as_they_were(self) -> None:
        task = self.redrafting(2)
        before = dict(Image.objects.values_list("pk", "captioned_at"))
        actions.cancel_task(task, self.owner)
        assert dict(Image.objects.values_list("pk", "captioned_at")) == before
        assert not Image.objects.asked_for().exists()
        assert Image.objects.awaiting_review().count() == 2

    def test_a_decision_while_the_engine_works_wins(self) -> None:
        (image,) = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner, instruction="shorter")

        def decide() -> str:
            decisions.approve(image, text="A lighthouse, by me.", reviewer=self.owner)
            return "Too late."

        assert caption_image(image.pk, engine=FakeEngine(decide)) == Result.LEASE_LOST
        image.refresh_from_db()
        assert (image.status, image.text) == (Image.Status.APPROVED, "A lighthouse, by me.")
        assert not image.versions.filter(text="Too late.").exists()

    def test_a_picture_that_kills_its_workers_keeps_its_draft(self) -> None:
        (image,) = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner)
        Image.objects.update(failures=describing.FAILURES_MOST)
        assert caption_image(image.pk, engine=self.engine) == Result.ERROR
        image.refresh_from_db()
        assert image.status == Image.Status.PENDING
        assert "ended the worker" in image.redraft_failure
        assert image.text == self.engine.says()

    def test_a_supervisor_lets_go_of_it_when_no_worker_is_left(self) -> None:
        (image,) = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner)
        assert Image.objects.claim(image.pk, timedelta(hours=1))
        assert leases.release_images() == 1
        assert Image.objects.due().filter(pk=image.pk).exists()

    def test_a_task_does_not_wait_for_what_a_person_asked_for(self) -> None:
        (image,) = self.drafted()
        self.sandbox.add_status()
        task = self.run_task(self.start())
        Image.objects.filter(pk=image.pk).update(batch_id=task.pk)
        decisions.ask_again_for_draft(image, user=self.owner)
        caption_image(Image.objects.get(captioned_at=None).pk, engine=self.engine)
        task = self.run_task(task)
        assert task.status == CaptionGenerationTask.Status.COMPLETED
        assert final_figures(task.pk).drafted == 2
        assert Image.objects.due().get() == image

    def test_what_a_person_waits_for_is_done_before_the_next_picture_of_an_account(self) -> None:
        (image,) = self.drafted()
        for _number in range(2):
            self.sandbox.add_status()
        self.run_task(self.start())
        decisions.ask_again_for_draft(image, user=self.owner)
        Image.objects.filter(pk=image.pk).update(next_attempt_at=timezone.now())
        done = list[int]()

        def describe(pk: int) -> Result:
            done.append(pk)
            return Result.DRAFTED

        with mock.patch.object(tasks, "caption_image", describe):
            tasks.caption_images(list(Image.objects.filter(captioned_at=None).values_list("pk", flat=True)))
        assert done[0] == image.pk
        assert len(set(done)) == 3
