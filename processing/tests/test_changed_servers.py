"""A server that runs something else than when its account was connected."""

from datetime import timedelta
from unittest.mock import patch

from django.utils import timezone

from accounts.models import AuditLog
from captions.models import Publication
from platforms.models import AttentionAbout, PlatformConnection
from platforms.sandbox import families
from platforms.sandbox.families.pleroma import Pleroma
from platforms.speaking import capabilities_for
from processing import actions
from processing.models import CaptionGenerationTask, TaskStatus
from processing.publishing import Result, publish_publication
from processing.running import run_task
from processing.tests.families_case import FamilyCase


class ChangedServerTests(FamilyCase):
    def seen_long_ago(self, **facts: str) -> None:
        PlatformConnection.objects.update(detected_at=timezone.now() - timedelta(days=2), **facts)

    def scan_as_workers_do(self) -> CaptionGenerationTask:
        task = actions.start_task(self.connection, self.reviewer, processing_delay=0.0)
        run_task(task.pk)
        task.refresh_from_db()
        self.connection.refresh_from_db()
        return task

    def become_akkoma(self) -> None:
        for name, value in (("name", "akkoma"), ("api_version", "2.7.2 (compatible; Akkoma 3.10.4)")):
            patched = patch.object(Pleroma, name, value)
            patched.start()
            self.addCleanup(patched.stop)

    def test_nothing_is_sent_to_a_pleroma_that_became_akkoma(self) -> None:
        self.connect("pleroma")
        _status_id, publication = self.approved()
        self.become_akkoma()
        self.seen_long_ago()

        assert publish_publication(publication.pk) == Result.REFUSED

        assert self.writes() == []
        publication.refresh_from_db()
        assert "runs Akkoma" in (publication.error or "")
        self.connection.refresh_from_db()
        assert self.connection.software == "akkoma"
        assert "cannot be written there any more" in (self.connection.attention or "")
        assert self.connection.attention_about == AttentionAbout.OTHER
        assert AuditLog.objects.filter(action="platform_software_changed").count() == 1

    def test_a_server_is_asked_before_a_write_once_a_day_only(self) -> None:
        self.connect("mastodon")
        _first, publication = self.approved()
        assert publish_publication(publication.pk) == Result.POSTED
        assert self.sandbox.requests(path_prefix="/.well-known/nodeinfo") == []

        self.seen_long_ago()
        for _number in range(2):
            _second, publication = self.approved()
            assert publish_publication(publication.pk) == Result.POSTED
        assert len(self.sandbox.requests(path_prefix="/.well-known/nodeinfo")) == 1

    def test_a_server_that_learned_another_way_is_written_to_by_that_way(self) -> None:
        self.connect("gotosocial 0.18")
        status_id, publication = self.approved()
        families.choose(self.sandbox.database, "gotosocial", "0.19.1")
        self.seen_long_ago()

        assert publish_publication(publication.pk) == Result.POSTED

        assert self.writes() == [f"/api/v1/statuses/{status_id}"]

    def test_a_server_that_does_not_say_what_it_runs_is_asked_later(self) -> None:
        self.connect("mastodon")
        _status_id, publication = self.approved()
        self.seen_long_ago()
        for path in ("/.well-known/nodeinfo", "/api/v2/instance", "/api/v1/instance"):
            self.sandbox.fault(403, path_prefix=path)

        assert publish_publication(publication.pk) == Result.LATER

        assert self.writes() == []
        publication.refresh_from_db()
        assert publication.status == Publication.Status.QUEUED
        self.connection.refresh_from_db()
        assert (self.connection.software, self.connection.attention) == ("mastodon", None)

    def test_a_scan_finds_out_that_a_server_was_upgraded(self) -> None:
        self.connect("snac", "2.75")
        assert not capabilities_for(self.connection).can_write
        families.choose(self.sandbox.database, "snac", "2.96")

        task = self.scan_as_workers_do()

        assert task.status == TaskStatus.COMPLETED
        assert self.connection.software_version == "2.96"
        assert capabilities_for(self.connection).can_write
        assert self.connection.attention is None

    def test_an_access_that_lacks_what_the_upgraded_server_needs_is_to_be_renewed(self) -> None:
        self.connect("snac", "2.75", scopes="read")
        families.choose(self.sandbox.database, "snac", "2.96")

        self.scan_as_workers_do()

        assert "write" in (self.connection.attention or "")
        assert self.connection.attention_about == AttentionAbout.CREDENTIALS

    def test_marks_of_earlier_scans_are_forgotten_with_the_family(self) -> None:
        self.connect("pleroma")
        PlatformConnection.objects.update(platform_type="mastodon", software="mastodon", scan_below="12")
        self.connection.refresh_from_db()

        self.scan_as_workers_do()

        assert (self.connection.platform_type, self.connection.scan_below) == ("pleroma", "")
