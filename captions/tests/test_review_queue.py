from datetime import timedelta

from django.test import TestCase
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import actions, queue
from captions.models import Image
from captions.queue import Cursor, State
from captions.tests.rows import add_member, make_connection, make_image, make_post, moment
from platforms.models import PlatformConnection

URL = "/review/"


class QueueCase(TestCase):
    alice: User  # owns the connection
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)

    def setUp(self) -> None:
        self.client.force_login(self.alice)

    def shown(self, **query: str | int) -> list[int]:
        response = self.client.get(URL, query)
        self.assertEqual(response.status_code, 200)
        return [image.pk for image in response.context["page"].images]

    def walk(self, **query: str | int) -> list[int]:
        """All pages, one after the other."""
        seen: list[int] = []
        while True:
            page = self.client.get(URL, query).context["page"]
            seen += [image.pk for image in page.images]
            if page.next is None:
                return seen
            query["after"] = str(page.next)


class QueueTests(QueueCase):
    def test_visitors_are_asked_to_sign_in(self) -> None:
        self.client.logout()
        self.assertRedirects(
            self.client.get(URL), f"{reverse('account_login')}?next={URL}", fetch_redirect_response=False
        )

    def test_the_oldest_draft_comes_first(self) -> None:
        late = make_image(make_post(self.connection), captioned_at=timezone.now())
        early = make_image(make_post(self.connection))
        self.assertEqual(self.shown(), [early.pk, late.pk])

    def test_undrafted_and_decided_pictures_do_not_stand_among_those_to_review(self) -> None:
        make_image(make_post(self.connection), draft=None)
        make_image(make_post(self.connection), status=Image.Status.APPROVED)
        self.assertEqual(self.shown(), [])

    def test_each_state_has_its_pictures(self) -> None:
        post = make_post(self.connection)
        rows = {
            State.APPROVED: make_image(post, status=Image.Status.APPROVED),
            State.POSTED: make_image(post, status=Image.Status.POSTED),
            State.REJECTED: make_image(post, status=Image.Status.REJECTED, reviewer_notes="Purely decorative"),
            State.ERROR: make_image(post, draft=None, status=Image.Status.ERROR, processing_error="Gone: 404."),
        }
        for state, image in rows.items():
            self.assertEqual(self.shown(state=state), [image.pk])
        self.assertContains(self.client.get(URL, {"state": "error"}), "Gone: 404.")
        self.assertContains(self.client.get(URL, {"state": "rejected"}), "Purely decorative")

    def test_an_outsider_sees_nothing_of_it(self) -> None:
        make_image(make_post(self.connection))
        self.client.force_login(make_user("otto"))
        self.assertEqual(self.shown(), [])
        self.assertEqual(self.client.get(URL, {"connection": self.connection.pk}).status_code, 404)

    def test_members_viewers_and_moderators_see_it(self) -> None:
        image = make_image(make_post(self.connection))
        viewer = make_user("vic", role=Role.VIEWER)
        add_member(self.connection, viewer, Role.VIEWER)
        for user in (viewer, make_user("mod", role=Role.MODERATOR)):
            self.client.force_login(user)
            self.assertEqual(self.shown(), [image.pk])

    def test_one_connection_can_be_chosen(self) -> None:
        other = make_connection(self.alice, "Museum")
        make_image(make_post(self.connection))
        image = make_image(make_post(other))
        self.assertEqual(self.shown(connection=other.pk), [image.pk])
        self.assertContains(
            self.client.get(URL, {"connection": other.pk}), f"/review/{image.pk}/?connection={other.pk}"
        )

    def test_it_says_who_holds_a_picture(self) -> None:
        bob = make_user("bob")
        image = make_image(make_post(self.connection))
        Image.objects.filter(pk=image.pk).update(claimed_by=bob, claimed_until=timezone.now() + timedelta(minutes=1))
        self.assertContains(self.client.get(URL), "Open with bob")
        Image.objects.filter(pk=image.pk).update(claimed_until=timezone.now())
        self.assertNotContains(self.client.get(URL), "Open with bob")

    def test_what_is_sensitive_is_not_shown_unasked(self) -> None:
        post = make_post(self.connection, sensitive=True, spoiler_text="eye contact", post_content="Look at me.")
        image = make_image(post, local_path="a.jpg")
        response = self.client.get(URL)
        self.assertNotContains(response, reverse("captions:picture", args=[image.pk]))
        self.assertContains(response, "eye contact")
        self.assertNotContains(response, "Look at me.")

    def test_what_people_elsewhere_wrote_is_text_and_nothing_else(self) -> None:
        evil = "<script>alert(1)</script>"
        make_image(make_post(self.connection, post_content=evil, spoiler_text=""), draft=evil)
        self.assertNotContains(self.client.get(URL), evil)

    def test_empty_queues_say_what_to_do_next(self) -> None:
        self.assertContains(self.client.get(URL), "Generate captions")
        self.assertContains(self.client.get(URL, {"state": "error"}), "No errors")
        self.client.force_login(make_user("new"))
        self.assertContains(self.client.get(URL), "Connect an account")

    def test_nonsense_in_the_address_shows_the_first_page(self) -> None:
        image = make_image(make_post(self.connection))
        for after in ("x", "1", "1.", "9" * 40 + ".1", "1." + "9" * 40, "-1.5", "²5.³"):
            self.assertEqual(self.shown(after=after, state="nonsense"), [image.pk])


