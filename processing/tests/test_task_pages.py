from http import HTTPStatus

from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from captions.models import Image
from platforms.models import PlatformConnection, PlatformMember
from processing import actions
from processing.models import CaptionGenerationTask
from processing.tests import cast
from processing.tests.tasks_case import TasksCase


class PagesCase(TasksCase):
    outsider: User

    def setUp(self) -> None:
        super().setUp()
        self.outsider = cast.make_user("otto")
        self.client.force_login(self.owner)

    def page(self, name: str, *args: object, **query: str) -> str:
        response = self.client.get(reverse(name, args=args), query)
        assert response.status_code == HTTPStatus.OK, response.status_code
        return response.content.decode()


class DashboardTests(PagesCase):
    def test_visitors_are_asked_to_sign_in(self) -> None:
        self.client.logout()
        self.assertRedirects(self.client.get("/"), "/account/login/?next=/", fetch_redirect_response=False)

    def test_somebody_without_a_connection_is_told_the_next_step(self) -> None:
        self.client.force_login(self.outsider)
        page = self.page("dashboard")
        assert reverse("platforms:connect") in page
        assert self.connection.address not in page

    def test_it_counts_what_waits_and_links_there(self) -> None:
        self.sandbox.add_status(pictures=3)
        self.complete(self.start())
        page = self.page("dashboard")
        assert "pictures to review" in page
        assert f"/review/?connection={self.connection.pk}" in page
        assert "Generate captions" in page

    def test_it_shows_what_needs_attention(self) -> None:
        PlatformConnection.objects.update(attention="The access token does not work.")
        assert "The access token does not work." in self.page("dashboard")

    def test_a_moving_task_is_asked_for_again_and_an_ended_one_is_not(self) -> None:
        self.sandbox.add_status()
        task = self.run_task(self.start())
        page = self.page("dashboard")
        assert 'hx-trigger="every 2s"' in page
        assert 'aria-live="polite"' in page
        assert reverse("tasks:cancel", args=[task.pk]) in page
        self.complete(task)
        assert "hx-trigger" not in self.page("dashboard")

    def test_the_number_of_queries_does_not_grow_with_the_connections(self) -> None:
        self.start()
        with self.assertNumQueries(8):
            self.page("dashboard")
        for number in range(5):
            PlatformConnection.objects.create(
                user=self.owner, name=f"C{number}", instance_url=f"https://{number}.example", access_token="x"
            )
        with self.assertNumQueries(8):
            self.page("dashboard")


class StartTests(PagesCase):
    def press(self) -> int:
        return self.client.post(reverse("tasks:start"), {"connection": self.connection.pk}).status_code

    def test_the_button_starts_one_task_however_often_it_is_pressed(self) -> None:
        assert self.press() == HTTPStatus.FOUND
        assert self.press() == HTTPStatus.FOUND
        assert CaptionGenerationTask.objects.count() == 1
        assert "under way already" in self.page("dashboard")

    def test_outsiders_do_not_find_the_connection(self) -> None:
        self.client.force_login(self.outsider)
        assert self.press() == HTTPStatus.NOT_FOUND
        assert not CaptionGenerationTask.objects.exists()

    def test_members_who_may_only_look_are_refused(self) -> None:
        PlatformMember.objects.create(platform_connection=self.connection, user=self.outsider, role=Role.VIEWER)
        self.client.force_login(self.outsider)
        assert "Generate captions</button>" not in self.page("dashboard")
        assert self.press() == HTTPStatus.FORBIDDEN

    def test_it_takes_no_get_and_no_nonsense(self) -> None:
        assert self.client.get(reverse("tasks:start")).status_code == HTTPStatus.METHOD_NOT_ALLOWED
        for nonsense in ("", "x", "-1", "9" * 40, "²"):
            response = self.client.post(reverse("tasks:start"), {"connection": nonsense})
            assert response.status_code == HTTPStatus.NOT_FOUND


