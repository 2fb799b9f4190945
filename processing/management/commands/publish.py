from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from captions.models import Publication
from platforms.lookup import ConnectionNotFound, find_connection
from processing.publishing import Result, publish_publication


class Command(BaseCommand):
    help = (
        "Write the approved alt texts of one connection back to their posts, here and now, without a worker. "
        "Each post is edited once, read back and compared; what cannot be written safely is refused with its reason."
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
        if found.attention:
            raise CommandError(f"Publishing for {found} is stopped: {found.attention}")
        due = Publication.objects.filter(platform_connection=found).due().order_by("pk")
        if dry_run:
            for publication in due.select_related("post"):
                self.stdout.write(f"{publication.pk}: would write to {publication.post.post_url}")
            self._say_what_waits(found.pk)
            return
        results: Counter[Result] = Counter()
        for pk in list(due.values_list("pk", flat=True)):
            result = publish_publication(pk)
            results[result] += 1
            row = Publication.objects.select_related("post").get(pk=pk)
            self.stdout.write(f"{pk}: {result}: {row.post.post_url}" + (f": {row.error}" if row.error else ""))
        self._say_what_waits(found.pk)
        if failed := results[Result.REFUSED] + results[Result.LATER] + results[Result.LEASE_LOST]:
            raise CommandError(f"{failed} of {results.total()} could not be written; the reasons stand above.")

    def _say_what_waits(self, connection_id: int) -> None:
        waiting = Publication.objects.filter(
            platform_connection=connection_id, status=Publication.Status.WAITING
        ).count()
        if waiting:
            self.stdout.write(f"{waiting} posts wait until their other pictures are reviewed.")