class PagingTests(QueueCase):
    def test_all_pictures_come_once_also_those_of_the_same_moment(self) -> None:
        same = moment(1)
        expected = [make_image(make_post(self.connection), captioned_at=same).pk for _number in range(30)]
        expected += [make_image(make_post(self.connection)).pk for _number in range(30)]
        self.assertEqual(self.walk(), expected)

    def test_decisions_in_between_neither_skip_nor_repeat_a_picture(self) -> None:
        images = [make_image(make_post(self.connection)) for _number in range(40)]
        first = self.client.get(URL).context["page"]
        for image in first.images[:10]:
            actions.approve(image, text="A text of ten words or so.", reviewer=self.alice)
        rest = self.shown(after=str(first.next))
        self.assertEqual(rest, [image.pk for image in images[queue.PAGE :]])

    def test_several_connections_are_merged_in_order(self) -> None:
        others = [make_connection(self.alice, f"C{number}") for number in range(3)]
        rows = [make_image(make_post([self.connection, *others][number % 4])).pk for number in range(60)]
        self.assertEqual(self.walk(), rows)

    def test_very_many_connections_come_in_the_same_order(self) -> None:
        others = [make_connection(self.alice, f"C{number}") for number in range(queue.MERGED)]
        rows = [make_image(make_post(others[number % len(others)])).pk for number in range(40)]
        self.assertEqual(self.walk(), rows)

    def test_what_is_decided_comes_newest_first_and_undrafted_errors_last(self) -> None:
        other = make_connection(self.alice, "Museum")
        error = Image.Status.ERROR
        places = [self.connection, other]
        plain = [make_image(make_post(places[n % 2]), draft=None, status=error).pk for n in range(30)]
        drafted = [make_image(make_post(places[n % 2]), status=error).pk for n in range(30)]
        expected = drafted[::-1] + plain[::-1]
        self.assertEqual(self.walk(state="error"), expected)
        self.assertEqual(self.walk(state="error", connection=other.pk), expected[::2])

    def test_the_count_stops_at_a_thousand(self) -> None:
        post = make_post(self.connection)
        Image.objects.bulk_create(
            Image(post=post, platform_connection=self.connection, attachment_index=0, captioned_at=moment(number))
            for number in range(queue.COUNT_CAP + 5)
        )
        self.assertContains(self.client.get(URL), "1,000+")

    def test_a_cursor_survives_the_address(self) -> None:
        for cursor in (Cursor(timezone.now(), 17), Cursor(None, 4)):
            self.assertEqual(Cursor.parse(str(cursor)), cursor)

    def test_a_page_takes_few_queries_however_many_rows_and_connections(self) -> None:
        for number in range(5):
            connection = make_connection(self.alice, f"C{number}")
            for _number in range(8):
                make_image(make_post(connection), claimed_by=self.alice, claimed_until=timezone.now())
        with self.assertNumQueries(15):  # session, user, connections x2, a walk for each of 6, rows, count
            self.client.get(URL)


