"""The page of how a connection writes: who says it, what it takes and refuses, and what stands in the log."""

from typing import Any

from django.test import TestCase
from django.urls import reverse

from accounts.models import AuditLog, User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import house_style
from captions.models import GlossaryEntry, StyleGuide
from captions.tests.rows import add_member, make_connection
from platforms.models import PlatformConnection

PERSON = GlossaryEntry.Kind.PERSON.value


class StyleTests(TestCase):
    owner: User
    outsider: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.owner = make_user("owner")
        cls.outsider = make_user("outsider")
        cls.connection = make_connection(cls.owner)

    def setUp(self) -> None:
        self.client.force_login(self.owner)
        self.url = reverse("style:guide", args=[self.connection.pk])

    def save(self, **values: str) -> Any:
        return self.client.post(self.url, values)

    def add(self, term: str = "Rex", **values: str) -> Any:
        url = reverse("style:add_term", args=[self.connection.pk])
        return self.client.post(url, {"kind": "thing", "term": term, **values})

    def entry(self, term: str = "Rex", **values: Any) -> GlossaryEntry:
        return GlossaryEntry.objects.create(platform_connection=self.connection, term=term, **values)

    def errors(self, response: Any, form: str = "form") -> str:
        self.assertEqual(response.status_code, 422)
        return str(response.context[form].errors)


class GuideTests(StyleTests):
    def test_it_is_saved_and_shown_again(self) -> None:
        response = self.save(
            language="German",
            also_in="English, pt_BR",
            tone=" plain \u202e and short ",
            wanted_length="120",
            avoid="awesome\n\nawesome\n stunning ",
            notes="We say pier.",
        )
        self.assertRedirects(response, self.url)
        guide = StyleGuide.objects.get(platform_connection=self.connection)
        self.assertEqual((guide.language, guide.also_in, guide.tone), ("de", "en, pt-br", "plain and short"))
        self.assertEqual((guide.wanted_length, guide.avoid, guide.notes), (120, "awesome\nstunning", "We say pier."))
        page = self.client.get(self.url).content.decode()
        self.assertIn('value="de"', page)
        self.assertIn("We say pier.", page)

    def test_what_cannot_be_is_told_beside_it_and_nothing_is_saved(self) -> None:
        for field, typed, told in (
            ("language", "Klingonish", "no language that we know"),
            ("language", "xx", "no language that we know"),
            ("also_in", "de, Klingonish", "“Klingonish”"),
            ("also_in", "de, en, fr, es", "three languages at most"),
            ("wanted_length", "10", "greater than or equal to 40"),
            ("wanted_length", "9999", "less than or equal to 1500"),
            ("tone", "x" * 301, "at most 300"),
            ("avoid", "\n".join(map(str, range(41))), "41 lines"),
            ("avoid", "x" * 81, "one word or phrase on each line"),
            ("notes", "x" * 1001, "room for 1000"),
        ):
            with self.subTest(field=field, typed=typed[:20]):
                self.assertIn(told, self.errors(self.save(**{field: typed})))
        self.assertFalse(StyleGuide.objects.exists())

    def test_languages_may_be_separated_by_blanks(self) -> None:
        self.save(also_in="de en")
        self.assertEqual(StyleGuide.objects.get().also_in, "de, en")

    def test_it_can_be_emptied(self) -> None:
        self.save(tone="plain")
        self.save()
        self.assertEqual(StyleGuide.objects.get().tone, "")

    def test_the_log_says_who_changed_which_part(self) -> None:
        self.save(tone="plain")
        self.save(tone="plain")
        entry = AuditLog.objects.get(action="style_guide_changed")
        self.assertEqual((entry.user, entry.entity_id), (self.owner, str(self.connection.pk)))
        self.assertEqual(entry.details, {"fields": ["tone"]})

    def test_the_page_explains_when_people_are_named(self) -> None:
        self.assertContains(self.client.get(self.url), "only if the glossary lists them with their consent")

    def test_the_connections_page_leads_there(self) -> None:
        self.assertContains(self.client.get(reverse("platforms:detail", args=[self.connection.pk])), self.url)


