from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from captions.models import Image
from processing import actions
from processing.models import CaptionGenerationTask
from processing.task_commands import add_connection, named_connection


class Command(BaseCommand):
    help = (
        "Try again what failed: one ended task, or all pictures of a connection that ended in an error. "
        "A refused publication is tried again from its page."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", nargs="?", help="the task's id, as list_tasks --all shows it")
        add_connection(parser, required=False)
        parser.add_argument("--dry-run", action="store_true", help="say what would be tried again, change nothing")

    def handle(self, *args: Any, task: str | None, connection: str | None, dry_run: bool, **options: Any) -> None:
        if (task is None) == (connection is None):
            raise CommandError("Name either a task or a --connection.")
        try:
            queued = self._task(task, dry_run) if task else self._errors(connection or "", dry_run)
        except actions.TaskRefused as error:
            raise CommandError(str(error)) from error
        if queued:
            self.stdout.write(f"Queued as task {queued.pk}.")

    def _task(self, pk: str, dry_run: bool) -> CaptionGenerationTask | None:
        task = CaptionGenerationTask.objects.select_related("platform_connection").filter(pk=pk).first()
        if task is None:
            raise CommandError(f"There is no task {pk}. list_tasks --all shows those that there are.")
        if dry_run:
            failed = Image.objects.filter(batch_id=pk, status=Image.Status.ERROR).count()
            self.stdout.write(f"Would take up {pk} ({task.get_status_display()}) again; {failed} pictures in error.")
            return None
        return actions.requeue_task(task, None)

    def _errors(self, named: str, dry_run: bool) -> CaptionGenerationTask | None:
        connection = named_connection(named)
        if dry_run:
            failed = Image.objects.filter(platform_connection=connection, status=Image.Status.ERROR).count()
            self.stdout.write(f"Would try {failed} pictures of {connection.address} again.")
            return None
        return actions.requeue_errors(connection, connection.user)
