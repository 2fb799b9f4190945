"""How engines are asked: retries, fallback, places, the breaker, earlier answers, and what is noted of each call."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from unittest import mock

from django.core.management import call_command
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from werkzeug import Response

from captions import actions as decisions
from captions import drafts
from captions.models import CaptionVersion, Image, Post, StyleGuide
from platforms.models import PlatformConnection
from platforms.traffic import doors
from processing import describing, engine_slots, engine_trouble, examining, health, stopping, tasks
from processing.describing import Result, caption_image
from processing.engine_breaker import EngineBreaker
from processing.engine_settings import parse_prices
from processing.engines import Chain, EngineMisconfigured, EngineRefused, EngineUnavailable
from processing.engines.base import Examination
from processing.models import CaptionGenerationTask, EngineAttempt, EngineSlot, KeptAnswer
from processing.tests import cast
from processing.tests.engines_case import TEXT, EnginesCase
from processing.tests.fake_servers import answer, error
from processing.tests.tasks_case import FakeEngine, only_image

LONG = timedelta(minutes=10)


def refusing(reason: str = "It shows nothing.", name: str = "first", meanwhile: Callable[[], Any] = bool) -> FakeEngine:
    """`meanwhile` is done while the engine works."""

    def refuse() -> str:
        meanwhile()
        raise EngineRefused(reason)

    return FakeEngine(refuse, name=name)


def raising(error: Exception) -> FakeEngine:
    def fail() -> str:
        raise error

    return FakeEngine(fail, name="first")


def fallback(first: FakeEngine) -> tuple[Chain, FakeEngine]:
    second = FakeEngine(name="second")
    return Chain((first, second)), second


class NoteTests(EnginesCase):
    def test_a_call_is_noted_with_what_it_took(self) -> None:
        image = self.found()
        assert self.draft(image) == Result.DRAFTED
        attempt = EngineAttempt.objects.get()
        assert (attempt.image, attempt.task_id, attempt.engine) == (image, image.batch_id, "ollama")
        assert (attempt.model, attempt.outcome) == ("qwen3-vl:4b", "answered")
        assert (attempt.tokens_in, attempt.tokens_out, attempt.cost) == (812, 17, None)
        assert attempt.seconds is not None
        assert not EngineSlot.objects.exclude(holder="").exists()

    def test_a_price_makes_a_cost_of_the_call_and_of_the_draft(self) -> None:
        image = self.found()
        with override_settings(ENGINE_PRICES=parse_prices("ollama:qwen3-vl:4b=1/2/0.01")):
            self.draft(image)
        cost = Decimal("0.010846")
        assert EngineAttempt.objects.get().cost == image.versions.get().cost == cost


class RetryTests(EnginesCase):
    def test_a_call_that_fails_is_made_again_at_most_twice_and_then_waits(self) -> None:
        image = self.found()
        self.says(500)
        assert self.draft(image) == Result.LATER
        assert self.attempts() == [("ollama", "unavailable")] * 3
        assert len(self.ollama.asked) == 3
        assert (image.failures, image.generated_caption) == (0, None)
        assert "no room" in (image.processing_error or "")

    def test_a_quick_retry_may_be_all_that_is_needed(self) -> None:
        image = self.found()
        self.says(503, TEXT)
        assert self.draft(image) == Result.DRAFTED
        assert self.attempts() == [("ollama", "unavailable"), ("ollama", "answered")]

    def test_a_server_that_asks_for_a_long_pause_gets_it_and_no_retry(self) -> None:
        image = self.found()
        self.says(lambda body: error(503, "queue full", **{"Retry-After": "120"}))
        assert self.draft(image) == Result.LATER
        assert len(self.ollama.asked) == 1
        assert image.next_attempt_at is not None
        assert image.next_attempt_at > timezone.now() + timedelta(seconds=110)
        assert describing.why_not_now()

    def test_a_server_that_asks_for_a_short_pause_gets_no_longer_one(self) -> None:
        image = self.found()
        self.says(lambda body: error(429, "too many requests", **{"Retry-After": "8"}))
        assert self.draft(image) == Result.LATER
        assert image.next_attempt_at is not None
        assert image.next_attempt_at < timezone.now() + timedelta(seconds=13)
        with mock.patch("processing.engine_breaker.time", return_value=timezone.now().timestamp() + 9):
            breakers = [EngineBreaker("ollama", LONG) for _number in range(3)]
            assert [breaker.enter() for breaker in breakers] == [0, 0, 0]  # it works: not one at a time

    def test_one_that_asks_for_short_pauses_again_and_again_is_left_alone_like_one_that_is_down(self) -> None:
        breaker = EngineBreaker("ollama", LONG)
        assert [breaker.failed(2) for _number in range(30)] == [2] * 30
        assert breaker.failed(2) == 15
        assert breaker.silent_since() is not None


class FallbackTests(EnginesCase):
    def test_the_next_engine_is_asked_after_a_refusal_and_the_draft_says_why(self) -> None:
        image = self.found()
        chain, _second = fallback(refusing())
        assert caption_image(image.pk, engine=chain) == Result.DRAFTED
        assert self.attempts() == [("first", "refused"), ("second", "answered")]
        notes = [finding["message"] for finding in image.versions.get().findings if finding["code"] == "engine-note"]
        assert "first: It shows nothing." in notes

    def test_the_next_engine_is_asked_after_a_refusal_in_words_which_is_never_given_again(self) -> None:
        image = self.found()
        first = FakeEngine(lambda: "I'm sorry, but I can't help with that.", name="first")
        assert caption_image(image.pk, engine=Chain((first, FakeEngine(name="second")))) == Result.DRAFTED
        assert self.attempts() == [("first", "refused"), ("second", "answered")]
        notes = [finding["message"] for finding in image.versions.get().findings if finding["code"] == "engine-note"]
        assert "first: The model refuses: “I'm sorry, but I can't help with that.”" in notes
        assert not KeptAnswer.objects.filter(answer__engine="first").exists()

    def test_no_other_engine_takes_over_for_an_outage(self) -> None:
        image = self.found()
        chain, second = fallback(raising(EngineUnavailable("down")))
        assert caption_image(image.pk, engine=chain) == Result.LATER
        assert second.asked == []

    def test_no_other_engine_takes_over_for_a_wrong_setting_which_the_picture_names(self) -> None:
        image = self.found()
        chain, second = fallback(raising(EngineMisconfigured("OPENAI_API_KEY is wrong.")))
        assert caption_image(image.pk, engine=chain) == Result.LATER
        assert second.asked == []
        image.refresh_from_db()
        assert (image.processing_error, image.failures) == ("OPENAI_API_KEY is wrong.", 0)

    def test_if_all_refuse_every_reason_is_told(self) -> None:
        image = self.found()
        chain = Chain((refusing("Too dark."), refusing("Too small.", name="second")))
        assert caption_image(image.pk, engine=chain) == Result.ERROR
        image.refresh_from_db()
        assert image.processing_error == "first: Too dark. second: Too small."

    def test_an_empty_answer_is_no_text(self) -> None:
        image = self.found()
        assert caption_image(image.pk, engine=FakeEngine(lambda: " \n")) == Result.ERROR
        image.refresh_from_db()
        assert image.generated_caption is None
        assert "empty" in (image.processing_error or "")


class BetweenCallsTests(EnginesCase):
    """What people decide while an engine works holds before the next one is asked."""

    def second_is_not_asked(self, meanwhile: Callable[[], Any], result: Result) -> Image:
        image = only_image()
        chain, second = fallback(refusing(meanwhile=meanwhile))
        assert caption_image(image.pk, engine=chain) == result
        assert second.asked == []
        image.refresh_from_db()
        assert image.generated_caption is None
        assert not CaptionVersion.objects.exists()
        return image

    def test_a_cancelled_task_asks_nobody_else(self) -> None:
        image = self.found()
        self.second_is_not_asked(lambda: drafts.withdraw(image.batch_id), Result.LEASE_LOST)

    def test_an_owner_who_closes_such_posts_is_heeded(self) -> None:
        self.found()
        image = self.second_is_not_asked(lambda: Post.objects.update(tags="noai"), Result.WITHDRAWN)
        assert "leaves out" in (image.processing_error or "")

    def test_a_worker_that_is_to_end_gives_the_picture_back(self) -> None:
        self.found()
        self.addCleanup(stopping._asked.clear)
        image = self.second_is_not_asked(stopping.ask, Result.LATER)
        assert (image.failures, image.processing_error) == (0, None)
        assert Image.objects.due().filter(pk=image.pk).exists()

    def test_each_call_finds_the_lease_renewed(self) -> None:
        self.found()
        held: list[Any] = []

        def shorten() -> None:
            Image.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=5))

        def look() -> str:
            held.append(only_image().next_attempt_at)
            return TEXT

        chain = Chain((refusing(meanwhile=shorten), FakeEngine(look, name="second")))
        assert caption_image(only_image().pk, engine=chain) == Result.DRAFTED
        assert held[0] > timezone.now() + timedelta(seconds=60)


@override_settings(ENGINE_PLACES={"ollama": 1})
class PlaceTests(EnginesCase):
    def test_a_picture_without_a_place_waits_a_little_and_nothing_is_counted(self) -> None:
        image = self.found()
        with engine_slots.place("ollama", LONG):
            assert self.draft(image) == Result.LATER
        assert self.ollama.asked == []
        assert self.attempts() == []
        assert image.failures == 0
        assert image.next_attempt_at is not None
        assert image.next_attempt_at < timezone.now() + timedelta(seconds=15)
        self.lapse(image)
        assert self.draft(image) == Result.DRAFTED

    def test_no_picture_is_taken_or_fetched_while_all_places_are_taken(self) -> None:
        image = self.found()
        with engine_slots.place("ollama", LONG):
            tasks.caption_images([image.pk])
        image.refresh_from_db()
        assert image.attempts == 0
        assert self.sandbox.requests(path_prefix="/media") == []

    def test_a_place_is_free_again_after_a_failure(self) -> None:
        image = self.found()
        self.says(500)
        self.draft(image)
        assert not engine_slots.is_full("ollama")

    def test_the_place_of_a_dead_worker_is_free_when_its_time_is_over(self) -> None:
        image = self.found()
        dead = engine_slots.place("ollama", LONG)
        dead.__enter__()
        assert engine_slots.is_full("ollama")
        EngineSlot.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        assert self.draft(image) == Result.DRAFTED

    def test_who_comes_back_late_does_not_let_go_of_anothers_place(self) -> None:
        with engine_slots.place("ollama", LONG):
            EngineSlot.objects.update(holder="somebody else")
        assert engine_slots.is_full("ollama")

    def test_the_places_of_machines_that_are_gone_are_forgotten(self) -> None:
        for machine in ("basic@old", "basic@other"):
            with engine_slots.place(machine, LONG):
                pass
        EngineSlot.objects.filter(engine="basic@old").update(held_until=timezone.now() - timedelta(days=2))
        with engine_slots.place("basic@new", LONG):
            assert set(EngineSlot.objects.values_list("engine", flat=True)) == {"basic@other", "basic@new"}

    def test_more_places_are_there_once_the_setting_says_so(self) -> None:
        with (
            engine_slots.place("ollama", LONG),
            override_settings(ENGINE_PLACES={"ollama": 2}),
            engine_slots.place("ollama", LONG),
            self.assertRaises(engine_slots.NoPlace),
            engine_slots.place("ollama", LONG),
        ):
            self.fail("a third place")

    def test_engines_in_the_process_have_places_on_each_machine(self) -> None:
        with (
            override_settings(ENGINE_PLACES={"basic": 1}),
            engine_slots.place("basic@one", LONG),
            engine_slots.place("basic@two", LONG),
        ):
            assert engine_slots.is_full("basic@one")


class BreakerTests(EnginesCase):
    def breaker(self) -> EngineBreaker:
        """Of another process: what it knows, it has from the store."""
        doors.everybodys.cache_clear()
        return EngineBreaker("ollama", LONG)

    def test_all_processes_leave_an_engine_alone_that_does_not_work(self) -> None:
        image = self.found()
        self.says(500)
        self.draft(image)
        assert 10 < self.breaker().wait() <= 15

    def test_one_picture_at_a_time_tries_it_again(self) -> None:
        assert self.breaker().enter() == 0
        self.breaker().failed()
        later = mock.patch("processing.engine_breaker.time", return_value=timezone.now().timestamp() + 20)
        with later:
            probe, other = self.breaker(), self.breaker()
            assert probe.enter() == 0
            assert 0 < other.enter() <= 15
            probe.answered()
            assert self.breaker().enter() == 0

    def test_a_probe_that_fails_makes_the_pause_longer(self) -> None:
        began = timezone.now().timestamp()
        for after, pause in ((0, 15), (100, 100), (250, 250), (3000, 600)):
            with mock.patch("processing.engine_breaker.time", return_value=began + after):
                probe = self.breaker()
                assert probe.enter() == 0
                assert round(probe.failed()) == pause
                assert round(self.breaker().wait()) == pause

    def test_a_picture_that_may_not_go_says_why_and_sends_nothing(self) -> None:
        self.sandbox.add_status(pictures=2)
        self.run_task(self.start())
        first, second = Image.objects.order_by("pk")
        self.says(500)
        self.draft(first)
        asked = len(self.ollama.asked)
        assert self.draft(second) == Result.LATER
        assert len(self.ollama.asked) == asked
        assert self.attempts()[-1] == ("ollama", "held")
        assert "no room" in (second.processing_error or "")
        assert second.failures == 0


class MisconfiguredTests(EnginesCase):
    """What somebody must mend: a key, credit, the name of a model."""

    def setUp(self) -> None:
        super().setUp()
        for _number in range(3):
            self.sandbox.add_status(pictures=4, language="en")
        self.task = self.run_task(self.start())

    def work_on(self) -> None:
        """As workers do, whatever was waiting."""
        for image in Image.objects.filter(captioned_at=None):
            self.lapse(image)
        tasks.caption_images(list(Image.objects.values_list("pk", flat=True)))

    @override_settings(OLLAMA_MODEL="llava:99b")
    def test_a_typo_costs_no_picture_and_drafts_come_by_themselves_when_it_is_mended(self) -> None:
        for _round in range(describing.FAILURES_MOST + 2):
            self.work_on()
            self.rest()
        assert self.ollama.asked == []
        assert not Image.objects.exclude(failures=0).exists()
        assert not Image.objects.filter(status=Image.Status.ERROR).exists()
        self.ollama.models = {"llava:99b": ["completion", "vision"]}  # somebody pulled it
        self.work_on()
        assert set(Image.objects.values_list("generated_caption", "failures")) == {(TEXT, 0)}

    @override_settings(OLLAMA_MODEL="llava:99b")
    def test_after_the_first_such_answer_no_picture_is_taken_or_fetched(self) -> None:
        for _round in range(3):
            self.work_on()
        assert self.attempts() == [("ollama", "unavailable")]
        assert len(self.sandbox.requests(path_prefix="/media")) == 1
        assert "llava:99b" in describing.why_not_now()
        with override_settings(OLLAMA_MODEL=""):  # a worker that was started with other settings
            assert describing.why_not_now() == ""

    @override_settings(OLLAMA_MODEL="llava:99b")
    def test_pages_commands_and_health_say_so(self) -> None:
        self.work_on()
        Image.objects.update(processing_error=None)  # as for a task none of whose pictures was taken
        self.lapse(self.task)
        self.run_task(self.task)
        assert "ollama pull llava:99b" in (self.task.error_message or "")
        self.client.force_login(self.owner)
        for address in (reverse("tasks:detail", args=[self.task.pk]), reverse("dashboard")):
            self.assertContains(self.client.get(address), "ollama pull llava:99b")
        said = StringIO()
        call_command("list_tasks", stdout=said)
        assert said.getvalue().count("ollama pull llava:99b") == 2
        told = health.check_engine()
        assert told.ok
        assert "did not work" in told.detail
        assert "llava" not in told.detail

    def test_nothing_is_said_while_drafts_come(self) -> None:
        self.work_on()
        assert engine_trouble.trouble() is None
        assert health.check_engine() == health.Check(True, "nothing is known against it")

    def test_what_one_picture_always_ends_in_while_others_are_drafted_is_counted(self) -> None:
        poison, *others = Image.objects.order_by("pk")
        wrong = raising(EngineMisconfigured("The model server answered 403: flagged."))
        for other in others[:3]:
            assert caption_image(poison.pk, engine=wrong) == Result.LATER
            self.rest()
            assert caption_image(other.pk, engine=FakeEngine(name="first")) == Result.DRAFTED
            self.lapse(poison)
        poison.refresh_from_db()
        assert poison.failures == 2


class GrowthTests(EnginesCase):
    """The table of attempts grows by calls, however long pictures wait."""

    def setUp(self) -> None:
        super().setUp()
        for _number in range(5):
            self.sandbox.add_status(pictures=4, language="en")
        self.run_task(self.start())

    def go_round(self) -> None:
        for image in Image.objects.all():
            self.lapse(image)
            self.draft(image)

    @override_settings(ENGINE_PLACES={"ollama": 1})
    def test_many_pictures_that_wait_for_a_place_leave_no_row(self) -> None:
        with engine_slots.place("ollama", LONG):
            for _round in range(3):
                self.go_round()
        assert EngineAttempt.objects.count() == 0

    def test_pictures_that_wait_through_an_outage_leave_one_row_each_and_one_for_each_call(self) -> None:
        self.says(500)
        for _round in range(3):
            self.go_round()
        outcomes = [outcome for _engine, outcome in self.attempts()]
        assert len(self.ollama.asked) == outcomes.count("unavailable") == 3
        assert outcomes.count("held") == 20
        assert len(outcomes) == 23


class ReuseTests(EnginesCase):
    def again(self, image: Image) -> None:
        """By a task that drafts again what exists."""
        self.run_task(self.start(reprocess_existing=True))
        assert self.draft(image) == Result.DRAFTED

    def drafted(self) -> Image:
        image = self.found()
        self.draft(image)
        self.run_task(image_task(image))
        return image

    def test_the_same_question_about_another_picture_of_the_same_bytes_is_not_sent_again(self) -> None:
        image = self.drafted()
        KeptAnswer.objects.update(image=self.copy(self.connection))
        Image.objects.filter(pk=image.pk).update(captioned_at=None, next_attempt_at=timezone.now())
        assert self.draft(image) == Result.DRAFTED
        assert len(self.ollama.asked) == 1
        assert self.attempts() == [("ollama", "answered"), ("ollama", "reused")]
        second = image.versions.order_by("pk")[1]
        assert (second.text, second.model, second.cost) == (TEXT, "qwen3-vl:4b", Decimal(0))
        assert EngineAttempt.objects.get(outcome="reused").cost == 0

    def test_a_task_that_drafts_again_is_not_given_what_was_there_before(self) -> None:
        image = self.drafted()
        self.says("Waves break on a rock below a lighthouse.")
        self.again(image)
        assert self.attempts() == [("ollama", "answered")] * 2
        image.refresh_from_db()
        assert image.generated_caption == "Waves break on a rock below a lighthouse."

    def test_another_context_is_another_question(self) -> None:
        image = self.drafted()
        Post.objects.update(post_content="Quite another text.")
        drafts.ask_for_new_drafts([image.pk], image.batch_id)
        assert self.draft(image) == Result.DRAFTED
        assert len(self.ollama.asked) == 2

    def test_another_owners_text_is_not_taken(self) -> None:
        ours = self.drafted()
        KeptAnswer.objects.update(image=self.copy(cast.connect(cast.make_user("otto"), self.sandbox)))
        drafts.ask_for_new_drafts([ours.pk], ours.batch_id)
        assert self.draft(ours) == Result.DRAFTED
        assert len(self.ollama.asked) == 2

    def copy(self, connection: PlatformConnection) -> Image:
        """The same picture of somebody else's account."""
        post = Post.objects.create(platform_connection=connection, post_id="1", author_id="1", post_url="https://x")
        return Image.objects.create(
            post=post, platform_connection=connection, image_url="https://x", attachment_index=0
        )

    def test_a_person_who_asks_for_a_new_draft_gets_another_one(self) -> None:
        image = self.drafted()
        assert drafts.ask_for_new_draft(image, self.owner, instruction="", candidates=0)
        self.says("Waves break on a rock below a lighthouse.")
        assert self.draft(image) == Result.DRAFTED
        temperatures = [asked["options"]["temperature"] for asked in self.ollama.asked]
        assert temperatures[1] > temperatures[0]
        assert image.generated_caption == "Waves break on a rock below a lighthouse."


