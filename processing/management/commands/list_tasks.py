import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from processing.engine_trouble import trouble
from processing.models import CaptionGenerationTask
from processing.task_commands import add_connection, named_connection
from vedfolnir.lib.text import clean_line


class Command(BaseCommand):
    help = "List tasks, newest first: what is under way, and with --all what has ended."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_connection(parser, required=False)
        parser.add_argument("--all", action="store_true", help="also those that have ended")
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50)")
        parser.add_argument("--json", action="store_true", help="a list of objects instead of lines")

    def handle(self, *args: Any, connection: str | None, limit: int, **options: Any) -> None:
        tasks = CaptionGenerationTask.objects.select_related("platform_connection__user").order_by("-created_at")
        if not options["all"]:
            tasks = tasks.active()
        if connection:
            tasks = tasks.filter(platform_connection=named_connection(connection))
        rows = [_as_dict(task) for task in tasks[: max(0, limit)]]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(
                f"{row['id']}  {row['status']:<9}  {row['progress_percent']:>3} %  "
                f"{row['connection']}  {row['error'] or row['step'] or ''}".rstrip()
            )
        if found := trouble():
            self.stdout.write(
                f"{found.engine} did not work at {found.tried_at:%H:%M:%S} UTC: {clean_line(found.reason)}"
            )
        if not rows:
            self.stdout.write("No tasks." if options["all"] else "Nothing is under way; --all shows what has ended.")


def _as_dict(task: CaptionGenerationTask) -> dict[str, Any]:
    connection = task.platform_connection
    return {
        "id": task.pk,
        "status": task.status,
        "progress_percent": task.progress_percent,
        "connection": f"{connection.user}/{connection.name}",
        "step": task.current_step,
        "error": task.error_message,
        "images_found": task.images_found,
        "images_done": task.images_done,
        "created_at": task.created_at.isoformat(),
        "completed_at": task.completed_at.isoformat() if task.completed_at else None,
    }
