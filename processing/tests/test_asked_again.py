"""What becomes of a person's request for another text: it waits, is answered, or fails with a reason on the page."""

from datetime import timedelta
from itertools import count
from unittest import mock

from django.test import override_settings
from django.urls import reverse

from captions import actions as decisions
from captions.models import Image, Post, StyleGuide
from processing import asking, engine_slots, stopping
from processing.describing import Result, caption_image
from processing.engines import Chain
from processing.figures import errors, final_figures
from processing.models import CaptionGenerationTask
from processing.tests.engines_case import TEXT, EnginesCase
from processing.tests.fake_servers import error
from processing.tests.tasks_case import FakeEngine
from processing.waiting import work_off

LONG = timedelta(minutes=10)
GERMAN = "Ein Leuchtturm auf einem Felsen, ringsum hohe Wellen und darüber ein grauer Himmel."
OTHER = "Waves break on a rock below a lighthouse."


class AskedAgainCase(EnginesCase):
    def drafted(self, text: str = TEXT) -> Image:
        """One picture with a draft, whose task is over."""
        image = self.found()
        self.says(text)
        assert self.draft(image) == Result.DRAFTED
        self.run_task(CaptionGenerationTask.objects.get(pk=image.batch_id))
        return image

    def texts(self, image: Image) -> list[str]:
        return list(image.versions.order_by("pk").values_list("text", flat=True))

    def page(self, image: Image) -> str:
        self.client.force_login(self.owner)
        return self.client.get(reverse("captions:drafting", args=[image.pk])).content.decode()


class CandidateTests(AskedAgainCase):
    def asked(self) -> Image:
        image = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner, candidates=2)
        return image

    def test_an_outage_is_waited_for(self) -> None:
        image = self.asked()
        self.says(500)
        assert self.draft(image) == Result.LATER
        assert image.is_redrafting
        assert (image.candidates_wanted, image.failures) == (2, 0)
        assert "no room" in (image.processing_error or "")
        assert "The new draft is there" not in self.page(image)
        self.rest()
        self.lapse(image)
        self.says(OTHER, "A tower by the sea.")
        assert self.draft(image) == Result.DRAFTED
        assert self.texts(image) == [TEXT, OTHER, "A tower by the sea."]

    @override_settings(ENGINE_PLACES={"ollama": 1})
    def test_so_are_places(self) -> None:
        image = self.asked()
        taken = engine_slots.place("ollama", LONG)
        with mock.patch.object(asking, "require_turn"), taken:  # another call takes it after the look
            assert self.draft(image) == Result.LATER
        assert image.is_redrafting

    def test_a_worker_that_is_to_end_gives_the_picture_back(self) -> None:
        image = self.asked()
        self.addCleanup(stopping._asked.clear)
        stopping.ask()
        assert self.draft(image) == Result.LATER
        assert image.is_redrafting
        assert Image.objects.due().filter(pk=image.pk).exists()

    def test_if_all_are_refused_the_page_says_why(self) -> None:
        image = self.asked()
        self.says(lambda body: error(400, "context too small"))
        assert self.draft(image) == Result.ERROR
        assert (image.status, image.text) == (Image.Status.PENDING, TEXT)
        assert "context too small" in image.redraft_failure
        assert "context too small" in self.page(image)

    def test_what_comes_about_is_kept_if_the_engine_fails_after_it(self) -> None:
        image = self.asked()
        self.says(OTHER, 500)
        assert self.draft(image) == Result.DRAFTED
        assert self.texts(image) == [TEXT, OTHER]

    @override_settings(CAPTION_ENGINE="basic")
    def test_an_engine_that_has_but_one_text_says_so(self) -> None:
        image = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner, candidates=2)
        assert self.draft(image) == Result.ERROR
        assert "basic wrote the same text again" in self.page(image)
        assert image.versions.count() == 1


