"""What a scan reads of an account that earlier scans have read: what is new, what was left, and no more."""

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import parse_qs

import pytest
from django.utils import timezone

from captions.models import Image, Post
from platforms import actions as platforms
from platforms.clients.base import Status
from platforms.clients.reading import Reader
from platforms.forms import OptionsForm
from platforms.models import PlatformConnection
from processing import coverage, scanning, stopping
from processing.actions import cancel_task
from processing.models import CaptionGenerationTask, TaskStatus
from processing.running import run_task
from processing.tests.tasks_case import TasksCase

DAY = timedelta(days=1)


class CoverageCase(TasksCase):
    def post(self, days_ago: float, text: str = "A post.", **values: Any) -> str:
        return self.sandbox.add_status(text, created_at=timezone.now() - days_ago * DAY, **values)

    def setUp(self) -> None:
        super().setUp()
        self.seen = 0

    def fill(self, count: int, *, from_days: float = 100.0) -> list[str]:
        """Posts on consecutive days, oldest first; the newest is `from_days` old."""
        return [self.post(from_days + count - number) for number in range(1, count + 1)]

    def scan(self, **limits: Any) -> CaptionGenerationTask:
        """A whole scan, with the drafts made, so that the next one may start."""
        task = self.complete(self.start(**limits))
        assert task.status == TaskStatus.COMPLETED
        self.connection.refresh_from_db()
        return task

    def pages(self) -> list[str]:
        """The ids below which pages were asked for since the last call; "" is the newest page."""
        path = f"/api/v1/accounts/{self.sandbox.account_id}/statuses"
        asked = ["".join(parse_qs(one.query).get("max_id", [])) for one in self.sandbox.requests(path_prefix=path)]
        new, self.seen = asked[self.seen :], len(asked)
        return new

    def found(self) -> set[str]:
        return set(Image.objects.exclude(captioned_at=None).values_list("post__post_id", flat=True))


class SinceLastScanTests(CoverageCase):
    def test_a_known_account_costs_one_page_and_its_new_posts_are_found(self) -> None:
        old = self.fill(100)
        self.scan(max_posts_per_run=1000)
        assert len(self.pages()) == 4
        assert self.connection.scan_below == ""

        new = self.post(0.1)
        task = self.scan(max_posts_per_run=1000)

        assert self.pages() == [""]
        assert task.images_found == 1
        assert self.found() == {*old, new}

    def test_posts_a_little_older_than_the_last_scan_are_read_again(self) -> None:
        self.post(10)
        self.scan()
        newest = self.connection.scanned_until
        late = self.sandbox.add_status("Came late.", created_at=(newest or timezone.now()) - 2 * DAY)

        assert self.scan().images_found == 1
        assert late in self.found()
        assert self.connection.scanned_until == newest

    def test_a_scan_that_found_enough_is_gone_on_with_below_where_it_stopped(self) -> None:
        posts = self.fill(100)
        self.scan(max_posts_per_run=30)
        first = self.pages()
        assert first == [""]
        assert self.connection.scan_below

        self.scan(max_posts_per_run=30)
        assert self.found() == set(posts[-60:])
        self.scan(max_posts_per_run=1000)

        assert self.found() == set(posts)
        assert self.connection.scan_below == ""
        self.pages()
        assert self.scan().images_found == 0
        assert self.pages() == [""]

    def test_more_news_than_one_task_takes_leave_nothing_out(self) -> None:
        posts = self.fill(10)
        self.scan()
        posts += self.fill(90, from_days=1.0)

        self.scan(max_posts_per_run=50)
        self.scan(max_posts_per_run=50)

        assert self.found() == set(posts)

    def test_everything_is_read_again_when_somebody_asks_for_it(self) -> None:
        self.fill(60)
        self.scan(max_posts_per_run=1000)
        hidden = self.post(130)
        assert self.scan().images_found == 0
        assert self.scan(everything=True).images_found == 1
        assert hidden in self.found()

    def test_a_date_in_the_future_does_not_hide_what_is_posted_until_then(self) -> None:
        self.post(-400)
        self.scan()
        assert self.connection.scanned_until is not None
        assert self.connection.scanned_until <= timezone.now()
        new = self.post(0)
        self.scan()
        assert new in self.found()

    def test_an_account_without_posts_is_read_again_the_next_time(self) -> None:
        self.scan()
        assert self.connection.scanned_until is None
        post = self.post(1)
        self.scan()
        assert self.found() == {post}

    def test_a_post_with_an_old_date_at_the_top_does_not_hide_the_news(self) -> None:
        self.fill(5, from_days=10)
        self.scan()
        news = {self.post(2, f"News {number}") for number in range(3)}

        real = Reader.statuses

        def with_an_import(reader: Reader, account_id: str, **below: Any) -> Any:
            posts = list(real(reader, account_id, **below))
            assert isinstance(posts[0], Status)
            old = replace(posts[0], id="99999999999999999", uri="x:y", created_at="2001-01-01T00:00:00Z")
            return iter([replace(old, attachments=()), *posts])

        with mock.patch.object(Reader, "statuses", with_an_import):
            self.scan()
        assert news <= self.found()

    def test_the_news_end_where_earlier_scans_stopped_so_that_nothing_counts_twice(self) -> None:
        posts = [self.post(1 - number / 1000) for number in range(100)]
        self.scan(max_posts_per_run=30)

        assert self.scan(max_posts_per_run=1000).images_found == 70
        assert self.found() == set(posts)

    def test_all_is_read_again_though_it_was_asked_for_during_a_scan(self) -> None:
        self.fill(60)
        self.scan(max_posts_per_run=1000)
        hidden = self.post(130)
        pressed = iter([True])

        def press() -> None:
            if next(pressed, False):
                platforms.forget_scans(PlatformConnection.objects.get(pk=self.connection.pk), self.owner)

        task = self.start(max_posts_per_run=1000)
        self.run_task(task, after_page=press)
        self.describe_due()
        self.run_task(task)
        self.scan(max_posts_per_run=1000)
        assert hidden in self.found()


