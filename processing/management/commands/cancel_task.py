from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from processing import actions
from processing.models import CaptionGenerationTask


class Command(BaseCommand):
    help = "Stop a task. Drafts that are there stay; what was found is found again by the next task."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("task", help="the task's id, as list_tasks shows it")
        parser.add_argument("--reason", default="", help="shown on the task's page")
        parser.add_argument("--dry-run", action="store_true", help="say what would be stopped, change nothing")

    def handle(self, *args: Any, task: str, reason: str, dry_run: bool, **options: Any) -> None:
        found = CaptionGenerationTask.objects.select_related("platform_connection").filter(pk=task).first()
        if found is None:
            raise CommandError(f"There is no task {task}. list_tasks --all shows those that there are.")
        if dry_run:
            self.stdout.write(f"Would cancel {found.pk}: {found.get_status_display()}, {found.current_step}")
            return
        try:
            actions.cancel_task(found, None, reason)
        except actions.TaskRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Cancelled {found.pk}.")