class LanguageTests(EnginesCase):
    GERMAN = "Ein Leuchtturm auf einem Felsen, ringsum hohe Wellen und darüber ein grauer Himmel."

    def test_an_answer_in_another_language_is_asked_for_once_more(self) -> None:
        image = self.found()
        self.says(self.GERMAN, TEXT)
        assert self.draft(image) == Result.DRAFTED
        assert len(self.ollama.asked) == 2
        assert (image.generated_caption, image.language) == (TEXT, "en")
        assert self.codes(image).count("wrong-language") == 0

    def test_one_that_stays_in_another_language_is_told_to_the_reviewer(self) -> None:
        image = self.found()
        self.says(self.GERMAN)
        assert self.draft(image) == Result.DRAFTED
        assert len(self.ollama.asked) == 2
        assert "wrong-language" in self.codes(image)
        assert image.needs_special_review

    def codes(self, image: Image) -> list[str]:
        return [finding["code"] for finding in image.versions.get().findings]


class SeveralLanguagesTests(EnginesCase):
    def setUp(self) -> None:
        super().setUp()
        StyleGuide.objects.create(platform_connection=self.connection, also_in="de")

    def test_each_language_is_asked_for_and_one_draft_holds_all(self) -> None:
        image = self.found()
        self.says(TEXT, LanguageTests.GERMAN)
        with override_settings(ENGINE_PRICES=parse_prices("ollama=1/2")):
            assert self.draft(image) == Result.DRAFTED
        assert image.generated_caption == f"{TEXT}\n\n{LanguageTests.GERMAN}"
        version = image.versions.get()
        assert version.parts == [{"language": "en", "text": TEXT}, {"language": "de", "text": LanguageTests.GERMAN}]
        assert version.cost == 2 * Decimal("0.000846")
        assert (version.tokens_in, version.tokens_out) == (2 * 812, 2 * 17)
        assert "wrong-language" not in [finding["code"] for finding in version.findings]

    def test_an_outage_after_the_first_language_stores_nothing(self) -> None:
        image = self.found()
        self.says(TEXT, 500)
        assert self.draft(image) == Result.LATER
        assert image.generated_caption is None
        assert not CaptionVersion.objects.exists()
        assert image.failures == 0


