"""What was approved before is found again: by the same bytes as a draft, by its looks as a suggestion."""

from importlib import import_module
from random import Random
from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.db import connection
from django.test import TestCase

from accounts.models import User
from accounts.tests.people import make_user
from captions import actions, memory, review_texts
from captions.models import CaptionVersion, Fingerprint, Image
from captions.tests.rows import make_connection, make_image, make_post
from platforms.models import PlatformConnection

TEXT = "A lighthouse with red and white stripes on a rock; waves break below it."
BYTES = "ab" * 32
LOOKS = "f0e1d2c3b4a59687"


def flipped(looks: str, *bits: int) -> str:
    """A hash that differs in these bits."""
    value = int(looks, 16)
    for bit in bits:
        value ^= 1 << bit
    return f"{value:016x}"


class MemoryCase(TestCase):
    alice: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)

    def image(
        self,
        connection: PlatformConnection | None = None,
        *,
        language: str = "en",
        visibility: str = "public",
        **fields: Any,
    ) -> Image:
        post = make_post(connection or self.connection, language=language, visibility=visibility)
        known = {"content_hash": BYTES, "perceptual_hash": LOOKS, "language": language}
        return make_image(post, **known | fields)

    def approved(self, text: str = TEXT, **fields: Any) -> Image:
        image = self.image(**fields)
        actions.approve(image, text=text, reviewer=self.alice)
        return image


class LanguageTests(MemoryCase):
    """What language an approved text is kept in, where nobody names one."""

    GERMAN = "Ein Leuchtturm mit roten und weißen Streifen steht auf einem Felsen im Meer."

    def test_an_english_text_for_a_german_draft_is_kept_as_english(self) -> None:
        done = self.approved(TEXT, language="de", generated_caption=self.GERMAN)
        done.refresh_from_db()
        assert (done.language, done.latest_version().language) == ("en", "en")  # type: ignore[union-attr]
        assert memory.recall(self.image(language="de")) is None
        found = memory.recall(self.image(language="en"))
        assert found is not None
        assert (found.text, found.language) == (TEXT, "en")

    def test_a_text_of_two_languages_stays_in_that_of_the_draft(self) -> None:
        done = self.approved(f"{self.GERMAN}\n\n{TEXT}", language="de", generated_caption=self.GERMAN)
        done.refresh_from_db()
        assert done.language == "de"

    def test_what_is_not_surely_in_another_language_stays_in_that_of_the_draft(self) -> None:
        done = self.approved("Anna, Leipzig, 2024.", language="de", generated_caption=self.GERMAN)
        done.refresh_from_db()
        assert done.language == "de"