class GlossaryTests(StyleTests):
    def test_a_thing_is_added_changed_and_removed(self) -> None:
        self.assertRedirects(self.add(looks_like="brown dog", instead_of="the hound"), self.url)
        entry = GlossaryEntry.objects.get()
        edit = reverse("style:edit_term", args=[self.connection.pk, entry.pk])
        self.assertContains(self.client.get(edit), "brown dog")
        self.assertRedirects(self.client.post(edit, {"kind": "thing", "term": "Rexi"}), self.url)
        entry.refresh_from_db()
        self.assertEqual((entry.term, entry.looks_like), ("Rexi", ""))
        self.assertContains(self.client.get(self.url), "Rexi")
        self.client.post(reverse("style:remove_term", args=[self.connection.pk, entry.pk]))
        self.assertFalse(GlossaryEntry.objects.exists())
        actions = AuditLog.objects.filter(action__startswith="glossary").order_by("pk")
        told = ["glossary_added", "glossary_changed", "glossary_removed"]
        self.assertEqual(list(actions.values_list("action", flat=True)), told)

    def test_a_person_says_whether_they_agreed(self) -> None:
        self.add("Ada", kind=PERSON)
        self.assertContains(self.client.get(self.url), "Not named: no consent")
        self.add("Bea", kind=PERSON, has_consent="on")
        self.assertContains(self.client.get(self.url), "Agreed to be named")

    def test_a_thing_has_nothing_to_agree_to(self) -> None:
        self.add(has_consent="on")
        self.assertFalse(GlossaryEntry.objects.get().has_consent)

    def test_what_cannot_be_is_told(self) -> None:
        self.entry("Rex")
        for typed, told in (
            ("Rex", "has this name already"),
            ("", "required"),
            ("…", "Give a name"),
            ("x" * 201, "200"),
        ):
            with self.subTest(typed=typed[:10]):
                self.assertIn(told, self.errors(self.add(typed), "term_form"))
        self.assertEqual(GlossaryEntry.objects.count(), 1)

    def test_changing_a_name_to_one_that_is_there_is_refused(self) -> None:
        self.entry("Rex")
        entry = self.entry("Max")
        response = self.client.post(
            reverse("style:edit_term", args=[self.connection.pk, entry.pk]), {"kind": "thing", "term": "Rex"}
        )
        self.assertIn("has this name already", self.errors(response))
        self.assertContains(response, "Glossary: Max", status_code=422)

    def test_it_has_an_end(self) -> None:
        GlossaryEntry.objects.bulk_create(
            GlossaryEntry(platform_connection=self.connection, term=str(number))
            for number in range(house_style.MOST_TERMS)
        )
        self.assertIn("as many as it can have", self.errors(self.add(), "term_form"))

    def test_what_was_typed_stays_when_it_is_refused(self) -> None:
        self.assertContains(self.add("…", looks_like="brown dog"), "brown dog", status_code=422)


class PermissionTests(StyleTests):
    def test_a_member_who_decides_may_and_one_who_looks_may_not(self) -> None:
        for role, status in ((Role.REVIEWER, 200), (Role.VIEWER, 404)):
            member = make_user(f"member-{role}")
            add_member(self.connection, member, role)
            self.client.force_login(member)
            self.assertEqual(self.client.get(self.url).status_code, status)
            self.assertEqual(self.save(tone="x").status_code, 302 if status == 200 else 404)
            detail = self.client.get(reverse("platforms:detail", args=[self.connection.pk]))
            self.assertEqual(self.url in detail.content.decode(), status == 200)

    def test_for_an_outsider_it_does_not_exist(self) -> None:
        entry = self.entry()
        self.client.force_login(self.outsider)
        arguments = [self.connection.pk, entry.pk]
        self.assertEqual(self.client.get(self.url).status_code, 404)
        self.assertEqual(self.save(tone="mine").status_code, 404)
        self.assertEqual(self.add("Mine").status_code, 404)
        self.assertEqual(self.client.get(reverse("style:edit_term", args=arguments)).status_code, 404)
        self.assertEqual(self.client.post(reverse("style:remove_term", args=arguments)).status_code, 404)
        self.assertEqual(list(GlossaryEntry.objects.values_list("term", flat=True)), ["Rex"])
        self.assertFalse(StyleGuide.objects.exists())

    def test_an_entry_of_another_connection_is_not_reached_through_ones_own(self) -> None:
        theirs = self.entry()
        mine = make_connection(self.outsider, "Mine")
        self.client.force_login(self.outsider)
        arguments = [mine.pk, theirs.pk]
        self.assertEqual(self.client.get(reverse("style:edit_term", args=arguments)).status_code, 404)
        self.assertEqual(self.client.post(reverse("style:remove_term", args=arguments)).status_code, 404)
        self.assertTrue(GlossaryEntry.objects.filter(pk=theirs.pk).exists())

    def test_the_actions_ask_for_themselves(self) -> None:
        entry = self.entry()
        values = {"kind": "thing", "term": "Mine", "looks_like": "", "instead_of": "", "has_consent": False}
        with self.assertRaises(house_style.NotAllowed):
            house_style.save_guide(self.connection, self.outsider, tone="mine")
        with self.assertRaises(house_style.NotAllowed):
            house_style.save_term(self.connection, self.outsider, entry, **values)
        with self.assertRaises(house_style.NotAllowed):
            house_style.remove_term(entry, self.outsider)
