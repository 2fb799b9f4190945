"""What is done to people's accounts, through the actions and through the admin that calls them."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client, TestCase
from django.urls import reverse

from accounts import actions
from accounts.models import AuditLog, User, UserSession
from accounts.roles import Ability, Role
from accounts.tests.people import PASSWORD, make_user

OTHER = "staple battery horse correct"


class ActionTests(TestCase):
    admin: User
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.admin = make_user("boss", role=Role.ADMIN)
        cls.alice = make_user("alice")

    def last_entry(self) -> AuditLog:
        return AuditLog.objects.latest("id")

    def test_a_new_account_is_approved_and_written_down(self) -> None:
        bob = actions.create_user(
            username="bob", email="Bob@Example.org", password=PASSWORD, role=Role.VIEWER, actor=self.admin
        )
        bob.refresh_from_db()
        self.assertEqual((bob.email, bob.role, bob.is_approved), ("bob@example.org", "viewer", True))
        self.assertTrue(bob.check_password(PASSWORD))
        entry = self.last_entry()
        self.assertEqual((entry.action, entry.user, entry.entity_id), ("user_created", self.admin, str(bob.pk)))
        self.assertNotIn(PASSWORD, str(entry.__dict__))

    def test_a_bad_account_is_refused_with_its_reason(self) -> None:
        good = {"username": "bob", "email": "bob@example.org", "password": PASSWORD, "role": Role.VIEWER}
        for name, value in [
            ("username", "ALICE"),
            ("username", "ab"),
            ("username", "bob smith"),
            ("username", "bob@example.org"),
            ("email", "Alice@EXAMPLE.org"),
            ("email", "no address"),
            ("password", "short"),
            ("password", "password1234"),
            ("role", "emperor"),
        ]:
            with self.subTest(f"{name}={value}"), self.assertRaises(ValidationError):
                actions.create_user(**(good | {name: value}), actor=None)  # type: ignore[arg-type]
        self.assertEqual(User.objects.count(), 2)

    def test_the_database_refuses_names_that_differ_only_in_case(self) -> None:
        for taken in ({"username": "ALICE", "email": "b@example.org"}, {"username": "b", "email": "ALICE@example.org"}):
            with self.subTest(taken), self.assertRaises(IntegrityError), transaction.atomic():
                User.objects.create(**taken)

    def test_only_who_manages_people_may(self) -> None:
        session = UserSession.objects.create(session_id="x", user=self.admin, expires_at=self.admin.created_at)
        for role in (Role.MODERATOR, Role.REVIEWER, Role.VIEWER):
            actor = make_user(f"a-{role}", role=role)
            for attempt in (
                lambda who: actions.create_user(username="bob", email="b@e.org", password=PASSWORD, actor=who),
                lambda who: actions.set_role(who, Role.ADMIN, actor=who),
                lambda who: actions.set_active(self.alice, False, actor=who),
                lambda who: actions.approve_user(self.alice, actor=who),
                lambda who: actions.set_password(self.alice, OTHER, actor=who),
                lambda who: actions.set_identity(self.alice, username="x", email="x@e.org", actor=who),
                lambda who: actions.end_session(session, actor=who),
            ):
                with self.subTest(role), self.assertRaises(actions.NotAllowed):
                    attempt(actor)
        self.assertFalse(AuditLog.objects.exists())

    def test_an_admin_who_was_switched_off_may_nothing(self) -> None:
        actions.set_active(make_user("old", role=Role.ADMIN), False, actor=self.admin)
        with self.assertRaises(actions.NotAllowed):
            actions.set_role(self.alice, Role.ADMIN, actor=User.objects.get(username="old"))

    def test_a_role_change_says_what_was_before(self) -> None:
        actions.set_role(self.alice, Role.MODERATOR, actor=self.admin)
        self.assertEqual(User.objects.get(pk=self.alice.pk).role, "moderator")
        entry = self.last_entry()
        self.assertEqual(entry.action, "role_changed")
        self.assertEqual(entry.details, {"before": "reviewer", "after": "moderator"})

    def test_nothing_changed_is_nothing_to_write_down(self) -> None:
        actions.set_role(self.alice, Role.REVIEWER, actor=self.admin)
        actions.set_active(self.alice, True, actor=self.admin)
        actions.approve_user(self.alice, actor=self.admin)
        actions.set_identity(self.alice, username="alice", email="alice@example.org", actor=self.admin)
        self.assertFalse(AuditLog.objects.exists())

    def test_there_is_no_other_role(self) -> None:
        with self.assertRaises(ValidationError):
            actions.set_role(self.alice, "emperor", actor=self.admin)

    def test_the_last_admin_stays_one(self) -> None:
        make_user("off", role=Role.ADMIN, is_active=False)
        make_user("waiting", role=Role.ADMIN, is_approved=False)
        for actor in (self.admin, None):
            with self.assertRaises(actions.LastAdmin):
                actions.set_role(self.admin, Role.VIEWER, actor=actor)
            with self.assertRaises(actions.LastAdmin):
                actions.set_active(self.admin, False, actor=actor)
        self.assertTrue(User.objects.get(pk=self.admin.pk).can(Ability.MANAGE_PEOPLE))

    def test_one_of_two_admins_may_go(self) -> None:
        second = make_user("second", role=Role.ADMIN)
        actions.set_role(self.admin, Role.VIEWER, actor=second)
        with self.assertRaises(actions.LastAdmin):
            actions.set_active(second, False, actor=second)

    def test_switching_off_ends_the_sessions_for_good(self) -> None:
        browser = Client()
        browser.force_login(self.alice)
        actions.set_active(self.alice, False, actor=self.admin)
        self.assertFalse(UserSession.objects.alive().exists())
        actions.set_active(self.alice, True, actor=self.admin)
        self.assertEqual(browser.get(reverse("account")).status_code, 302)
        self.assertEqual(
            list(AuditLog.objects.filter(user=self.admin).values_list("action", flat=True)),
            ["user_deactivated", "user_activated"],
        )

    def test_approval_lets_somebody_in(self) -> None:
        waiting = make_user("waiting", is_approved=False)
        actions.approve_user(waiting, actor=self.admin)
        self.assertTrue(self.client.login(username="waiting", password=PASSWORD))
        self.assertEqual(AuditLog.objects.filter(action="user_approved").count(), 1)

    def test_a_password_set_by_an_admin_ends_the_sessions(self) -> None:
        self.client.force_login(self.alice)
        actions.set_password(self.alice, OTHER, actor=self.admin)
        self.assertFalse(UserSession.objects.alive().exists())
        self.assertTrue(User.objects.get(pk=self.alice.pk).check_password(OTHER))

    def test_one_ends_ones_own_sessions(self) -> None:
        self.client.force_login(self.alice)
        session = UserSession.objects.get()
        self.assertTrue(actions.end_session(session, actor=self.alice))
        self.assertFalse(actions.end_session(session, actor=self.alice))
        self.assertEqual(AuditLog.objects.filter(action="session_ended").count(), 1)


class PeopleAdminTests(TestCase):
    admin: User
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.admin = make_user("boss", role=Role.ADMIN)
        cls.alice = make_user("alice")

    def setUp(self) -> None:
        self.client.force_login(self.admin)

    def url(self, person: User) -> str:
        return reverse("admin:accounts_user_change", args=[person.pk])

    def answer(self, person: User, **changed: str) -> dict[str, str]:
        kept = {"username": person.username, "email": person.email, "role": person.role, "is_active": "on"}
        return {name: value for name, value in (kept | changed).items() if value}

    def test_an_admin_makes_an_account_that_can_sign_in(self) -> None:
        answer = {"username": "bob", "email": "bob@example.org", "role": "viewer", "new_password": PASSWORD}
        response = self.client.post(reverse("admin:accounts_user_add"), answer)
        bob = User.objects.get(username="bob")
        self.assertRedirects(response, self.url(bob))
        self.assertTrue(Client().login(username="bob", password=PASSWORD))
        self.assertEqual(AuditLog.objects.get(action="user_created").user, self.admin)

    def test_a_weak_password_or_a_taken_name_is_said_on_the_form(self) -> None:
        good = {"username": "bob", "email": "bob@example.org", "role": "viewer", "new_password": PASSWORD}
        for field, value in [("new_password", "short"), ("username", "ALICE"), ("email", "alice@EXAMPLE.org")]:
            response = self.client.post(reverse("admin:accounts_user_add"), good | {field: value})
            self.assertEqual(response.status_code, 200)
            self.assertIn(field, response.context["adminform"].form.errors)

    def test_a_role_change_goes_through_the_action(self) -> None:
        self.client.post(self.url(self.alice), self.answer(self.alice, role="moderator"))
        self.assertEqual(User.objects.get(pk=self.alice.pk).role, "moderator")
        self.assertEqual(AuditLog.objects.get(action="role_changed").user, self.admin)

    def test_name_and_sign_in_go_through_the_actions_too(self) -> None:
        self.client.post(self.url(self.alice), self.answer(self.alice, username="alicia", is_active=""))
        alice = User.objects.get(pk=self.alice.pk)
        self.assertEqual((alice.username, alice.is_active), ("alicia", False))
        self.assertEqual(AuditLog.objects.filter(action__in=["user_renamed", "user_deactivated"]).count(), 2)

    def test_the_form_keeps_the_last_admin(self) -> None:
        for changed in ({"role": "viewer"}, {"is_active": ""}):
            response = self.client.post(self.url(self.admin), self.answer(self.admin, **changed))
            self.assertContains(response, "last admin")
        self.assertEqual(User.objects.get(pk=self.admin.pk).role, "admin")

    def test_the_list_keeps_the_last_admin_and_switches_off_the_others(self) -> None:
        answer = {"action": "switch_off", "_selected_action": [self.admin.pk, self.alice.pk]}
        response = self.client.post(reverse("admin:accounts_user_changelist"), answer, follow=True)
        self.assertContains(response, "last admin")
        self.assertEqual(list(User.objects.working()), [self.admin])

    def test_the_list_approves_and_switches_on(self) -> None:
        User.objects.filter(pk=self.alice.pk).update(is_active=False, is_approved=False)
        for action in ("approve", "switch_on"):
            answer = {"action": action, "_selected_action": [self.alice.pk]}
            self.client.post(reverse("admin:accounts_user_changelist"), answer)
        self.assertIn(self.alice, User.objects.working())

    def test_an_admin_sets_a_password_through_the_action(self) -> None:
        browser = Client()
        browser.force_login(self.alice)
        url = reverse("admin:auth_user_password_change", args=[self.alice.pk])
        self.assertContains(self.client.get(url), "alice")
        self.assertContains(self.client.post(url, {"new_password1": "short", "new_password2": "short"}), "too short")
        response = self.client.post(url, {"new_password1": OTHER, "new_password2": OTHER})
        self.assertRedirects(response, self.url(self.alice))
        self.assertEqual(AuditLog.objects.get(action="password_changed").user, self.admin)
        self.assertEqual(browser.get(reverse("account")).status_code, 302)
        self.assertTrue(User.objects.get(pk=self.alice.pk).check_password(OTHER))

    def test_an_admin_who_sets_their_own_password_stays_signed_in(self) -> None:
        url = reverse("admin:auth_user_password_change", args=[self.admin.pk])
        response = self.client.post(url, {"new_password1": OTHER, "new_password2": OTHER})
        self.assertRedirects(response, self.url(self.admin))

    def test_nobody_deletes_a_person_here(self) -> None:
        url = reverse("admin:accounts_user_delete", args=[self.alice.pk])
        self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 403)

    def test_an_admin_ends_somebodys_session(self) -> None:
        browser = Client()
        browser.force_login(self.alice)
        session = UserSession.objects.get(user=self.alice)
        answer = {"action": "end", "_selected_action": [session.pk]}
        response = self.client.post(reverse("admin:accounts_usersession_changelist"), answer, follow=True)
        self.assertContains(response, "1 session ended")
        self.assertEqual(browser.get(reverse("account")).status_code, 302)

    def test_no_page_shows_what_would_open_a_session(self) -> None:
        session = UserSession.objects.get()
        response = self.client.get(reverse("admin:accounts_usersession_change", args=[session.pk]))
        self.assertNotContains(response, session.session_id)
        self.assertNotContains(response, session.session_data)

    def test_the_audit_log_is_found_by_action_and_by_person(self) -> None:
        actions.set_role(self.alice, Role.VIEWER, actor=self.admin)
        url = reverse("admin:accounts_auditlog_changelist")
        for term, count in [("role_changed", 1), ("boss", 2), ("BOSS@example.org", 2), ("nothing", 0)]:
            with self.subTest(term):
                self.assertEqual(len(self.client.get(url, {"q": term}).context["cl"].result_list), count)

    def test_unused_tables_say_that_they_are_unused(self) -> None:
        for name, text in [("setting", "Nothing reads"), ("systemrequest", "Nothing writes")]:
            self.assertContains(self.client.get(reverse(f"admin:accounts_{name}_changelist")), text)
