import json
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

from captions.models import Image, Post
from processing import actions
from processing.models import CaptionGenerationTask
from processing.tests.tasks_case import TasksCase


class CommandCase(TasksCase):
    """Texts in the sandbox's drawn pictures keep `basic` busy for a moment each: few pictures here."""

    def call(self, name: str, *args: str, **options: Any) -> str:
        out = StringIO()
        call_command(name, *args, stdout=out, stderr=StringIO(), **options)
        return out.getvalue()

    def refused(self, name: str, *args: str) -> str:
        with self.assertRaises(CommandError) as refused:
            self.call(name, *args)
        return str(refused.exception)


class GenerateTests(CommandCase):
    def test_it_queues_a_task_for_the_owner(self) -> None:
        said = self.call("generate_captions", "--connection", "olga/Sandbox", "--max-posts", "3")
        task = CaptionGenerationTask.objects.get()
        assert task.pk in said
        assert task.user == self.owner
        assert json.loads(task.settings_json or "")["max_posts_per_run"] == 3
        assert task.pk in self.refused("generate_captions", "--connection", "Sandbox")

    def test_it_does_the_work_itself_when_asked_to_wait(self) -> None:
        self.sandbox.add_status()
        said = self.call("generate_captions", "--connection", str(self.connection.pk), "--wait")
        assert "1 posts, 1 draft" in said
        assert Image.objects.awaiting_review().count() == 1

    def test_a_picture_that_fails_makes_it_fail(self) -> None:
        self.sandbox.add_status()
        self.sandbox.fault(404, path_prefix="/media")
        assert "1 pictures came to nothing" in self.refused("generate_captions", "--connection", "Sandbox", "--wait")

    def test_a_refusal_of_the_server_makes_it_fail_with_the_reason(self) -> None:
        self.sandbox.fault(401, path_prefix="/api/v1/accounts")
        assert "Failed: " in self.refused("generate_captions", "--connection", "Sandbox", "--wait")

    def test_a_dry_run_stores_nothing(self) -> None:
        self.sandbox.add_status(pictures=2)
        said = self.call("generate_captions", "--connection", "Sandbox", "--dry-run")
        assert "2 pictures in 1 posts lack alt text" in said
        assert not Post.objects.exists()
        assert not CaptionGenerationTask.objects.exists()

    def test_waiting_for_drafts_is_not_joining_a_scan_that_asks_for_none(self) -> None:
        self.sandbox.add_status()
        scan = actions.start_task(self.connection, self.owner, describe=False)
        said = self.call("generate_captions", "--connection", "Sandbox", "--wait")
        assert f"first that: {scan.pk}" in said
        assert "1 draft" in said
        assert Image.objects.awaiting_review().count() == 1

    def test_waiting_joins_a_task_that_is_under_way(self) -> None:
        self.sandbox.add_status()
        task = self.start()
        assert f"Joining the task that is under way: {task.pk}" in self.call(
            "generate_captions", "--connection", "Sandbox", "--wait"
        )

    def test_names_that_mean_nothing_are_told_what_there_is(self) -> None:
        assert "olga/Sandbox" in self.refused("scan", "--connection", "nobody")
        assert "1 or more" in self.refused("scan", "--connection", "Sandbox", "--max-posts", "0")


class ScanTests(CommandCase):
    def test_it_stores_posts_and_asks_for_no_drafts(self) -> None:
        self.sandbox.add_status()
        self.call("scan", "--connection", "Sandbox", "--wait")
        assert Image.objects.undrafted().count() == 1
        assert not Image.objects.due().exists()


class OtherCommandTests(CommandCase):
    def test_tasks_are_listed_cancelled_and_taken_up_again(self) -> None:
        task = self.start()
        assert task.pk in self.call("list_tasks")
        assert json.loads(self.call("list_tasks", "--json", "--connection", "Sandbox"))[0]["status"] == "queued"
        assert "Would cancel" in self.call("cancel_task", task.pk, "--dry-run")
        self.call("cancel_task", task.pk, "--reason", "wrong account")
        task.refresh_from_db()
        assert (task.status, task.error_message) == ("cancelled", "wrong account")
        assert "Nothing is under way" in self.call("list_tasks")
        assert task.pk in self.call("list_tasks", "--all")
        assert "has ended already" in self.refused("cancel_task", task.pk)
        assert "Would take up" in self.call("requeue", task.pk, "--dry-run")
        self.call("requeue", task.pk)
        task.refresh_from_db()
        assert task.is_active

    def test_errors_of_a_connection_are_queued_again(self) -> None:
        self.sandbox.add_status()
        self.sandbox.fault(404, path_prefix="/media")
        self.complete(self.start())
        assert "Would try 1 pictures" in self.call("requeue", "--connection", "Sandbox", "--dry-run")
        self.call("requeue", "--connection", "Sandbox")
        assert Image.objects.due().count() == 1

    def test_what_does_not_exist_is_refused(self) -> None:
        assert "There is no task" in self.refused("cancel_task", "nothing")
        assert "There is no task" in self.refused("requeue", "nothing")
        assert "Name either" in self.refused("requeue")
        with self.assertRaises(actions.NothingToDo):
            actions.requeue_errors(self.connection, self.owner)