class MemoryTests(EnginesCase):
    def second(self) -> Image:
        """The same picture in another post, after the first one's text was approved."""
        image = self.found()
        self.draft(image)
        decisions.approve(image, text="The lighthouse of our village.", reviewer=self.owner)
        self.run_task(image_task(image))
        self.sandbox.add_status("Another post.", language="en")
        self.run_task(self.start())
        return Image.objects.exclude(pk=image.pk).get()

    def test_what_the_account_approved_for_the_same_bytes_is_the_draft_and_no_engine_is_asked(self) -> None:
        image = self.second()
        assert self.draft(image) == Result.DRAFTED
        assert len(self.ollama.asked) == 1
        version = image.versions.get()
        assert (version.engine, version.text) == ("memory", "The lighthouse of our village.")
        assert image.status == Image.Status.PENDING
        assert any("before" in finding["message"] for finding in version.findings)

    def test_a_picture_that_failed_gets_it_too_when_a_person_tries_it_again(self) -> None:
        image = self.second()
        Image.objects.filter(pk=image.pk).update(status=Image.Status.ERROR)
        decisions.requeue(image, user=self.owner)
        assert self.draft(image) == Result.DRAFTED
        assert [version.engine for version in image.versions.all()] == ["memory"]

    def test_it_is_found_in_the_language_that_the_picture_tells_and_what_was_read_is_kept(self) -> None:
        image = self.second()
        Post.objects.update(language="", post_content="")
        Image.objects.exclude(pk=image.pk).update(language="de")
        read = Examination(visible_text="Heute geschlossen", language="de")
        with mock.patch.object(examining, "examine", return_value=read):
            assert self.draft(image) == Result.DRAFTED
        version = image.versions.get()
        assert (version.engine, version.language, image.visible_text) == ("memory", "de", "Heute geschlossen")

    def test_a_text_in_several_languages_is_a_draft_in_just_these(self) -> None:
        StyleGuide.objects.create(platform_connection=self.connection, also_in="de")
        image = self.found()
        self.says(TEXT, LanguageTests.GERMAN)
        self.draft(image)
        decisions.approve(image, text=image.text, reviewer=self.owner)
        self.run_task(image_task(image))
        for also_in, engine in (("de", "memory"), ("", "ollama")):
            StyleGuide.objects.update(also_in=also_in)
            self.sandbox.add_status(f"Also in {also_in}.", language="en")
            task = self.run_task(self.start())
            other = Image.objects.latest("pk")
            assert self.draft(other) == Result.DRAFTED
            self.run_task(task)
            version = other.versions.get()
            assert (version.engine, len(version.parts)) == (engine, 2 if also_in else 0)

    def test_a_person_who_wants_a_new_draft_gets_one_from_the_engine(self) -> None:
        image = self.second()
        self.draft(image)
        assert drafts.ask_for_new_draft(image, self.owner, instruction="", candidates=0)
        assert self.draft(image) == Result.DRAFTED
        assert len(self.ollama.asked) == 2
        assert image.generated_caption == TEXT


