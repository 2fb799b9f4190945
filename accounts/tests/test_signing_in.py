"""The door: who gets in, who does not and what they are told, what the audit log says of it."""

from unittest.mock import patch

from allauth.account.models import EmailAddress
from django.contrib.auth import authenticate
from django.core.cache import cache
from django.test import Client, TestCase, override_settings
from django.urls import reverse

from accounts.models import AuditLog, User, UserSession
from accounts.roles import Role
from accounts.tests.people import PASSWORD, make_user
from accounts.tests.test_sessions import sign_in

LOGIN = "/account/login/"
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.66"


class SignInTests(TestCase):
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("Alice", role=Role.ADMIN)

    def setUp(self) -> None:
        cache.clear()

    def assert_out(self, client: Client | None = None) -> None:
        self.assertEqual((client or self.client).get(reverse("account")).status_code, 302)
        self.assertFalse(UserSession.objects.exists())

    def test_name_and_address_sign_in_whatever_their_case(self) -> None:
        for name in ("Alice", "alice", "ALICE", "alice@example.org", "Alice@Example.ORG", " alice "):
            with self.subTest(name):
                self.assertRedirects(sign_in(Client(), name), reverse("account"))

    def test_signing_in_looks_a_person_up_once(self) -> None:
        with self.assertNumQueries(1):
            self.assertEqual(authenticate(None, username="alice", password=PASSWORD), self.alice)

    def test_accents_do_not_make_another_persons_name(self) -> None:
        self.assertIsNone(authenticate(None, username="ÁLICE", password=PASSWORD))

    def test_only_users_says_which_address_is_whose(self) -> None:
        EmailAddress.objects.create(user=self.alice, email="old@example.org", verified=True, primary=True)
        self.assertIsNone(authenticate(None, email="old@example.org", password=PASSWORD))

    def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(self) -> None:
        answers = []
        for name in ("alice", "nobody"):
            response = sign_in(Client(), name, "wrong")
            self.assertEqual(response.status_code, 200)
            answers.append(response.context["form"].non_field_errors())  # type: ignore[attr-defined]
        self.assertEqual(*answers)
        self.assert_out()

    def test_an_unknown_name_takes_as_much_hashing_as_a_wrong_password(self) -> None:
        with patch("django.contrib.auth.base_user.make_password", return_value="x") as hashing:
            self.assertIsNone(authenticate(None, username="nobody", password="wrong"))
        hashing.assert_called_once_with("wrong")

    def test_who_waits_for_approval_is_told_so_and_not_signed_in(self) -> None:
        make_user("waiting", is_approved=False)
        response = self.client.post(LOGIN, {"login": "waiting", "password": PASSWORD}, follow=True)
        self.assertContains(response, "waits for the approval")
        self.assert_out()

    def test_who_is_switched_off_is_told_so_and_not_signed_in(self) -> None:
        make_user("gone", is_active=False)
        response = self.client.post(LOGIN, {"login": "gone", "password": PASSWORD}, follow=True)
        self.assertContains(response, "switched off")
        self.assert_out()

    def test_a_wrong_password_does_not_say_that_the_account_is_switched_off(self) -> None:
        make_user("gone", is_active=False)
        response = self.client.post(LOGIN, {"login": "gone", "password": "wrong"}, follow=True)
        self.assertNotContains(response, "switched off")

    def test_nobody_can_register(self) -> None:
        url = reverse("account_signup")
        self.assertContains(self.client.get(url), "One cannot register here")
        answer = {"username": "mallory", "email": "m@example.org", "password1": PASSWORD, "password2": PASSWORD}
        self.client.post(url, answer)
        self.assertEqual(User.objects.count(), 1)

    def test_it_never_redirects_to_another_site(self) -> None:
        response = self.client.post(LOGIN, {"login": "alice", "password": PASSWORD, "next": "https://evil.example/"})
        self.assertEqual(response.status_code, 302)
        self.assertNotIn("evil", response["Location"])

    def test_the_login_page_says_whom_to_ask_for_a_forgotten_password(self) -> None:
        self.assertContains(self.client.get(LOGIN), "Ask an admin")