class RecallTests(MemoryCase):
    def test_the_same_bytes_bring_up_the_approved_text(self) -> None:
        approved = self.approved()
        recalled = memory.recall(self.image())
        assert recalled is not None
        self.assertEqual((recalled.text, recalled.language, recalled.image_id), (TEXT, "en", approved.pk))

    def test_other_bytes_bring_up_nothing(self) -> None:
        self.approved()
        self.assertIsNone(memory.recall(self.image(content_hash="cd" * 32)))
        self.assertIsNone(memory.recall(self.image(content_hash="")))

    def test_a_poster_frame_says_nothing_of_its_video(self) -> None:
        for kind in ("video", "gifv", "image"):
            approved = self.approved(attachment_type=kind)
            for other in ("video", "gifv", "image"):
                image = self.image(attachment_type=other)
                are_images = kind == other == "image"
                with self.subTest(approved=kind, other=other):
                    self.assertEqual(memory.recall(image) is not None, are_images)
                    (alike,) = review_texts.lookalikes(image)
                    self.assertEqual((alike.is_same_file, alike.is_same_frame), (are_images, not are_images))
            approved.delete()

    def test_the_hash_of_a_file_that_was_just_fetched_will_do(self) -> None:
        self.approved()
        self.assertIsNotNone(memory.recall(self.image(content_hash=""), content_hash=BYTES))

    def test_the_newest_approval_counts(self) -> None:
        first, _second = self.approved("The older text of the lighthouse."), self.approved("The newer text of it.")
        self.assertEqual(memory.recall(self.image()).text, "The newer text of it.")  # type: ignore[union-attr]
        actions.reopen(first, user=self.alice)
        actions.approve(first, text="The older one, corrected just now.", reviewer=self.alice)
        self.assertIn("corrected", memory.recall(self.image()).text)  # type: ignore[union-attr]

    def test_nothing_crosses_from_one_connection_to_another(self) -> None:
        self.approved()
        for owner in (self.alice, make_user("bob")):
            other = self.image(make_connection(owner, "Other"))
            self.assertIsNone(memory.recall(other))
            self.assertEqual(memory.similar(other), [])

    def test_a_text_in_another_language_is_no_draft_but_a_suggestion(self) -> None:
        self.approved("Ein Leuchtturm auf einem Felsen in der Brandung.", language="de")
        image = self.image()
        self.assertIsNone(memory.recall(image))
        self.assertIsNotNone(memory.recall(image, languages=["de-AT"]))
        self.assertIsNotNone(memory.recall(self.image(language="")))
        self.assertEqual([one.distance for one in memory.similar(image)], [0])

    def test_what_few_people_may_see_is_brought_up_for_no_more_people(self) -> None:
        levels = ["public", "unlisted", "private", "direct", "mutuals_only", ""]
        brought_up = {
            "public": {"public"},
            "unlisted": {"public", "unlisted"},
            "private": {"public", "unlisted", "private"},
            "direct": {"public", "unlisted", "private", "direct"},
            "mutuals_only": {"public", "mutuals_only"},
            "": {"public", ""},
        }
        for approved_for in levels:
            approved = self.approved(visibility=approved_for)
            final = approved.versions.get(kind="final")
            for wanted_for in levels:
                image = self.image(visibility=wanted_for)
                expected = approved_for in brought_up[wanted_for]
                with self.subTest(approved_for=approved_for, wanted_for=wanted_for):
                    self.assertEqual(memory.recall(image) is not None, expected)
                    self.assertEqual(bool(memory.similar(image)), expected)
                    self.assertEqual(review_texts.usable(image, final.pk) is not None, expected)
            approved.delete()

    def test_a_text_in_several_languages_is_found_for_just_these(self) -> None:
        parts = [{"language": "en", "text": "A lighthouse."}, {"language": "de", "text": "Ein Leuchtturm."}]
        for text, languages in (
            ("A lighthouse.\n\nEin Leuchtturm.", {"en", "de"}),
            ("A red lighthouse.\n\nEin roter Leuchtturm.", {"en", "de"}),
            ("A red lighthouse.", {"en"}),
        ):
            image = self.image()
            image.versions.update(parts=parts, text="A lighthouse.\n\nEin Leuchtturm.")
            actions.approve(image, text=text, reviewer=self.alice)
            other = self.image(language="")
            for wanted in (["en"], ["de"], ["en", "de"], ["de-AT", "en"], ["en", "fr"], ["en", "de", "fr"]):
                recalled = memory.recall(other, languages=wanted)
                with self.subTest(text=text, wanted=wanted):
                    self.assertEqual(recalled is not None, {code[:2] for code in wanted} == languages)
            image.delete()

    def test_what_is_not_approved_any_more_is_forgotten(self) -> None:
        image = self.approved()
        actions.reopen(image, user=self.alice)
        self.assertFalse(Fingerprint.objects.exists())
        actions.reject(image, reason="no", reviewer=self.alice)
        self.assertFalse(Fingerprint.objects.exists())
        self.assertIsNone(memory.recall(self.image()))

    def test_a_text_that_was_cleaned_away_is_not_brought_up(self) -> None:
        Image.objects.filter(pk=self.approved().pk).update(final_caption=None)
        self.assertIsNone(memory.recall(self.image()))
        self.assertEqual(memory.similar(self.image()), [])

    def test_what_was_approved_before_there_was_a_memory_is_found_too(self) -> None:
        approved = self.approved()
        kept = Fingerprint.objects.values().get()
        Fingerprint.objects.all().delete()
        migration = import_module("captions.migrations.0010_remember_approved_texts")
        for _time in range(2):
            migration.remember(apps, SimpleNamespace(connection=connection))
        self.assertEqual(Fingerprint.objects.values().get() | {"id": 0}, kept | {"id": 0})
        self.assertEqual(memory.recall(self.image()).image_id, approved.pk)  # type: ignore[union-attr]

    def test_what_was_undone_before_there_was_a_memory_is_not(self) -> None:
        undone, again = self.approved(), self.approved()
        for image in (undone, again):
            image.versions.create(kind="undone", text="")
        again.versions.create(kind="final", text=TEXT)
        Fingerprint.objects.all().delete()
        migration = import_module("captions.migrations.0010_remember_approved_texts")
        migration.remember(apps, SimpleNamespace(connection=connection))
        self.assertEqual(Fingerprint.objects.get().image, again)