class NewDraftTests(AskedAgainCase):
    @override_settings(CAPTION_ENGINE="ollama,basic")
    def test_no_weaker_engine_writes_over_the_draft(self) -> None:
        image = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner)
        self.says(lambda body: error(400, "context too small"))
        assert self.draft(image) == Result.ERROR
        assert image.generated_caption == TEXT
        assert "context too small" in self.page(image)

    @override_settings(CAPTION_ENGINE="ollama,basic")
    def test_nor_when_a_task_drafts_again(self) -> None:
        image = self.drafted()
        StyleGuide.objects.create(platform_connection=self.connection, tone="plain")
        self.run_task(self.start(reprocess_existing=True))
        self.says(lambda body: error(400, "context too small"))
        assert self.draft(image) == Result.ERROR
        assert image.generated_caption == TEXT

    @override_settings(CAPTION_ENGINE="basic")
    def test_an_engine_that_cannot_be_told_anything_is_not_asked(self) -> None:
        image = self.drafted()
        asked = len(self.attempts())
        decisions.ask_again_for_draft(image, user=self.owner, instruction="shorter")
        assert self.draft(image) == Result.ERROR
        assert "basic cannot be told how to write" in self.page(image)
        assert len(self.attempts()) == asked
        assert image.versions.count() == 1

    @override_settings(CAPTION_ENGINE="basic")
    def test_but_it_can_write_in_another_language(self) -> None:
        image = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner, instruction="Write it in German.")
        assert self.draft(image) == Result.DRAFTED
        assert image.language == "de"

    def test_the_same_text_is_no_new_draft(self) -> None:
        image = self.drafted()
        decisions.ask_again_for_draft(image, user=self.owner, instruction="shorter")
        assert self.draft(image) == Result.ERROR
        assert self.texts(image) == [TEXT]
        assert "ollama wrote the same text again" in self.page(image)

    def test_an_instruction_is_about_the_text_in_the_box(self) -> None:
        image = self.drafted()
        decisions.approve(image, text="By me, a tall tower.", reviewer=self.owner)
        decisions.reopen(image, user=self.owner)
        decisions.ask_again_for_draft(image, user=self.owner, instruction="shorter")
        self.says(OTHER)
        assert self.draft(image) == Result.DRAFTED
        prompt = self.ollama.asked[-1]["messages"][0]["content"]
        assert "By me, a tall tower." in prompt
        assert TEXT not in prompt

    def test_trying_again_after_an_error_is_an_ordinary_first_draft(self) -> None:
        image = self.found()
        self.says(lambda body: error(400, "bad"))
        assert self.draft(image) == Result.ERROR
        decisions.requeue(image, user=self.owner)
        self.says(TEXT)
        assert self.draft(image) == Result.DRAFTED
        first, second = (asked["options"]["temperature"] for asked in self.ollama.asked)
        assert first == second


class PaidOnceTests(AskedAgainCase):
    def test_a_language_that_was_answered_is_not_asked_again_while_another_waits(self) -> None:
        StyleGuide.objects.create(platform_connection=self.connection, also_in="de")
        image = self.found()
        self.says(TEXT, 500)
        assert self.draft(image) == Result.LATER
        asked = len(self.ollama.asked)
        self.says(GERMAN)
        self.rest()
        self.lapse(image)
        assert self.draft(image) == Result.DRAFTED
        assert image.generated_caption == f"{TEXT}\n\n{GERMAN}"
        assert len(self.ollama.asked) == asked + 1

    def test_nor_is_any_of_them_for_the_same_bytes_in_another_post(self) -> None:
        StyleGuide.objects.create(platform_connection=self.connection, also_in="de")
        image = self.found()
        Post.objects.update(post_content="The same words.")
        self.says(TEXT, GERMAN)
        self.draft(image)
        self.run_task(CaptionGenerationTask.objects.get(pk=image.batch_id))
        self.sandbox.add_status("Another", language="en")
        self.run_task(self.start())
        second = Image.objects.exclude(pk=image.pk).get()
        Post.objects.update(post_content="The same words.")
        assert self.draft(second) == Result.DRAFTED
        assert second.generated_caption == f"{TEXT}\n\n{GERMAN}"
        assert len(self.ollama.asked) == 2

    def test_nor_what_a_person_waits_for_though_that_takes_no_older_answer(self) -> None:
        StyleGuide.objects.create(platform_connection=self.connection, also_in="de")
        image = self.found()
        self.says(TEXT, GERMAN)
        self.draft(image)
        self.run_task(CaptionGenerationTask.objects.get(pk=image.batch_id))
        decisions.ask_again_for_draft(image, user=self.owner)
        self.says(OTHER, 500)
        assert self.draft(image) == Result.LATER
        asked = len(self.ollama.asked)
        self.says(GERMAN)
        self.rest()
        self.lapse(image)
        assert self.draft(image) == Result.DRAFTED
        assert image.generated_caption == f"{OTHER}\n\n{GERMAN}"
        assert len(self.ollama.asked) == asked + 1

    def test_the_second_question_for_the_right_language_may_be_refused(self) -> None:
        image = self.found()
        self.says(GERMAN, lambda body: error(400, "bad"))
        assert self.draft(image) == Result.DRAFTED
        version = image.versions.get()
        assert version.text == GERMAN
        assert "wrong-language" in [finding["code"] for finding in version.findings]

    @override_settings(CAPTION_ENGINE="basic")
    def test_an_answer_that_is_used_again_comes_with_its_doubts_and_notes(self) -> None:
        first = self.drafted()
        self.sandbox.add_status("Another", language="en")
        self.run_task(self.start())
        second = Image.objects.exclude(pk=first.pk).get()
        assert self.draft(second) == Result.DRAFTED
        assert self.attempts() == [("basic", "answered"), ("basic", "reused")]
        assert first.needs_special_review
        assert second.needs_special_review
        notes = [image.versions.get().findings for image in (first, second)]
        assert notes[0] == notes[1] != []
        assert second.prompt_used == first.prompt_used