class TaskPageTests(PagesCase):
    def test_it_shows_figures_and_reasons_and_offers_another_try(self) -> None:
        self.sandbox.add_status("The harbour.", pictures=2)
        self.sandbox.fault(404, path_prefix="/media")
        task = self.complete(self.start())
        page = self.page("tasks:detail", task.pk)
        assert "not there any more" in page
        assert "The harbour." in page
        assert "1 draft, 1 error" in page
        self.client.post(reverse("tasks:requeue", args=[task.pk]))
        self.describe_due()
        assert "2 drafts" in self.page("tasks:detail", self.run_task(task).pk)

    def test_the_list_shows_it(self) -> None:
        task = self.start()
        assert reverse("tasks:detail", args=[task.pk]) in self.page("tasks:list")
        assert reverse("tasks:detail", args=[task.pk]) not in self.page(
            "tasks:list", before="2020-01-01T00:00:00+00:00"
        )
        self.page("tasks:list", before="nonsense")

    def test_cancelling_ends_it(self) -> None:
        task = self.start()
        self.client.post(reverse("tasks:cancel", args=[task.pk]))
        task.refresh_from_db()
        assert task.status == CaptionGenerationTask.Status.CANCELLED
        assert "has ended already" in self.follow("tasks:cancel", task.pk)

    def follow(self, name: str, *args: object) -> str:
        return self.client.post(reverse(name, args=args), follow=True).content.decode()

    def test_outsiders_find_none_of_it(self) -> None:
        task = self.start()
        self.client.force_login(self.outsider)
        for name in ("tasks:detail", "tasks:progress"):
            assert self.client.get(reverse(name, args=[task.pk])).status_code == HTTPStatus.NOT_FOUND
        for name in ("tasks:cancel", "tasks:requeue"):
            assert self.client.post(reverse(name, args=[task.pk])).status_code == HTTPStatus.NOT_FOUND
        retry = self.client.post(reverse("tasks:retry_errors"), {"connection": self.connection.pk})
        assert retry.status_code == HTTPStatus.NOT_FOUND
        assert task.pk not in self.page("tasks:list")
        task.refresh_from_db()
        assert task.is_active

    def test_all_errors_of_a_connection_are_tried_again_from_one_button(self) -> None:
        self.sandbox.add_status()
        self.sandbox.fault(404, path_prefix="/media")
        self.complete(self.start())
        assert "Try the errors again" in self.page("dashboard")
        self.client.post(reverse("tasks:retry_errors"), {"connection": self.connection.pk})
        self.describe_due()
        assert Image.objects.awaiting_review().count() == 1


class ProgressTests(PagesCase):
    def poll(self, task: CaptionGenerationTask, seen: str) -> tuple[int, str]:
        response = self.client.get(reverse("tasks:progress", args=[task.pk]), {"seen": seen, "place": "card"})
        return response.status_code, response.content.decode()

    def test_it_answers_nothing_while_nothing_changes(self) -> None:
        task = self.start()
        _status, page = self.poll(task, "")
        seen = page.partition("?seen=")[2].partition("&")[0]
        assert self.poll(task, seen) == (HTTPStatus.NO_CONTENT, "")

    def test_it_says_aloud_what_is_news_only(self) -> None:
        task = self.start()
        _status, page = self.poll(task, "queued-0-other")
        assert "announce-" not in page
        _status, page = self.poll(task, "running-0-other")
        assert "announce-" in page

    def test_the_last_answer_asks_for_no_other(self) -> None:
        self.sandbox.add_status()
        task = self.complete(self.start())
        status, page = self.poll(task, "running-50-x")
        assert status == HTTPStatus.OK
        assert "hx-get" not in page
        assert "Generate captions" in page
        assert "picture to review" in page


class AdminTests(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.moderator = cast.make_user("mona", Role.MODERATOR)
        self.client.force_login(self.moderator)

    def act(self, action: str, task: CaptionGenerationTask) -> str:
        address = reverse("admin:processing_captiongenerationtask_changelist")
        data = {"action": action, "_selected_action": [task.pk]}
        return self.client.post(address, data, follow=True).content.decode()

    def test_staff_cancel_and_repeat_through_the_same_functions(self) -> None:
        task = actions.start_task(self.connection, self.owner, processing_delay=0.0)
        assert "Done for 1 tasks." in self.act("cancel", task)
        assert "has ended already" in self.act("cancel", task)
        self.act("requeue", task)
        task.refresh_from_db()
        assert task.is_active

    def test_the_lists_open_and_can_be_searched(self) -> None:
        task = self.complete(self.start())
        for model in ("captiongenerationtask", "processingrun"):
            response = self.client.get(reverse(f"admin:processing_{model}_changelist"), {"q": task.pk})
            assert response.status_code == HTTPStatus.OK
        page = self.client.get(reverse("admin:processing_captiongenerationtask_change", args=[task.pk]))
        assert page.status_code == HTTPStatus.OK
        assert self.sandbox.token not in page.content.decode()