class HeedlessServerTests(CoverageCase):
    """A server that lists all it has, or the newest of it, whatever it is asked for."""

    def steps(self, task: CaptionGenerationTask) -> int:
        """How many a scan takes in which the time of each is over with its first page."""
        for number in range(1, 40):
            if not run_task(task.pk, seconds=-1.0):
                task.refresh_from_db()
                return number
        raise AssertionError("A scan without end.")

    def heedless(self) -> AbstractContextManager[Any]:
        real = Reader.statuses

        def statuses(reader: Reader, account_id: str, *, max_id: str | None = None) -> Any:
            return real(reader, account_id)

        return mock.patch.object(Reader, "statuses", statuses)

    def test_a_scan_in_steps_comes_to_its_end_and_counts_each_post_once(self) -> None:
        self.fill(100)
        task = self.start(max_posts_per_run=1000)
        with self.heedless():
            assert self.steps(task) == 2
        assert (task.images_found, Image.objects.count()) == (100, 100)

    def test_it_goes_on_in_the_right_place_though_the_post_where_it_stopped_is_gone(self) -> None:
        self.fill(100)
        task = self.start(max_posts_per_run=1000)
        with self.heedless():
            assert run_task(task.pk, seconds=-1.0)
            task.refresh_from_db()
            self.sandbox.delete_status(task.scan_cursor)
            self.post(0)
            self.steps(task)
        assert task.images_found in (99, 100)
        self.describe_due()
        self.run_task(task)
        self.scan()
        assert Image.objects.count() == 101

    def test_scans_of_a_few_posts_reach_the_oldest(self) -> None:
        self.fill(100)
        with self.heedless():
            for expected in (30, 60, 90, 100):
                self.scan(max_posts_per_run=30)
                assert len(self.found()) == expected


