"""`manage.py rotate_encryption_key`: every stored credential under the first key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from accounts import audit
from platforms import rotation


class Command(BaseCommand):
    """Rotate, or say what there is to rotate."""

    help = (
        "Encrypt every stored credential with the first key of PLATFORM_ENCRYPTION_KEY. Run it after putting a new key "
        "first, with the old ones behind it: afterwards they may be removed. Web and workers go on meanwhile. A "
        "run that was interrupted is simply started again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument("--dry-run", action="store_true", help="Count what would be written, change nothing.")
        instead.add_argument(
            "--check", action="store_true", help="Count, change nothing, and fail unless nothing is left to do."
        )
        parser.add_argument(
            "--bind",
            action="store_true",
            help="Also bind credentials that do not say where they belong to the rows where they lie. Only right after "
            "the data of the first Vedfolnir was brought over: nobody can tell whether they were moved since.",
        )

    def handle(self, *args: Any, dry_run: bool, check: bool, bind: bool, **options: Any) -> None:
        looking = dry_run or check
        walks = 1 if looking else 2  # the second one finds that nothing is left
        with tqdm(total=walks * rotation.row_count(), unit=" rows", disable=None, leave=False) as bar:
            work = rotation.survey if looking else rotation.rotate
            report = work(bar.update, bind=bind)
        if not looking:
            audit.record(
                "encryption_key_rotated",
                actor=None,
                secrets=report.secrets,
                written=report.written,
                left=report.pending,
                unbound=report.unbound,
                unreadable=len(report.troubles),
            )
        self._tell(report, looking=looking)
        self._conclude(report, may_be_pending=dry_run)

    def _tell(self, report: rotation.Report, *, looking: bool) -> None:
        self.stdout.write(f"{report.secrets} credentials in {report.rows} rows.")
        if looking:
            self.stdout.write(f"To be written: {report.pending}.")
        else:
            self.stdout.write(f"Written: {report.written}. Left: {report.pending}.")
        if report.pending or report.unbound:
            self.stdout.write(f"Not bound to their rows: {report.unbound}. Under another key: {report.old_key}.")
        if report.missing:
            self.stdout.write(f"Empty, as rows from a dump are, to be connected again: {report.missing}.")
        for trouble in report.troubles:
            self.stderr.write(trouble)

    def _conclude(self, report: rotation.Report, *, may_be_pending: bool) -> None:
        if report.troubles:
            raise CommandError(
                f"{len(report.troubles)} credentials cannot be read. Put back the key that they were stored with, or "
                "connect those accounts again, and start this again. Keep the old keys until then."
            )
        if report.pending and not may_be_pending:
            raise CommandError(
                f"{report.pending} credentials are not under the first key, or not bound. Start this without --check; "
                "if they do not become fewer, a process still runs with the old order of keys: start all of them anew."
            )
        if report.unbound and not report.bind:
            raise CommandError(
                f"{report.unbound} credentials do not say where they belong, and cannot be used. If the data of the "
                "first Vedfolnir was just brought over, start this with --bind. Otherwise somebody put them there in "
                "the database itself: connect those accounts again."
            )
        if report.is_done:
            self.stdout.write(
                self.style.SUCCESS(
                    "Every credential opens with the first key alone. The other keys may be removed from "
                    "PLATFORM_ENCRYPTION_KEY; keep them as long as you keep backups from before."
                )
            )
