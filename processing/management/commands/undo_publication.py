from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from captions.models import Publication
from processing.publishing import Result, explaining, publish_publication, requests


class Command(BaseCommand):
    help = (
        "Put the alt texts of a post back as they were before a publication, here and now, without a worker. "
        "Nothing else of the post changes; texts that somebody changed since are left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("publication", type=int, help="the number of the publication, as its page and list show it")
        parser.add_argument("--dry-run", action="store_true", help="say what would be put back, and write nothing")

    def handle(self, *args: Any, publication: int, dry_run: bool, **options: Any) -> None:
        row = Publication.objects.filter(pk=publication).select_related("post", "platform_connection").first()
        if row is None:
            raise CommandError(f"There is no publication {publication}. The page Publications lists them.")
        if not row.platform_connection.is_active:
            raise CommandError(f"{row.platform_connection} is switched off; switch it on first.")
        if not requests.can_be_undone(row):
            raise CommandError(str(requests.NOT_WRITTEN))
        if dry_run:
            texts = explaining.put_back(row)
            self.stdout.write(f"{publication}: would put back {len(texts)} alt texts of {row.post.post_url}")
            for one in texts:
                self.stdout.write(f"  picture {one.number}: {one.ours!r} -> {one.before!r}")
            return
        try:
            requests.request_undo(row, user=None)
        except requests.RequestRefused as error:
            raise CommandError(error.reason) from error
        result = publish_publication(publication)
        row.refresh_from_db()
        if result == Result.NOT_DUE:
            raise CommandError(
                f"{publication}: not yet: another worker writes for this account, or its server asked for a pause. "
                "A worker will undo it; `publish` does it here once the way is free."
            )
        if result != Result.UNDONE:
            raise CommandError(f"{publication}: {result}: {row.error}")
        self.stdout.write(f"{publication}: undone: {row.post.post_url}" + (f": {row.error}" if row.error else ""))