class InterruptedTests(CoverageCase):
    def test_a_scan_in_many_steps_reads_each_page_once(self) -> None:
        posts = self.fill(100)
        self.scan(max_posts_per_run=10)
        self.post(0.1)
        self.pages()
        task = self.start(max_posts_per_run=1000)
        while run_task(task.pk, seconds=-1.0):
            pass
        self.describe_due()

        asked = self.pages()
        assert asked.count("") == 1
        assert len(set(asked)) == len(asked)
        assert len(self.found()) == len(posts) + 1

    def test_what_a_cancelled_task_left_undescribed_is_taken_up_by_the_next(self) -> None:
        posts = self.fill(50)
        task = self.start(max_posts_per_run=1000)
        self.run_task(task)
        cancel_task(task, self.owner)
        assert self.found() == set()
        self.pages()

        assert self.scan(max_posts_per_run=30).images_found == 30
        self.scan(max_posts_per_run=30)

        assert self.found() == set(posts)
        assert self.pages() == ["", ""]

    def test_what_was_only_scanned_is_described_later_without_reading_it_all_again(self) -> None:
        posts = self.fill(100)
        self.run_task(self.start(max_posts_per_run=1000, describe=False))
        assert Image.objects.count() == 100
        self.pages()

        self.scan(max_posts_per_run=1000)

        assert self.found() == set(posts)
        assert self.pages() == [""]

    def stored(self, count: int) -> CaptionGenerationTask:
        """A task that finds so many pictures, most of them in our own rows and a row at a time: the news overlap."""
        self.fill(count)
        self.scan(describe=False, max_posts_per_run=1000)
        for patched in (
            mock.patch.object(scanning, "STORED_AT_ONCE", 1),
            mock.patch.object(coverage, "OLD_IN_A_ROW", 1),
        ):
            patched.start()
            self.addCleanup(patched.stop)
        return self.start(max_posts_per_run=1000)

    def test_stored_pictures_are_taken_up_in_steps_too(self) -> None:
        task, steps = self.stored(10), 0
        while run_task(task.pk, seconds=0.0):
            steps += 1
            assert steps < 20
        assert steps >= 5
        assert Image.objects.filter(batch_id=task.pk, next_attempt_at__isnull=False).count() == 10
        task.refresh_from_db()
        assert task.images_found == 10

    def test_the_describer_hears_of_stored_pictures_and_the_lease_is_renewed_with_each_lot(self) -> None:
        task, leases = self.stored(10), list[datetime]()

        def note() -> None:
            task.refresh_from_db()
            assert task.next_attempt_at is not None
            leases.append(task.next_attempt_at)

        run_task(task.pk, after_page=note)
        assert len(leases) >= 6
        assert leases == sorted(set(leases))

    def test_taking_up_stored_pictures_ends_with_the_process(self) -> None:
        task = self.stored(10)
        with mock.patch.object(stopping, "_asked") as asked:
            asked.wait.return_value = True
            assert not run_task(task.pk)
        task.refresh_from_db()
        assert task.scanned_at is None
        assert task.next_attempt_at is not None
        assert task.next_attempt_at <= timezone.now()
        self.run_task(task)
        assert Image.objects.filter(batch_id=task.pk).count() == 10

    def test_what_is_stored_and_not_wanted_any_more_is_left_alone(self) -> None:
        self.post(3, "A wood. #private_walk")
        kept = self.post(2, "A lake.")
        self.run_task(self.start(describe=False))
        platforms.set_options(self.connection, self.owner, opt_out_tags="private_walk")

        self.scan()

        assert self.found() == {kept}

    def test_a_tag_that_the_author_edits_in_keeps_what_is_stored_from_the_engine(self) -> None:
        post = self.post(1, "A lake.")
        self.run_task(self.start(describe=False))
        self.sandbox.edit_text(post, "A lake. #noai")

        assert self.scan(everything=True).images_found == 0
        assert self.scan().images_found == 0

        assert self.engine.asked == []
        assert "noai" in Post.objects.get().tags.split()

    def test_a_post_that_is_not_taken_is_not_stored_by_reading_it_again(self) -> None:
        self.post(1, "A lake. #noai")
        self.scan()
        self.scan(everything=True)
        assert not Post.objects.exists()


class OptionTests(CoverageCase):
    def test_changed_options_have_the_account_read_from_the_top(self) -> None:
        public = self.post(90)
        private = self.post(80, visibility="private")
        self.scan()
        assert self.found() == {public}

        platforms.set_options(self.connection, self.owner, include_private=True)
        assert self.connection.scanned_until is None
        self.scan()

        assert self.found() == {public, private}

    def test_options_that_stay_as_they_are_cost_nothing(self) -> None:
        self.post(90)
        self.scan()
        until = self.connection.scanned_until
        platforms.set_options(self.connection, self.owner, include_private=False, oldest_days=None)
        assert self.connection.scanned_until == until is not None

    def test_options_changed_during_a_scan_have_it_begin_again(self) -> None:
        posts = self.fill(60)
        hidden = [self.post(0.1, visibility="private")]
        task = self.start(max_posts_per_run=1000)
        assert run_task(task.pk, seconds=-1.0)
        platforms.set_options(self.connection, self.owner, include_private=True)
        while run_task(task.pk, seconds=-1.0):
            pass
        self.describe_due()
        assert self.found() == {*posts, *hidden}

    def test_options_changed_while_a_step_runs_are_not_recorded_as_read(self) -> None:
        self.fill(10)

        def change() -> None:
            now = PlatformConnection.objects.get(pk=self.connection.pk)
            platforms.set_options(now, self.owner, include_private=True)

        self.run_task(self.start(), after_page=change)
        self.connection.refresh_from_db()
        assert self.connection.scanned_until is None

    def test_age_tags_replies_and_quiet_posts_are_left_out_by_choice(self) -> None:
        other = self.sandbox.add_status("Somebody else's.", username="observatory", pictures=0)
        mine = self.post(5, "A thread. #birds")
        thread = self.post(4, "It goes on. #Birds", in_reply_to_id=mine)
        for values in (
            {"text": "An answer. #birds", "in_reply_to_id": other},
            {"text": "Quiet. #birds", "visibility": "unlisted"},
            {"text": "No tag."},
        ):
            self.post(3, **values)
        self.post(40, "Long ago. #birds")
        platforms.set_options(
            self.connection,
            self.owner,
            oldest_days=30,
            only_tags="birds",
            include_replies=False,
            include_unlisted=False,
        )
        self.scan()
        assert self.found() == {mine, thread}


@pytest.mark.parametrize(("typed", "stored"), [("", ""), ("#Birds, #ＮＡＴＵＲＥ; wood", "birds nature wood")])
def test_tags_are_kept_in_their_plain_form(typed: str, stored: str) -> None:
    form = OptionsForm({"only_tags": typed})
    assert form.is_valid()
    assert form.cleaned_data["only_tags"] == stored