class CandidateTests(EnginesCase):
    OTHER = "Waves break on a rock below a lighthouse."

    def kinds(self) -> list[str]:
        return list(CaptionVersion.objects.order_by("pk").values_list("kind", flat=True))

    def test_further_texts_come_beside_a_draft_which_stays(self) -> None:
        image = self.found()
        self.draft(image)
        self.run_task(image_task(image))
        assert drafts.ask_for_new_draft(image, self.owner, instruction="", candidates=2)
        self.says(self.OTHER, TEXT)
        assert self.draft(image) == Result.DRAFTED
        assert image.generated_caption == TEXT
        assert self.kinds() == ["generated", "candidate"]  # the second one was the draft over again

    @override_settings(CANDIDATES_FOR_DOUBTFUL=1)
    def test_a_doubtful_draft_gets_one_by_itself_if_the_operator_wants_that(self) -> None:
        image = self.found()
        self.says(LanguageTests.GERMAN, LanguageTests.GERMAN, self.OTHER)
        assert self.draft(image) == Result.DRAFTED
        assert self.kinds() == ["generated", "candidate"]

    @override_settings(CANDIDATES_FOR_DOUBTFUL=2)
    def test_one_that_fails_does_the_draft_no_harm(self) -> None:
        image = self.found()
        self.says(LanguageTests.GERMAN, LanguageTests.GERMAN, 500)
        with self.assertLogs("processing.drafting", level="WARNING"):
            assert self.draft(image) == Result.DRAFTED
        assert self.kinds() == ["generated"]
        assert image.processing_error is None

    @override_settings(CANDIDATES_FOR_DOUBTFUL=2)
    def test_a_worker_that_is_to_end_keeps_the_draft_and_leaves_out_the_rest(self) -> None:
        image = self.found()
        self.addCleanup(stopping._asked.clear)

        def last(body: dict[str, Any]) -> Response:
            stopping.ask()
            return answer(LanguageTests.GERMAN)

        self.says(LanguageTests.GERMAN, last)
        assert self.draft(image) == Result.DRAFTED
        assert self.kinds() == ["generated"]


def image_task(image: Image) -> CaptionGenerationTask:
    return CaptionGenerationTask.objects.get(pk=image.batch_id)
