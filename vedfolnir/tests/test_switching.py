"""The active platform: one account at a time, on every list, for one session, and never one that is not one's own."""

from unittest import mock

from django.db import connection as database
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import actions as people
from accounts.models import User, UserSession
from accounts.roles import Role
from accounts.tests.people import PASSWORD, make_user
from captions.models import Publication
from captions.tests.rows import add_member, make_connection, make_image, make_post
from platforms import actions, switching
from platforms.models import PlatformConnection, PlatformMember
from processing.models import CaptionGenerationTask

LISTS = ("dashboard", "tasks:list", "publications:list", "captions:queue")


class SwitchingCase(TestCase):
    """Alice owns Harbour and Museum, with a picture, a task and a publication each. Otto is somebody else."""

    alice: User
    otto: User
    harbour: PlatformConnection
    museum: PlatformConnection
    foreign: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice, cls.otto = make_user("alice"), make_user("otto")
        cls.harbour = make_connection(cls.alice, "Harbour", is_default=True)
        cls.museum = make_connection(cls.alice, "Museum")
        cls.foreign = make_connection(cls.otto, "Foreign affairs")
        for connection in (cls.harbour, cls.museum, cls.foreign):
            post = make_post(connection, post_content=f"Written at {connection.name}")
            make_image(post)
            make_image(make_post(connection), draft=f"Drawn at {connection.name}")
            Publication.objects.create(post=post, platform_connection=connection)
            CaptionGenerationTask.objects.create(user=connection.user, platform_connection=connection)

    def setUp(self) -> None:
        self.client.force_login(self.alice)

    def switch(self, named: PlatformConnection | str, **more: str) -> int:
        pk = named if isinstance(named, str) else str(named.pk)
        return self.client.post(reverse("platforms:switch"), {"connection": pk, **more}).status_code

    def rows(self, name: str, query: str = "") -> set[str]:
        """Of which connections a list shows something."""
        response = self.client.get(reverse(name) + query)
        self.assertEqual(response.status_code, 200)
        match name:
            case "dashboard":
                return {card.connection.name for card in response.context["cards"]}
            case "captions:queue":
                return {image.platform_connection.name for image in response.context["page"].images}
            case _:
                return {row.platform_connection.name for row in response.context[name.partition(":")[0]]}

    def assert_everything(self) -> None:
        for name in LISTS:
            self.assertEqual(self.rows(name), {"Harbour", "Museum"}, name)

    def selected(self) -> str:
        """What the menu shows as chosen; empty for all."""
        active = self.client.get("/account/").context["switcher"].active
        return active.name if active else ""