class WorkOffTests(AskedAgainCase):
    @override_settings(ENGINE_PLACES={"ollama": 1})
    def test_no_picture_is_taken_or_fetched_while_all_places_are_taken(self) -> None:
        for _number in range(3):
            self.sandbox.add_status(pictures=2)
        task = self.start()
        pauses = count(1)
        taken = engine_slots.place("ollama", LONG)
        taken.__enter__()

        def pause(seconds: float) -> None:
            if seconds and next(pauses) == 4:
                assert self.sandbox.requests(path_prefix="/media") == []
                assert not Image.objects.exclude(attempts=0).exists()
                taken.__exit__(None, None, None)

        with mock.patch.object(stopping, "pause", pause):
            assert work_off(task).status == CaptionGenerationTask.Status.COMPLETED
        assert Image.objects.awaiting_review().count() == 6


class FigureTests(AskedAgainCase):
    def test_what_a_person_asked_for_in_vain_is_no_error_of_the_task(self) -> None:
        self.sandbox.add_status(pictures=2, language="en")
        task = self.run_task(self.start())
        first, second = Image.objects.order_by("pk")
        self.draft(first)
        decisions.ask_again_for_draft(first, user=self.owner, instruction="shorter")
        self.says(lambda body: error(400, "bad"))
        assert self.draft(first) == Result.ERROR
        self.says(TEXT)
        self.draft(second)
        task = self.run_task(task)
        assert (task.status, task.current_step) == (CaptionGenerationTask.Status.COMPLETED, "2 drafts")
        assert errors(task.pk) == []
        assert final_figures(task.pk).failed == 0

    def test_nor_is_it_when_the_task_drafted_the_picture_again(self) -> None:
        image = self.drafted()
        StyleGuide.objects.create(platform_connection=self.connection, tone="plain")
        self.sandbox.add_status("Another", language="en")
        task = self.run_task(self.start(reprocess_existing=True))
        self.says(OTHER)
        assert self.draft(image) == Result.DRAFTED
        decisions.ask_again_for_draft(image, user=self.owner, instruction="shorter")
        self.says(lambda body: error(400, "bad"))
        assert self.draft(image) == Result.ERROR
        assert (final_figures(task.pk).failed, errors(task.pk)) == (0, [])

    def test_a_draft_that_nobody_made_yet_is_not_the_tasks(self) -> None:
        image = self.drafted()
        task = self.run_task(self.start(reprocess_existing=True))
        decisions.ask_again_for_draft(image, user=self.owner, instruction="in German")
        task = self.run_task(task)
        assert (task.status, task.current_step) == (CaptionGenerationTask.Status.COMPLETED, "0 drafts")

    def test_a_picture_that_a_person_tries_again_stays_theirs(self) -> None:
        image = self.found()
        self.says(lambda body: error(400, "bad"))
        self.draft(image)
        first = self.run_task(CaptionGenerationTask.objects.get(pk=image.batch_id))
        decisions.requeue(image, user=self.owner)
        task = self.run_task(self.run_task(self.start()))
        image.refresh_from_db()
        assert image.batch_id == first.pk
        assert (task.status, task.images_found, task.current_step) == ("completed", 0, "0 drafts")


class ChainTests(AskedAgainCase):
    def test_of_a_chain_those_are_asked_that_can_be_told(self) -> None:
        deaf, hears = FakeEngine(name="deaf", follows_instructions=False), FakeEngine(lambda: OTHER, name="hears")
        image = self.found()
        chain = Chain((deaf, hears))
        assert caption_image(image.pk, engine=Chain((hears,))) == Result.DRAFTED
        decisions.ask_again_for_draft(image, user=self.owner, instruction="shorter")
        hears.says = lambda: "Waves."
        assert caption_image(image.pk, engine=chain) == Result.DRAFTED
        assert deaf.asked == []
