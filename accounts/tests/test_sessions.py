"""The session engine: rows for people, signed cookies for visitors."""

from datetime import UTC, datetime, timedelta

import time_machine
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.core import signing
from django.http import HttpResponse
from django.test import Client, TestCase, TransactionTestCase
from django.urls import reverse

from accounts.models import User, UserSession
from accounts.sessions import ANONYMOUS, SALT, SessionStore, digest
from accounts.tests.people import PASSWORD, make_user

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def sign_in(client: Client, name: str = "alice", password: str = PASSWORD, **headers: str) -> HttpResponse:
    url = reverse("account_login")
    return client.post(url, {"login": name, "password": password, "next": reverse("account")}, **headers)  # type: ignore[arg-type, return-value]


def cookie(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


class SessionTests(TestCase):
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")

    def is_in(self, client: Client | None = None) -> bool:
        return (client or self.client).get(reverse("account")).status_code == 200

    def test_a_visitor_never_touches_the_database(self) -> None:
        with self.assertNumQueries(0):
            self.assertEqual(self.client.get(reverse("account_login")).status_code, 200)
            self.client.cookies[settings.SESSION_COOKIE_NAME] = ANONYMOUS + signing.dumps({"colour": "blue"}, salt=SALT)
            self.assertEqual(self.client.get(reverse("account_login")).status_code, 200)
            self.client.cookies[settings.SESSION_COOKIE_NAME] = ANONYMOUS + "nonsense"
            self.assertEqual(self.client.get(reverse("account_login")).status_code, 200)

    def test_what_a_visitor_keeps_is_in_the_cookie(self) -> None:
        with self.assertNumQueries(0):
            store = SessionStore()
            store["colour"] = "blue"
            store.save()
            again = SessionStore(store.session_key)
            self.assertEqual(again["colour"], "blue")
            self.assertFalse(again.is_empty())
            del again["colour"]
            self.assertTrue(again.is_empty())

    def test_an_old_anonymous_cookie_is_forgotten(self) -> None:
        with time_machine.travel(NOON, tick=False):
            store = SessionStore()
            store["colour"] = "blue"
            store.save()
        with time_machine.travel(NOON + timedelta(seconds=settings.SESSION_COOKIE_AGE + 1), tick=False):
            self.assertNotIn("colour", SessionStore(store.session_key))

    def test_signing_in_makes_exactly_one_row_that_says_from_where(self) -> None:
        sign_in(self.client, HTTP_USER_AGENT="Lynx/2.8", REMOTE_ADDR="2001:db8:0:0::7")
        row = UserSession.objects.get()
        self.assertEqual(row.user, self.alice)
        self.assertTrue(row.is_active)
        self.assertEqual((row.ip_address, row.user_agent), ("2001:db8::7", "Lynx/2.8"))
        self.assertTrue(self.is_in())
        self.assertEqual(UserSession.objects.count(), 1)

    def test_a_signed_in_request_reads_the_row_the_person_and_the_menu_and_no_more(self) -> None:
        sign_in(self.client)
        with self.assertNumQueries(3):
            self.assertEqual(self.client.get(reverse("account_logout")).status_code, 200)

    def test_the_row_holds_a_digest_and_not_the_cookie(self) -> None:
        sign_in(self.client)
        row = UserSession.objects.get()
        self.assertEqual(row.session_id, digest(cookie(self.client)))
        self.assertNotEqual(row.session_id, cookie(self.client))
        self.assertRegex(row.session_id, "^[0-9a-f]{64}$")
        self.assertFalse(SessionStore(row.session_id).exists(row.session_id))  # what a copy of the table tells
        self.assertNotIn(cookie(self.client), row.session_data)

    def test_the_key_changes_at_sign_in(self) -> None:
        store = SessionStore()
        store["colour"] = "blue"
        store.save()
        self.client.cookies[settings.SESSION_COOKIE_NAME] = store.session_key or ""
        sign_in(self.client)
        self.assertNotEqual(cookie(self.client), store.session_key)
        self.assertEqual(SessionStore(cookie(self.client))["colour"], "blue")

    def test_a_key_chosen_by_somebody_else_never_becomes_a_session(self) -> None:
        planted = "x" * 32
        self.client.cookies[settings.SESSION_COOKIE_NAME] = planted
        sign_in(self.client)
        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = planted
        self.assertFalse(self.is_in(thief))
        self.assertTrue(self.is_in())

    def test_signing_out_ends_the_row_and_its_cookie(self) -> None:
        sign_in(self.client)
        old = cookie(self.client)
        self.client.post(reverse("account_logout"))
        row = UserSession.objects.get()
        self.assertFalse(row.is_active)
        self.assertEqual(row.session_data, "")
        self.client.cookies[settings.SESSION_COOKIE_NAME] = old
        self.assertFalse(self.is_in())

    def test_the_cookie_of_an_ended_session_is_refused_and_taken_away(self) -> None:
        sign_in(self.client)
        UserSession.objects.all().end()
        response = self.client.get(reverse("account"))
        self.assertRedirects(response, f"{reverse('account_login')}?next={reverse('account')}")
        self.assertEqual(response.cookies[settings.SESSION_COOKIE_NAME]["max-age"], 0)

    def test_a_session_past_its_end_is_refused(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            sign_in(self.client)
            clock.shift(settings.SESSION_COOKIE_AGE - 1)
            self.assertTrue(self.is_in())
            clock.shift(2)
            self.assertFalse(self.is_in())
            SessionStore.clear_expired()
        self.assertFalse(UserSession.objects.get().is_active)

    def test_a_signed_cookie_never_signs_anybody_in(self) -> None:
        data = {
            SESSION_KEY: str(self.alice.pk),
            BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            HASH_SESSION_KEY: self.alice.get_session_auth_hash(),
        }
        self.client.cookies[settings.SESSION_COOKIE_NAME] = ANONYMOUS + signing.dumps(data, salt=SALT)
        self.assertFalse(self.is_in())
        self.client.cookies[settings.SESSION_COOKIE_NAME] = signing.dumps(data, salt=SALT)
        self.assertFalse(self.is_in())

    def test_the_data_of_one_persons_row_opens_no_other_row(self) -> None:
        bob = Client()
        make_user("bob")
        sign_in(self.client)
        sign_in(bob, "bob")
        data = UserSession.objects.get(user=self.alice).session_data
        UserSession.objects.exclude(user=self.alice).update(session_data=data)
        self.assertFalse(self.is_in(bob))

    def test_data_that_was_tampered_with_signs_nobody_in(self) -> None:
        sign_in(self.client)
        UserSession.objects.update(session_data="tampered")
        self.assertFalse(self.is_in())

    def test_an_ended_session_is_not_brought_back_by_a_late_save(self) -> None:
        sign_in(self.client)
        store = SessionStore(cookie(self.client))
        store["colour"] = "blue"
        UserSession.objects.all().end()
        with self.assertRaises(UpdateError):
            store.save()
        self.assertFalse(UserSession.objects.get().is_active)

    def test_a_session_that_loses_its_person_becomes_a_visitors(self) -> None:
        sign_in(self.client)
        store = SessionStore(cookie(self.client))
        del store[SESSION_KEY]
        store.save()
        self.assertTrue((store.session_key or "").startswith(ANONYMOUS))
        self.assertFalse(UserSession.objects.get().is_active)

    def test_activity_is_written_at_most_once_a_minute(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            sign_in(self.client)
            clock.shift(59)
            self.is_in()
            self.assertEqual(UserSession.objects.get().last_activity, NOON)
            clock.shift(1)
            self.client.get(reverse("account"), REMOTE_ADDR="192.0.2.7")
            row = UserSession.objects.get()
            self.assertEqual(row.last_activity, NOON + timedelta(minutes=1))
            self.assertEqual(row.ip_address, "192.0.2.7")
            clock.shift(30)
            self.is_in()
            self.assertEqual(UserSession.objects.get().last_activity, NOON + timedelta(minutes=1))

    def test_of_two_requests_at_once_one_writes_the_activity(self) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            sign_in(self.client)
            first, second = SessionStore(cookie(self.client)), SessionStore(cookie(self.client))
            self.assertIsNotNone(first.row)
            self.assertIsNotNone(second.row)
            clock.shift(60)
            with self.assertNumQueries(2):
                first.touch()
                second.touch()
            clock.shift(1)
            self.assertEqual(UserSession.objects.get().last_activity, NOON + timedelta(minutes=1))

    def test_who_is_switched_off_or_not_approved_is_out_at_the_next_request(self) -> None:
        for change in ({"is_active": False}, {"is_approved": False}):
            with self.subTest(change):
                sign_in(self.client)
                self.assertTrue(self.is_in())
                User.objects.filter(pk=self.alice.pk).update(**change)
                self.assertFalse(self.is_in())
                User.objects.filter(pk=self.alice.pk).update(is_active=True, is_approved=True)

    def test_a_new_password_keeps_this_session_and_ends_the_others(self) -> None:
        elsewhere = Client()
        sign_in(self.client)
        sign_in(elsewhere)
        before = cookie(self.client)
        new = "staple battery horse correct"
        answer = {"oldpassword": PASSWORD, "password1": new, "password2": new}
        self.client.post(reverse("account_change_password"), answer)
        self.assertTrue(self.is_in())
        self.assertNotEqual(cookie(self.client), before)
        self.assertFalse(self.is_in(elsewhere))
        self.assertEqual(UserSession.objects.alive().count(), 1)

    def test_a_password_set_elsewhere_ends_the_session_even_if_its_row_was_forgotten(self) -> None:
        sign_in(self.client)
        self.alice.set_password("staple battery horse correct")
        self.alice.save()
        self.assertFalse(self.is_in())
        self.assertFalse(UserSession.objects.get().is_active)

    def test_forms_work_with_csrf_and_messages(self) -> None:
        browser = Client(enforce_csrf_checks=True)
        self.assertEqual(sign_in(browser).status_code, 403)
        browser.get(reverse("account_login"))
        answer = {"login": "alice", "password": PASSWORD, "next": reverse("account")}
        answer["csrfmiddlewaretoken"] = browser.cookies[settings.CSRF_COOKIE_NAME].value
        response = browser.post(reverse("account_login"), answer, follow=True)
        self.assertContains(response, "alice", status_code=200)
        self.assertEqual(len(list(response.context["messages"])), 1)


class LateSessionTests(TransactionTestCase):
    """Foreign keys are checked at the end of a transaction."""

    def test_a_person_who_is_gone_gets_no_session(self) -> None:
        store = SessionStore()
        store[SESSION_KEY] = "999999"
        with self.assertRaises(UpdateError):
            store.save()
        self.assertFalse(UserSession.objects.exists())
