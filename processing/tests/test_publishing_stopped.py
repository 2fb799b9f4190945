"""Workers that are stopped in the last moment before a request goes out, and wake when another one has finished."""

from unittest.mock import patch

from captions.models import Publication
from platforms.clients.base import Snapshot
from platforms.clients.reading import Reader
from platforms.models import PlatformConnection
from platforms.traffic.budget import WRITE
from platforms.traffic.traffic import Ticket, Traffic
from processing.publishing import Result, publish_publication, requests
from processing.publishing.attempt import FRESH
from processing.publishing.leases import LEASE, REQUEST_LIMIT
from processing.publishing.steps import Step
from processing.tests.families_case import SERVERS, FamilyCase, at
from processing.tests.publishing_case import passing_time

WORDS = "New words of the author."


class StoppedWorkerTests(FamilyCase):
    def setUp(self) -> None:
        super().setUp()
        self.let_pass = self.enterContext(passing_time())

    def finish_elsewhere(self, publication: Publication, status_id: str = "") -> Result:
        """The lease ends, another worker does it all, and then the author edits the post."""
        self.let_pass(LEASE.total_seconds())
        self.again(publication)
        result = publish_publication(publication.pk)
        if status_id:
            self.sandbox.edit_text(status_id, WORDS)
        return result

    def test_a_worker_stopped_after_it_renewed_its_lease_sends_nothing_once_another_has_finished(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                others: list[Result] = []

                def elsewhere(publication: Publication = publication, status_id: str = status_id) -> None:
                    others.append(self.finish_elsewhere(publication, status_id))  # noqa: B023
                    written.append(len(self.writes()))  # noqa: B023

                written: list[int] = []
                self.assertEqual(
                    publish_publication(publication.pk, at_step=at(Step.RENEWED, elsewhere)), Result.LEASE_LOST
                )

                self.assertEqual(others, [Result.POSTED])
                self.assertEqual(len(self.writes()), written[0])
                self.assertEqual(self.sandbox.status(status_id)["text"], WORDS)
                publication.refresh_from_db()
                self.assertEqual((publication.status, publication.error), (Publication.Status.POSTED, ""))

    def test_the_same_holds_for_an_undo(self) -> None:
        for server in SERVERS:
            with self.subTest(server):
                self.connect(server)
                status_id, publication = self.approved(pictures=2)
                publish_publication(publication.pk)
                requests.request_undo(publication, user=self.reviewer)
                written: list[int] = []

                def elsewhere(publication: Publication = publication, status_id: str = status_id) -> None:
                    self.assertEqual(self.finish_elsewhere(publication, status_id), Result.UNDONE)
                    written.append(len(self.writes()))  # noqa: B023

                self.assertEqual(
                    publish_publication(publication.pk, at_step=at(Step.RENEWED, elsewhere)), Result.LEASE_LOST
                )
                self.assertEqual(len(self.writes()), written[0])
                self.assertEqual(self.sandbox.status(status_id)["text"], WORDS)

    def test_a_later_request_of_many_is_not_sent_either(self) -> None:
        for server in ("takahe", "pixelfed", "gotosocial 0.18", "pleroma"):
            with self.subTest(server):
                self.connect(server)
                _status_id, publication = self.approved(pictures=3)
                written: list[int] = []

                def elsewhere(publication: Publication = publication) -> None:
                    self.assertEqual(self.finish_elsewhere(publication), Result.POSTED)
                    written.append(len(self.writes()))  # noqa: B023

                watch = at(Step.RENEWED, elsewhere, number=2)
                self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LEASE_LOST)
                self.assertEqual(len(self.writes()), written[0])

    def test_a_wait_for_leave_to_send_comes_before_the_lease_is_begun_anew(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved()
        enter, stopped = Traffic.enter, list[bool]()

        def sleepy(traffic: Traffic, kind: str = WRITE, *, from_reserve: bool = False) -> Ticket:
            ticket = enter(traffic, kind, from_reserve=from_reserve)
            if kind == WRITE and not stopped:
                stopped.append(True)
                self.finish_elsewhere(publication, status_id)
            return ticket

        with patch.object(Traffic, "enter", sleepy):
            self.assertEqual(publish_publication(publication.pk), Result.LEASE_LOST)
        self.assertEqual(self.sandbox.status(status_id)["text"], WORDS)

    def test_a_reading_is_as_old_as_its_beginning(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved()
        read, slow = Reader.snapshot, [FRESH + 1]

        def slowly(reader: Reader, status_id: str) -> Snapshot:
            found = read(reader, status_id)
            if slow:  # the answer took that long to come, and is from before the author's edit
                self.let_pass(slow.pop())
                self.sandbox.edit_text(status_id, WORDS)
            return found

        with patch.object(Reader, "snapshot", slowly):
            self.assertEqual(publish_publication(publication.pk), Result.LATER)

        self.assertEqual(self.writes(), [])
        self.assertEqual(self.sandbox.status(status_id)["text"], WORDS)

    def test_a_request_that_came_too_late_is_made_by_the_next_attempt(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved()
        late = at(Step.RENEWED, lambda: self.let_pass(REQUEST_LIMIT.total_seconds()))

        self.assertEqual(publish_publication(publication.pk, at_step=late), Result.LATER)
        publication.refresh_from_db()
        self.assertEqual((publication.sent_at, publication.before), (None, None))
        self.assertIn("too much time", publication.error)
        self.again(publication)
        self.assertEqual(publish_publication(publication.pk), Result.POSTED)
        self.assertEqual(self.sandbox.edits(status_id), 1)

    def test_the_server_is_not_blamed_for_a_worker_that_was_stopped(self) -> None:
        self.connect("mastodon")
        for _number in range(12):
            _status_id, publication = self.approved()
            late = at(Step.RENEWED, lambda: self.let_pass(REQUEST_LIMIT.total_seconds()))
            self.assertEqual(publish_publication(publication.pk, at_step=late), Result.LATER)
        self.assertIsNone(PlatformConnection.objects.get().paused_until)

    def test_people_are_told_when_the_post_changed_after_another_worker_had_checked_it(self) -> None:
        self.connect("mastodon")
        status_id, publication = self.approved()
        watch = at(Step.WRITTEN, lambda: self.finish_elsewhere(publication, status_id))

        self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LEASE_LOST)

        publication.refresh_from_db()
        self.assertEqual(publication.status, Publication.Status.POSTED)
        self.assertIn("changed after it was checked", publication.error)

    def test_a_worker_that_wakes_to_a_post_as_it_was_checked_has_nothing_to_say(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved()
        watch = at(Step.WRITTEN, lambda: self.finish_elsewhere(publication))

        self.assertEqual(publish_publication(publication.pk, at_step=watch), Result.LEASE_LOST)

        publication.refresh_from_db()
        self.assertEqual((publication.status, publication.error), (Publication.Status.POSTED, ""))