class LimitTests(TestCase):
    """Guessing is slowed down, and the right password works all the same."""

    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")

    def setUp(self) -> None:
        cache.clear()

    def guess(self, times: int, address: str, name: str = "alice") -> None:
        for _ in range(times):
            sign_in(Client(), name, "wrong", REMOTE_ADDR=address)

    def test_after_five_wrong_guesses_the_same_address_must_wait(self) -> None:
        self.guess(5, ELSEWHERE)
        response = sign_in(Client(), "alice", REMOTE_ADDR=ELSEWHERE)
        self.assertContains(response, "Too many failed login attempts")

    def test_guessing_from_elsewhere_locks_nobody_out(self) -> None:
        self.guess(12, ELSEWHERE)
        self.assertRedirects(sign_in(Client(), "alice", REMOTE_ADDR=HOME), reverse("account"))

    def test_one_address_that_tries_many_names_must_wait_too(self) -> None:
        for number in range(20):
            self.guess(1, ELSEWHERE, f"name{number}")
        response = sign_in(Client(), "alice", REMOTE_ADDR=ELSEWHERE)
        self.assertContains(response, "Too many failed login attempts")

    def test_the_right_password_does_not_use_up_tries(self) -> None:
        for _ in range(8):
            self.assertRedirects(sign_in(Client(), "alice", REMOTE_ADDR=HOME), reverse("account"))

    def test_a_flood_gets_a_page_that_says_what_to_do(self) -> None:
        for number in range(30):
            self.client.post(LOGIN, {"login": f"n{number}"}, REMOTE_ADDR=ELSEWHERE)
        response = self.client.post(LOGIN, {"login": "alice"}, REMOTE_ADDR=ELSEWHERE)
        self.assertContains(response, "Wait a minute", status_code=429)

    def test_somebody_elses_x_forwarded_for_is_not_believed(self) -> None:
        for number in range(5):
            sign_in(Client(), "alice", "wrong", REMOTE_ADDR=ELSEWHERE, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
        response = sign_in(Client(), "alice", REMOTE_ADDR=ELSEWHERE, HTTP_X_FORWARDED_FOR="203.0.113.99")
        self.assertContains(response, "Too many failed login attempts")

    @override_settings(BEHIND_PROXY=True)
    def test_behind_the_proxy_people_are_told_apart_by_what_the_proxy_saw(self) -> None:
        for number in range(5):
            forged = f"203.0.113.{number}, {ELSEWHERE}"
            sign_in(Client(), "alice", "wrong", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forged)
        response = sign_in(Client(), "alice", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=ELSEWHERE)
        self.assertContains(response, "Too many failed login attempts")
        response = sign_in(Client(), "alice", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=HOME)
        self.assertRedirects(response, reverse("account"))
        self.assertEqual(UserSession.objects.get().ip_address, HOME)


class SignInAuditTests(TestCase):
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")

    def setUp(self) -> None:
        cache.clear()

    def test_signing_in_and_out_is_written_down_with_its_origin(self) -> None:
        sign_in(self.client, REMOTE_ADDR=HOME, HTTP_USER_AGENT="Lynx/2.8")
        self.client.post(reverse("account_logout"))
        signed_in, signed_out = AuditLog.objects.order_by("id")
        self.assertEqual((signed_in.action, signed_out.action), ("signed_in", "signed_out"))
        self.assertEqual((signed_in.user, signed_in.entity_type), (self.alice, "user"))
        self.assertEqual((signed_in.ip_address, signed_in.user_agent), (HOME, "Lynx/2.8"))

    def test_a_wrong_password_is_written_down_on_the_account_but_by_nobody(self) -> None:
        sign_in(self.client, "alice@example.org", "wrong")
        entry = AuditLog.objects.get()
        self.assertEqual((entry.action, entry.user), ("sign_in_failed", None))
        self.assertEqual((entry.entity_type, entry.entity_id), ("user", str(self.alice.pk)))

    def test_an_unknown_name_is_not_stored_because_it_may_be_a_password(self) -> None:
        sign_in(self.client, "hunter2 is my password", "alice")
        entry = AuditLog.objects.get()
        self.assertEqual((entry.action, entry.entity_id, entry.details), ("sign_in_failed", None, None))
        self.assertNotIn("hunter2", str(entry.__dict__))

    def test_a_new_password_is_written_down_without_it(self) -> None:
        sign_in(self.client)
        new = "staple battery horse correct"
        self.client.post(
            reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": new, "password2": new}
        )
        entry = AuditLog.objects.get(action="password_changed")
        self.assertEqual(entry.user, self.alice)
        self.assertNotIn("staple", str(entry.__dict__))


class AdminDoorTests(TestCase):
    def test_the_admins_door_is_our_own(self) -> None:
        response = self.client.get("/admin/accounts/user/", follow=True)
        self.assertEqual(response.redirect_chain[-1][0].partition("?")[0], LOGIN)
        self.assertContains(response, 'value="/admin/accounts/user/"')

    def test_the_admins_own_form_signs_nobody_in(self) -> None:
        make_user("boss", role=Role.ADMIN)
        response = self.client.post("/admin/login/", {"username": "boss", "password": PASSWORD})
        self.assertEqual(response.status_code, 302)
        self.assertFalse(UserSession.objects.exists())

    def test_staff_cannot_try_other_peoples_passwords_there(self) -> None:
        make_user("boss", role=Role.ADMIN)
        self.client.force_login(make_user("mod", role=Role.MODERATOR))
        self.client.post("/admin/login/", {"username": "boss", "password": PASSWORD})
        self.assertEqual(UserSession.objects.get().user.username, "mod")

    def test_who_is_not_staff_is_told_so(self) -> None:
        self.client.force_login(make_user("rev", role=Role.REVIEWER))
        response = self.client.get("/admin/", follow=True)
        self.assertEqual(response.status_code, 403)
        self.assertTemplateUsed(response, "403.html")

    def test_staff_come_in(self) -> None:
        for role in (Role.ADMIN, Role.MODERATOR):
            self.client.force_login(make_user(role, role=role))
            self.assertEqual(self.client.get("/admin/").status_code, 200)
            self.assertRedirects(self.client.get("/admin/login/"), "/admin/")

    def test_the_password_is_changed_on_the_one_page(self) -> None:
        self.client.force_login(make_user("boss", role=Role.ADMIN))
        self.assertRedirects(self.client.get("/admin/password_change/"), reverse("account_change_password"))
