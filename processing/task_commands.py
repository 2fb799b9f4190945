"""What the commands that start a task share: naming the connection, waiting with a bar, saying what came of it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from platforms.clients.base import PlatformError
from platforms.lookup import ConnectionNotFound, find_connection
from platforms.models import PlatformConnection
from platforms.speaking import client_for
from processing import actions, scanning
from processing.estimating import estimate
from processing.figures import errors, final_figures, unreadable_posts
from processing.models import CaptionGenerationTask, TaskStatus
from processing.task_settings import TaskSettings
from processing.waiting import work_off
from vedfolnir.lib.text import clean_line


def add_connection(parser: ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--connection", required=required, help="the connection: its id, its name if that is unique, or user/name"
    )


def named_connection(named: str) -> PlatformConnection:
    """Raises CommandError that says what there is."""
    try:
        return find_connection(named)
    except ConnectionNotFound as error:
        raise CommandError(str(error)) from error


class TaskCommand(BaseCommand):
    """Starts a task as the owner of the connection would, and does its work here if asked to."""

    describe: bool

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_connection(parser)
        parser.add_argument("--max-posts", type=int, metavar="N", help="posts without alt text to take (50)")
        parser.add_argument(
            "--full", action="store_true", default=None, help="read the whole account, not only what is new since then"
        )
        parser.add_argument("--wait", action="store_true", help="do the work in this process; no worker is needed")
        parser.add_argument(
            "--dry-run", action="store_true", help="read the account and say what is there; change nothing"
        )

    def handle(
        self, *args: Any, connection: str, max_posts: int | None, wait: bool, dry_run: bool, **more: Any
    ) -> None:
        if max_posts is not None and max_posts < 1:
            raise CommandError("--max-posts must be 1 or more.")
        found = named_connection(connection)
        limits = {
            "max_posts_per_run": max_posts,
            "reprocess_existing": more.get("reprocess_existing"),
            "everything": more.get("full"),
        }
        if dry_run:
            self._look(found, **limits)
            return
        task = self._start(found, wait=wait, describe=self.describe, **limits)
        if wait:
            self._report(self._work_off(task))

    def _start(self, connection: PlatformConnection, *, wait: bool, **limits: Any) -> CaptionGenerationTask:
        try:
            task = actions.start_task(connection, connection.user, **limits)
        except actions.TaskAlreadyActive as error:
            if not wait:
                raise CommandError(f"{error} It is {error.task.pk}; list_tasks shows how far it is.") from error
            if self.describe and not TaskSettings.of(error.task).describe:
                self.stdout.write(f"A scan is under way, which asks for no drafts; first that: {error.task.pk}")
                self._report(self._work_off(error.task))
                return self._start(connection, wait=wait, **limits)
            self.stdout.write(f"Joining the task that is under way: {error.task.pk}")
            return error.task
        except actions.TaskRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Task {task.pk} for {connection.address}" + ("" if wait else " is queued."))
        return task

    def _work_off(self, task: CaptionGenerationTask) -> CaptionGenerationTask:
        bar = tqdm(total=0, unit=" pictures", disable=None, leave=False)

        def watch(task: CaptionGenerationTask) -> None:
            bar.total = task.images_found
            bar.n = min(task.images_done, task.images_found)
            bar.set_description(task.error_message or task.current_step or "", refresh=True)

        try:
            return work_off(task, watch=watch)
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted. A worker goes on with the task; to end it: cancel_task {task.pk}", returncode=130
            ) from None
        finally:
            bar.close()

    def _report(self, task: CaptionGenerationTask) -> None:
        """Raises CommandError when the task or some of its pictures failed; posts passed over are only named."""
        results = json.loads(task.results_json or "{}")
        for odd in unreadable_posts(task):
            self.stderr.write(f"post {odd['post_id']} {odd['post_url']} was passed over: {odd['error']}")
        for image in errors(task.pk):
            self.stderr.write(f"picture {image.pk} of {image.post.post_url}: {image.processing_error}")
        if task.status != TaskStatus.COMPLETED:
            raise CommandError(f"{task.get_status_display()}: {task.error_message or task.current_step}")
        self.stdout.write(f"{results['posts_processed']} posts, {task.current_step}")
        if failed := final_figures(task.pk).failed:
            raise CommandError(f"{failed} pictures came to nothing; the reasons stand above. requeue tries them again.")

    def _look(self, connection: PlatformConnection, **limits: Any) -> None:
        wishes = TaskSettings.chosen_by(connection.user, connection, **limits)
        try:
            client = client_for(connection)
            try:
                seen = scanning.look(connection, client, wishes)
            finally:
                client.close()
        except PlatformError as error:
            raise CommandError(error.reason) from error
        self.stdout.write(
            f"{seen.read} posts read: {seen.images} pictures in {seen.posts} posts lack alt text and are to do, "
            f"{seen.skipped} pictures have one, a draft or a decision."
        )
        if self.describe:
            self.stdout.write(estimate(connection, seen.images).sentence)
        for odd in seen.unreadable:
            self.stderr.write(f"post {clean_line(odd.id)} {odd.url} would be passed over: {odd.reason}")
