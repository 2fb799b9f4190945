"""Prompts: versions, which one is taken, and that nobody changes words that drafts were made by."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import TestCase

from accounts.models import AuditLog, User
from accounts.roles import Role
from accounts.tests.people import make_user
from captions import prompting
from captions.models import PromptInUse, PromptTemplate


def make_prompt(name: str = "house", *, category: str = "", language: str = "", current: bool = True) -> PromptTemplate:
    return PromptTemplate.objects.create(
        name=name, category=category, language=language, text=f"{name} {category} {language}", is_current=current
    )


class PromptTests(TestCase):
    staff: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.staff = make_user("staff", role=Role.MODERATOR)

    def save(self, template: PromptTemplate | None, text: str, name: str = "house") -> PromptTemplate:
        return prompting.save(template, name=name, category="", language="", text=text, actor=self.staff)


class SavingTests(PromptTests):
    def test_an_unused_prompt_is_changed_in_place(self) -> None:
        first = self.save(None, "One.")
        second = self.save(first, "Two.")
        self.assertEqual((second.pk, second.version, second.text), (first.pk, 1, "Two."))
        self.assertEqual(second.created_by, self.staff)

    def test_a_used_one_gets_a_next_version_that_is_not_in_use_yet(self) -> None:
        first = self.save(None, "One.")
        prompting.use(first, self.staff)
        PromptTemplate.objects.take_into_use(first.pk)
        second = self.save(first, "Two.")
        self.assertEqual((second.version, second.is_current), (2, False))
        first.refresh_from_db()
        self.assertEqual((first.text, first.is_current), ("One.", True))

    def test_saving_a_used_one_as_it_is_makes_no_version(self) -> None:
        first = self.save(None, "One.")
        PromptTemplate.objects.take_into_use(first.pk)
        first.refresh_from_db()
        self.assertEqual(self.save(first, "One."), first)
        self.assertEqual(PromptTemplate.objects.count(), 1)

    def test_another_name_makes_another_prompt(self) -> None:
        first = self.save(None, "One.")
        other = self.save(first, "One.", name="other")
        self.assertEqual((other.name, other.version), ("other", 1))
        self.assertNotEqual(other.pk, first.pk)

    def test_only_staff_change_prompts(self) -> None:
        reviewer = make_user("reviewer", role=Role.REVIEWER)
        with pytest.raises(prompting.PromptRefused):
            prompting.save(None, name="x", category="", language="", text="y", actor=reviewer)
        with pytest.raises(prompting.PromptRefused):
            prompting.use(make_prompt(current=False), reviewer)
        self.assertFalse(PromptTemplate.objects.current().exists())

    def test_it_is_in_the_log(self) -> None:
        prompting.use(self.save(None, "One."), self.staff)
        self.assertEqual(
            list(AuditLog.objects.order_by("pk").values_list("action", flat=True)), ["prompt_saved", "prompt_in_use"]
        )


class UsedPromptTests(PromptTests):
    used: PromptTemplate

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        cls.used = make_prompt()
        PromptTemplate.objects.take_into_use(cls.used.pk)

    def test_no_door_changes_its_words(self) -> None:
        self.used.text = "Others."
        for change in (
            self.used.save,
            lambda: self.used.save(update_fields=["text"]),
            lambda: PromptTemplate.objects.filter(pk=self.used.pk).update(text="Others."),
            lambda: PromptTemplate.objects.bulk_update([self.used], ["text"]),
            lambda: PromptTemplate.objects.update(language="de"),
        ):
            with pytest.raises(PromptInUse), transaction.atomic():
                change()
        self.used.refresh_from_db()
        self.assertEqual(self.used.text, "house  ")

    def test_no_object_that_knows_nothing_of_the_use_changes_it(self) -> None:
        """Made by hand with the same key, or read before the first draft."""
        old = make_prompt("old")
        stale = PromptTemplate.objects.get(pk=old.pk)
        PromptTemplate.objects.take_into_use(old.pk)
        stale.text = "Others."
        by_hand = PromptTemplate(pk=old.pk, name="old", version=1, text="Others.")
        numbered = PromptTemplate(pk=old.pk, name="old", version=7, text=old.text)
        partly = PromptTemplate.objects.defer("language").get(pk=old.pk)
        partly.text = "Others."
        conflict: dict[str, Any] = {"update_fields": ["text"], "update_conflicts": True}
        for change in (
            stale.save,
            by_hand.save,
            lambda: by_hand.save(force_update=True),
            numbered.save,
            partly.save,
            lambda: PromptTemplate.objects.bulk_create(
                [PromptTemplate(name="old", version=1, text="Others.")], **conflict
            ),
            lambda: PromptTemplate.objects.filter(pk=old.pk).update(used_at=None),
        ):
            with pytest.raises(PromptInUse), transaction.atomic():
                change()
        old.refresh_from_db()
        self.assertEqual((old.version, old.text), (1, "old  "))
        self.assertIsNotNone(old.used_at)

    def test_a_save_of_what_was_read_before_the_first_use_does_not_forget_the_use(self) -> None:
        old = make_prompt("old")
        stale = PromptTemplate.objects.get(pk=old.pk)
        PromptTemplate.objects.take_into_use(old.pk)
        old.refresh_from_db()
        for keep in ({}, {"update_fields": ["is_current", "used_at"]}):
            stale.is_current, stale.used_at = False, None
            stale.save(**keep)
            stored = PromptTemplate.objects.get(pk=old.pk)
            self.assertEqual((stored.is_current, stored.used_at), (False, old.used_at))
            self.assertEqual(stale.used_at, old.used_at)

    def test_no_door_removes_it(self) -> None:
        for remove in (self.used.delete, PromptTemplate.objects.all().delete):
            with pytest.raises(PromptInUse):
                remove()
        self.assertTrue(PromptTemplate.objects.exists())

    def test_what_is_no_word_of_it_may_change(self) -> None:
        prompting.put_aside(self.used, self.staff)
        self.assertFalse(PromptTemplate.objects.current().exists())
        self.used.refresh_from_db()
        self.used.is_current = True
        self.used.save()
        self.assertTrue(PromptTemplate.objects.current().exists())


class ChoosingTests(PromptTests):
    def test_the_best_fit_is_taken(self) -> None:
        anything = make_prompt("any")
        german = make_prompt("german", language="de")
        chart = make_prompt("chart", category="chart")
        german_chart = make_prompt("both", category="chart", language="de")
        swiss = make_prompt("swiss", language="de-ch")
        make_prompt("aside", category="photo", language="en", current=False)
        chosen = {
            ("photo", "en"): anything,
            ("", ""): anything,
            ("photo", "de"): german,
            ("photo", "de-at"): german,
            ("photo", "de-ch"): swiss,
            ("chart", "fr"): chart,
            ("chart", "de-at"): german_chart,
        }
        for (category, language), prompt in chosen.items():
            self.assertEqual(prompting.best_for(category, language), prompt, (category, language))

    def test_without_one_that_fits_the_built_in_words_are_taken(self) -> None:
        make_prompt(category="chart")
        self.assertIsNone(prompting.best_for("photo", "de"))

    def test_the_first_use_is_noted_once(self) -> None:
        make_prompt()
        first = prompting.best_for("photo", "de")
        second = prompting.best_for("photo", "de")
        assert first is not None
        assert second is not None
        self.assertIsNotNone(first.used_at)
        self.assertEqual(first.used_at, second.used_at)

    def test_one_version_of_a_name_is_in_use(self) -> None:
        first = self.save(None, "One.")
        prompting.use(first, self.staff)
        PromptTemplate.objects.take_into_use(first.pk)
        second = self.save(first, "Two.")
        prompting.use(second, self.staff)
        self.assertEqual(list(PromptTemplate.objects.current()), [second])
        with pytest.raises(IntegrityError), transaction.atomic():
            PromptTemplate.objects.filter(pk=first.pk).update(is_current=True)