class SwitchingTests(SwitchingCase):
    def test_a_new_session_shows_everything_whatever_the_default(self) -> None:
        self.assert_everything()
        self.assertEqual(self.selected(), "")

    def test_every_list_follows_the_active_connection(self) -> None:
        self.assertEqual(self.switch(self.museum), 302)
        for name in LISTS:
            self.assertEqual(self.rows(name), {"Museum"}, name)
        self.assertEqual(UserSession.objects.get().active_platform, self.museum)
        self.assertEqual(self.client.get("/review/").context["page"].count, 2)
        self.assertEqual(self.switch(""), 302)
        self.assert_everything()

    def test_what_the_address_names_wins(self) -> None:
        self.switch(self.museum)
        for name in LISTS:
            self.assertEqual(self.rows(name, f"?connection={self.harbour.pk}"), {"Harbour"}, name)
            self.assertEqual(self.rows(name, "?connection="), {"Harbour", "Museum"}, name)
            self.assertEqual(self.rows(name, "?connection=nonsense"), {"Museum"}, name)

    def test_going_from_picture_to_picture_stays_within_it(self) -> None:
        self.switch(self.museum)
        images = list(self.museum.images.order_by("pk"))
        response = self.client.get("/review/next/")
        self.assertRedirects(response, f"/review/{images[0].pk}/")
        self.assertEqual(self.client.get(f"/review/{images[0].pk}/").context["count_left"], 2)
        for left, following in ((images[0], images[1]), (images[1], images[0])):
            response = self.client.post(f"/review/{left.pk}/skip", follow=True)
            self.assertEqual(response.redirect_chain[-1][0], f"/review/{following.pk}/")

    def test_the_word_for_all_goes_along_from_picture_to_picture(self) -> None:
        self.switch(self.museum)
        self.assertContains(self.client.get("/review/?connection="), "/review/next/?connection=")
        first = self.client.get("/review/next/?connection=")["Location"]
        self.assertEqual(self.client.get(first).context["count_left"], 4)
        self.assertIn("connection=", self.client.get(first).context["next_url"])

    def test_who_may_only_look_at_the_active_one_has_nothing_to_decide_there(self) -> None:
        add_member(self.foreign, self.alice, Role.VIEWER)
        self.switch(self.foreign)
        self.assertEqual(self.rows("captions:queue"), {"Foreign affairs"})
        self.assertRedirects(self.client.get("/review/next/"), "/review/")

    def test_a_list_says_that_it_is_about_one_account(self) -> None:
        self.switch(self.museum)
        for name in ("dashboard", "tasks:list", "publications:list"):
            self.assertContains(self.client.get(reverse(name)), "Only of “Museum”.")
            self.assertNotContains(self.client.get(reverse(name) + "?connection="), "Only of")

    def test_one_goes_back_to_the_list_without_its_old_filter(self) -> None:
        page = self.client.get(f"/review/?connection={self.harbour.pk}&state=posted&after=1.2")
        self.assertContains(page, '<input type="hidden" name="next" value="/review/?state=posted">', html=True)
        image = self.harbour.images.earliest("pk")
        page = self.client.get(f"/review/{image.pk}/?connection={self.harbour.pk}")
        self.assertContains(page, '<input type="hidden" name="next" value="/review/">', html=True)

    def test_one_is_never_led_elsewhere(self) -> None:
        for target in (
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example/",
            "evil",
            "",
            "/x\r\nSet-Cookie: a=b",
        ):
            response = self.client.post("/platforms/switch/", {"connection": "", "next": target})
            self.assertIn(response["Location"][:2], {"/", "/x"}, target)
            self.assertNotIn("\n", response["Location"])
        response = self.client.post("/platforms/switch/", {"connection": "", "next": "/tasks/?x=1"})
        self.assertEqual(response["Location"], "/tasks/?x=1")

    def test_it_is_the_session_s_alone(self) -> None:
        elsewhere = Client()
        elsewhere.force_login(self.alice)
        self.switch(self.museum)
        self.client, here = elsewhere, self.client
        self.assert_everything()
        self.client = here
        self.assertEqual(self.selected(), "Museum")

    def test_a_new_password_changes_nothing_and_a_new_person_begins_with_all(self) -> None:
        self.switch(self.museum)
        answer = {"oldpassword": PASSWORD, "password1": "another horse battery", "password2": "another horse battery"}
        self.assertEqual(self.client.post(reverse("account_change_password"), answer).status_code, 302)
        self.assertEqual(self.selected(), "Museum")
        self.client.post(reverse("account_logout"))
        self.client.post(reverse("account_login"), {"login": "alice", "password": "another horse battery"})
        self.assertEqual(self.selected(), "")

    def test_the_menu_is_for_those_who_have_a_choice(self) -> None:
        self.assertContains(self.client.get("/"), "switch-connection")
        self.client.force_login(self.otto)
        for url in ("/", "/account/", "/review/", "/nothing/"):
            self.assertNotContains(
                self.client.get(url), "switch-connection", status_code=404 if url == "/nothing/" else 200
            )

    def test_it_costs_no_query_more(self) -> None:
        for name in LISTS:
            with CaptureQueriesContext(database) as before:
                self.client.get(reverse(name))
            self.switch(self.museum)
            with CaptureQueriesContext(database) as after:
                self.client.get(reverse(name))
            self.assertLessEqual(len(after), len(before), name)
            self.switch("")

    def test_no_credential_is_read_for_the_menu(self) -> None:
        self.switch(self.museum)
        with CaptureQueriesContext(database) as queries:
            self.client.get("/review/")
        self.assertNotIn("access_token", " ".join(query["sql"] for query in queries.captured_queries))

    def test_beyond_those_that_the_menu_offers_the_active_one_stands_there_too(self) -> None:
        with mock.patch.object(switching, "OFFERED", 1):
            self.switch(self.museum)
            self.assertEqual(self.selected(), "Museum")
            self.assertContains(self.client.get("/account/"), f'<option value="{self.museum.pk}"')
        page = self.client.get(reverse("platforms:detail", args=[self.harbour.pk]))
        self.assertContains(page, "Show only this account")


class LostSightTests(SwitchingCase):
    """What one may not see, or not any more, is as if it had never been chosen; nothing tells its name."""

    def setUp(self) -> None:
        super().setUp()
        add_member(self.foreign, self.alice)

    def assert_forgotten(self) -> None:
        self.assert_everything()
        self.assertEqual(self.selected(), "")
        for url in (*map(reverse, LISTS), "/review/next/", "/account/", "/platforms/", "/nothing/"):
            response = self.client.get(url, follow=True)
            self.assertIn(response.status_code, {200, 404})
            self.assertNotIn("Foreign affairs", response.content.decode())

    def test_a_membership_that_was_taken_back(self) -> None:
        self.switch(self.foreign)
        self.assertEqual(self.rows("captions:queue"), {"Foreign affairs"})
        membership = PlatformMember.objects.get()
        actions.remove_member(membership.platform_connection, self.alice, self.otto)
        self.assert_forgotten()

    def test_a_connection_that_was_removed(self) -> None:
        self.switch(self.foreign)
        actions.remove(self.foreign, self.otto)
        self.assertIsNone(UserSession.objects.get().active_platform_id)
        self.assert_forgotten()

    def test_a_role_that_does_not_see_all_any_more(self) -> None:
        PlatformMember.objects.all().delete()
        boss = make_user("boss", role=Role.ADMIN)
        people.set_role(self.alice, Role.MODERATOR, actor=boss)
        self.switch(self.foreign)
        self.assertEqual(self.rows("captions:queue"), {"Foreign affairs"})
        people.set_role(self.alice, Role.REVIEWER, actor=boss)
        self.assert_forgotten()

    def test_one_that_never_was_theirs_cannot_be_chosen(self) -> None:
        PlatformMember.objects.all().delete()
        self.switch(self.museum)
        for named in (str(self.foreign.pk), "999999", "nonsense", "9" * 30):
            self.assertEqual(self.switch(named), 404)
        self.assertEqual(self.selected(), "Museum")

    def test_a_row_that_names_one_all_the_same_shows_nothing_of_it(self) -> None:
        PlatformMember.objects.all().delete()
        UserSession.objects.update(active_platform=self.foreign)
        self.assert_forgotten()