class SimilarTests(MemoryCase):
    def test_all_within_the_distance_are_found_wherever_the_bits_are(self) -> None:
        random = Random(4)
        image = self.image(content_hash="")
        for number in range(40):
            count = number % memory.NEAR + 1
            near = self.approved(
                f"The lighthouse, seen for the {number}. time.",
                content_hash=f"{number:064x}",
                perceptual_hash=flipped(LOOKS, *random.sample(range(64), count)),
            )
            (found,) = memory.similar(image)
            self.assertEqual((found.image, found.distance), (near, count))
            Image.objects.filter(pk=near.pk).delete()

    def test_what_is_further_away_is_not(self) -> None:
        self.approved(perceptual_hash=flipped(LOOKS, *range(memory.NEAR + 1)), content_hash="")
        self.approved(perceptual_hash=flipped(LOOKS, *range(memory.NEAR + 1)), content_hash="cd" * 32)
        self.assertEqual(memory.similar(self.image()), [])

    def test_the_nearest_come_first_each_text_once_and_no_more_than_wanted(self) -> None:
        for number, bits in enumerate((5, 1, 3, 3, 2)):
            text = f"Seen with {bits} bits of difference."
            looks = flipped(LOOKS, *range(bits))
            self.approved(text, perceptual_hash=looks, content_hash=f"{number:064x}")
        self.assertEqual([found.distance for found in memory.similar(self.image())], [1, 2, 3])
        self.assertEqual([found.distance for found in memory.similar(self.image(), most=9)], [1, 2, 3, 5])

    def test_pictures_with_other_words_are_not_alike(self) -> None:
        other: dict[str, Any] = {"content_hash": "cd" * 32}
        for read, also_read, kind, are_alike in (
            ("One does not simply", "One does NOT simply walk", "meme", True),
            ("One does not simply", "Not sure if serious", "meme", False),
            ("Harbour of Alnes", "", "photo", True),
            ("Harbour of Alnes", "Closed today", "photo", False),
            ("Harbour of Alnes", "", "screenshot", False),
            ("", "", "chart", False),
            ("", "", "photo", True),
            ("灯台への道", "灯台への道です", "text", True),
            ("灯台への道", "本日休業", "text", False),
        ):
            approved = self.approved(visible_text=read, image_category=kind)
            image = self.image(visible_text=also_read, image_category=kind, **other)
            with self.subTest(read=read, also_read=also_read, kind=kind):
                self.assertEqual(bool(memory.similar(image)), are_alike)
            approved.delete()

    def test_the_same_bytes_are_alike_whatever_was_read_in_them(self) -> None:
        self.approved(visible_text="Alnes", image_category="meme")
        self.assertTrue(memory.similar(self.image(visible_text="A1nes", image_category="meme")))

    def test_a_blank_picture_looks_like_nothing(self) -> None:
        for looks in ("0" * 16, "f" * 16, "0000000000000001", "fffffffffffffffe", "", "not a hash"):
            self.approved(perceptual_hash=looks, content_hash=looks.ljust(64, "x"))
            self.assertEqual(memory.similar(self.image(perceptual_hash=looks)), [], looks)

    def test_a_picture_is_not_its_own_twin(self) -> None:
        self.assertEqual(memory.similar(self.approved()), [])

    def test_few_statements_find_them(self) -> None:
        self.approved()
        image = Image.objects.select_related("post").get(pk=self.image().pk)
        with self.assertNumQueries(2):  # fingerprints, images
            memory.similar(image)
        with self.assertNumQueries(2):  # images, their languages
            memory.recall(image)


class DefaultTests(MemoryCase):
    def test_rows_can_be_written_by_a_version_that_does_not_know_the_newest_columns(self) -> None:
        image = self.image()
        columns = {"images": "visible_text", "caption_versions": "parts"}
        with connection.cursor() as cursor:
            for table, unknown in columns.items():
                names = [one.name for one in connection.introspection.get_table_description(cursor, table)]
                known = [connection.ops.quote_name(name) for name in names if name not in {unknown, "id"}]
                values = ["'another'" if name == connection.ops.quote_name("image_post_id") else name for name in known]
                cursor.execute(
                    f"INSERT INTO {table} ({', '.join(known)}) SELECT {', '.join(values)} FROM {table} LIMIT 1"
                )
        self.assertEqual(Image.objects.exclude(pk=image.pk).get().visible_text, "")
        self.assertEqual(CaptionVersion.objects.latest("pk").parts, [])
