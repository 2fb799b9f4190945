from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from captions.models import Publication, PublicationQuerySet
from platforms.clients.base import Capabilities
from platforms.lookup import ConnectionNotFound, find_connection
from platforms.models import PlatformConnection
from platforms.speaking import capabilities_for
from processing.publishing import Result, publish_publication


class Command(BaseCommand):
    help = (
        "Write the approved alt texts of one connection back to their posts, here and now, without a worker. "
        "Each post is edited once, read back and compared; what cannot be written safely is refused with its reason. "
        "Exits with 1 when anything that is approved could not be written, and says why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--connection", required=True, help="the connection: its id, its name if that is unique, or user/name"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be written, and write nothing")

    def handle(self, *args: Any, connection: str, dry_run: bool, **options: Any) -> None:
        try:
            found = find_connection(connection)
        except ConnectionNotFound as error:
            raise CommandError(str(error)) from error
        work = Publication.objects.filter(platform_connection=found, status__in=Publication.WORK).order_by("pk")
        if reason := _why_nothing_can_be_written(found):
            raise CommandError(f"{reason} {work.count()} posts wait for that.")
        if dry_run:
            self._say_what_would_be_done(work, capabilities_for(found))
            return
        results = self._publish(work)
        if failed := results[Result.REFUSED] + self._say_what_is_left(work, found):
            raise CommandError(f"{failed} of {results.total()} could not be written; the reasons stand above.")

    def _say_what_would_be_done(self, work: PublicationQuerySet, able: Capabilities) -> None:
        for publication in work.due().select_related("post"):
            verb = "undo" if publication.status == Publication.Status.UNDOING else "write to"
            line = f"{publication.pk}: would {verb} {publication.post.post_url}"
            self.stdout.write(line if able.can_write else line.replace("would", "could not", 1) + f": {able.reason}")

    def _publish(self, work: PublicationQuerySet) -> Counter[Result]:
        results: Counter[Result] = Counter()
        for pk in list(work.values_list("pk", flat=True)):
            result = publish_publication(pk)
            results[result] += 1
            row = Publication.objects.select_related("post").get(pk=pk)
            if result in (Result.POSTED, Result.UNDONE, Result.REFUSED):
                self.stdout.write(f"{pk}: {result}: {row.post.post_url}" + (f": {row.error}" if row.error else ""))
        return results

    def _say_what_is_left(self, work: PublicationQuerySet, connection: PlatformConnection) -> int:
        """Name what was not written, and why; how many that are."""
        left = list(work.select_related("post"))
        connection.refresh_from_db()
        for publication in left if connection.attention else ():
            self.stdout.write(f"{publication.pk}: held back: {publication.post.post_url}: {connection.attention}")
        for publication in left if not connection.attention else ():
            self.stdout.write(f"{publication.pk}: {_when(publication, connection)}: {publication.post.post_url}")
        waiting = Publication.objects.filter(platform_connection=connection, status=Publication.Status.WAITING).count()
        if waiting:
            self.stdout.write(f"{waiting} posts wait until their other pictures are reviewed.")
        return len(left)


def _why_nothing_can_be_written(connection: PlatformConnection) -> str:
    if not connection.is_active:
        return f"{connection} is switched off."
    if connection.attention:
        return f"Publishing for {connection} is stopped: {connection.attention}"
    return _stopped_elsewhere(connection)


def _stopped_elsewhere(connection: PlatformConnection) -> str:
    """An operator may know by which connections the account was stopped."""
    if not connection.is_stopped_elsewhere():
        return ""
    alarmed = PlatformConnection.objects.of_same_account(connection.pk).needing_a_person().order_by("pk")
    names = ", ".join(f"{one} ({one.pk})" for one in alarmed)
    return f"Publishing to {connection.address} is stopped: something went wrong by another connection to it: {names}."


def _when(publication: Publication, connection: PlatformConnection) -> str:
    """Why a publication that nothing is wrong with was not written now, and when it will be."""
    now = timezone.now()
    if publication.leased_until and publication.leased_until > now:
        until = f"{publication.leased_until:%H:%M:%S} UTC"
        return f"a worker has it in hand (if it died, the post is taken up again after {until})"
    if connection.paused_until and connection.paused_until > now:
        return f"later, the server asked for a pause until {connection.paused_until:%H:%M:%S} UTC"
    if publication.next_attempt_at and publication.next_attempt_at > now:
        return f"later, at {publication.next_attempt_at:%H:%M:%S} UTC: {publication.error}"
    return "later, another worker writes for this account now"