class NextTests(QueueCase):
    def next_after(self, image: Image | None = None, **query: str | int) -> str:
        return self.client.get(reverse("captions:next"), query | ({"after": image.pk} if image else {})).headers[
            "Location"
        ]

    def test_it_goes_through_the_queue_and_round_again(self) -> None:
        first, second = (make_image(make_post(self.connection)) for _number in range(2))
        self.assertEqual(self.next_after(), f"/review/{first.pk}/")
        self.assertEqual(self.next_after(first), f"/review/{second.pk}/")
        self.assertEqual(self.next_after(second), f"/review/{first.pk}/")

    def test_what_another_reviewer_holds_is_passed_over(self) -> None:
        first, second = (make_image(make_post(self.connection)) for _number in range(2))
        Image.objects.claim_for_review(first.pk, make_user("bob"))
        self.assertEqual(self.next_after(), f"/review/{second.pk}/")
        self.assertEqual(self.next_after(second), "/review/")

    def test_those_in_error_are_gone_through_in_their_own_order(self) -> None:
        make_image(make_post(self.connection))
        error = Image.Status.ERROR
        plain, later = (make_image(make_post(self.connection), draft=None, status=error) for _number in range(2))
        drafted = make_image(make_post(self.connection), status=error)
        self.assertEqual(self.next_after(state="error"), f"/review/{drafted.pk}/")
        for left, following in ((drafted, later), (later, plain), (plain, drafted)):
            self.assertEqual(self.next_after(left, state="error"), f"/review/{following.pk}/")
        Image.objects.exclude(pk=plain.pk).delete()
        self.assertEqual(self.next_after(plain, state="error"), "/review/?state=error")

    def test_the_list_of_errors_leads_to_the_first_of_them(self) -> None:
        image = make_image(make_post(self.connection), draft=None, status=Image.Status.ERROR)
        start = f"{reverse('captions:next')}?state=error"
        self.assertContains(self.client.get(URL, {"state": "error"}), f'href="{start}"')
        self.assertContains(self.client.get(URL, {"state": "error"}), f"/review/{image.pk}/")
        self.assertRedirects(self.client.get(start), f"/review/{image.pk}/")

    def test_what_one_may_only_read_is_never_next(self) -> None:
        make_image(make_post(self.connection))
        member = make_user("mia")
        add_member(self.connection, member, Role.VIEWER)
        self.client.force_login(member)
        self.assertEqual(self.next_after(), "/review/")

    def test_next_keeps_to_a_connection_that_one_may_only_read(self) -> None:
        make_image(make_post(self.connection))
        theirs = make_connection(make_user("olga"), "Theirs")
        make_image(make_post(theirs))
        add_member(theirs, self.alice, Role.VIEWER)
        self.assertEqual(self.next_after(connection=theirs.pk), f"/review/?connection={theirs.pk}")

    def test_next_in_a_connection_that_one_may_not_see_is_not_found(self) -> None:
        make_image(make_post(self.connection))
        theirs = make_connection(make_user("olga"), "Theirs")
        for pk in (theirs.pk, theirs.pk + 1000):
            response = self.client.get(reverse("captions:next"), {"connection": pk})
            self.assertEqual(response.status_code, 404)

    def test_the_chosen_connection_stays_chosen(self) -> None:
        other = make_connection(self.alice, "Museum")
        make_image(make_post(self.connection))
        image = make_image(make_post(other))
        self.assertEqual(self.next_after(connection=other.pk), f"/review/{image.pk}/?connection={other.pk}")
