"""What an engine is asked about a picture: languages, context, style and prompt."""

from typing import Any

from django.test import TestCase, override_settings
from django.utils import timezone

from accounts.tests.people import make_user
from captions.kinds import Kind
from captions.models import GlossaryEntry, Image, Post, PromptTemplate, StyleGuide
from platforms.models import PlatformConnection
from processing.engines.base import EngineRequest, Examination, Template, Term
from processing.engines.prompts import build_prompt
from processing.models import CaptionGenerationTask
from processing.requests import requests_for
from processing.task_settings import TaskSettings
from processing.tests.test_prompts import PICTURE

GERMAN = "Heute waren wir am Strand und haben den ganzen Tag in der Sonne gelegen."


class RequestTests(TestCase):
    connection: PlatformConnection
    post: Post
    image: Image

    @classmethod
    def setUpTestData(cls) -> None:
        cls.connection = PlatformConnection.objects.create(
            user=make_user("owner"), name="Ours", platform_type="mastodon", instance_url="https://social.example"
        )
        cls.post = Post.objects.create(
            post_id="1",
            author_id="1",
            platform_connection=cls.connection,
            post_content="",
            spoiler_text="rain",
            tags="kiel sea",
        )
        cls.image = cls.make_image(0)

    @classmethod
    def make_image(cls, index: int, **values: Any) -> Image:
        return Image.objects.create(
            post=cls.post,
            platform_connection=cls.connection,
            image_post_id=str(index),
            attachment_index=index,
            **values,
        )

    def asked(self, examination: Examination | None = None, **values: Any) -> list[EngineRequest]:
        """The requests for the picture after such changes to its row."""
        Image.objects.filter(pk=self.image.pk).update(**values)
        image = Image.objects.select_related("post", "platform_connection").get(pk=self.image.pk)
        return requests_for(image, PICTURE, examination)

    def only(self, examination: Examination | None = None, **values: Any) -> EngineRequest:
        [request] = self.asked(examination, **values)
        return request

    def say(self, text: str = "", language: str = "") -> None:
        Post.objects.filter(pk=self.post.pk).update(post_content=text, language=language)

    def guide(self, **values: Any) -> StyleGuide:
        return StyleGuide.objects.update_or_create(platform_connection=self.connection, defaults=values)[0]


class LanguageTests(RequestTests):
    def test_it_is_the_posts_else_the_guides_else_the_accounts_else_detected_else_the_setting(self) -> None:
        with override_settings(CAPTION_LANGUAGE="cy"):
            self.assertEqual(self.only().language, "cy")
        self.assertEqual(self.only(Examination(visible_text="Bienvenue dans notre petite librairie")).language, "fr")
        self.assertEqual(self.only(Examination(visible_text="x", language="pl")).language, "pl")
        self.say(GERMAN)
        self.assertEqual(self.only(Examination(language="pl")).language, "de")
        PlatformConnection.objects.filter(pk=self.connection.pk).update(language="nl")
        self.assertEqual(self.only().language, "nl")
        self.guide(language="pt-br")
        self.assertEqual(self.only().language, "pt-br")
        self.say(GERMAN, "ja")
        self.assertEqual(self.only().language, "ja")

    def test_what_is_no_language_does_not_count(self) -> None:
        PlatformConnection.objects.filter(pk=self.connection.pk).update(language="unk")
        self.say(GERMAN, "und")
        self.assertEqual(self.only().language, "de")

    def test_a_language_that_a_person_asked_for_goes_before_all(self) -> None:
        self.guide(language="de", also_in="en")
        self.say("", "ja")
        self.assertEqual(self.only(regenerate_instruction="shorter, in French").language, "fr")

    def test_the_guide_may_want_several_which_share_the_room(self) -> None:
        self.guide(language="de", also_in="en, de-at, ja")
        requests = self.asked()
        self.assertEqual([request.language for request in requests], ["de", "en", "ja"])
        self.assertEqual([request.max_length for request in requests], [165, 165, 165])
        self.assertLessEqual(sum(request.max_length for request in requests) + 2 * 2, 500)


class ContextTests(RequestTests):
    def test_it_holds_what_stands_around_the_picture(self) -> None:
        self.say("A day out.", "en")
        context = self.only().context
        self.assertEqual((context.text, context.content_warning, context.tags), ("A day out.", "rain", ("kiel", "sea")))
        self.assertEqual(context.language, "en")

    def test_siblings_are_what_was_approved_or_is_on_the_server_in_this_post(self) -> None:
        self.make_image(3, status=Image.Status.POSTED, final_caption="Posted.")
        self.make_image(1, status=Image.Status.APPROVED, final_caption="Approved.", remote_alt_text="Old.")
        self.make_image(2, remote_alt_text="Remote.", generated_caption="A draft.")
        self.make_image(4, status=Image.Status.PENDING, generated_caption="Draft.", captioned_at=timezone.now())
        self.make_image(5, status=Image.Status.REJECTED, final_caption="Rejected.")
        other = Post.objects.create(post_id="2", author_id="1", platform_connection=self.connection)
        Image.objects.create(
            post=other,
            platform_connection=self.connection,
            image_post_id="other",
            attachment_index=0,
            status=Image.Status.POSTED,
            final_caption="Of another post.",
        )
        self.assertEqual(self.only().context.siblings, ("Approved.", "Remote.", "Posted."))

    def test_a_poster_is_said_to_be_one(self) -> None:
        self.assertEqual(self.only().poster_of, "")
        self.assertEqual(self.only(attachment_type="video").poster_of, "video")
        self.assertEqual(self.only(attachment_type="gifv").poster_of, "gifv")


class StyleTests(RequestTests):
    def test_the_guide_and_the_glossary_of_the_connection_go_along(self) -> None:
        self.guide(tone="plain", avoid="awesome\n\n stunning ", notes="We say pier.", wanted_length=120)
        request = self.only()
        self.assertEqual((request.style.tone, request.style.notes), ("plain", "We say pier."))
        self.assertEqual(request.style.avoid, ("awesome", "stunning"))
        self.assertEqual(request.wanted_length, (60, 120))

    def test_people_go_along_only_with_their_consent(self) -> None:
        person = GlossaryEntry.Kind.PERSON
        for term, kind, consent in (("Rex", "thing", False), ("Ada", person, True), ("Bob", person, False)):
            GlossaryEntry.objects.create(
                platform_connection=self.connection, term=term, kind=kind, has_consent=consent, looks_like="red"
            )
        self.assertEqual(self.only().style.glossary, (Term("Rex", "red"), Term("Ada", "red", is_person=True)))

    def test_who_did_not_agree_is_named_nowhere_in_what_is_sent(self) -> None:
        GlossaryEntry.objects.create(
            platform_connection=self.connection, term="Zorana Petrik", kind=GlossaryEntry.Kind.PERSON
        )
        GlossaryEntry.objects.create(
            platform_connection=self.connection,
            term="Rex",
            looks_like="Zorana Petrik's dog",
            instead_of="dog of Zorana Petrik",
        )
        self.guide(tone="like Zorana Petrik", avoid="Zorana Petrik", notes="Zorana Petrik lives here. Say pier.")
        self.make_image(1, remote_alt_text="Zorana Petrik on a sofa")
        sent: dict[str, Any] = {
            "regenerate_instruction": "shorter, with Zorana Petrik",
            "generated_caption": "Zorana Petrik smiles.",
        }
        self.say("At home.")
        request = self.only(**sent)
        self.assertNotIn("Petrik", build_prompt(PICTURE, request))
        self.assertEqual(request.context.siblings, ("a person on a sofa",))
        self.assertEqual(request.style.notes, "a person lives here. Say pier.")
        self.assertEqual(request.style.glossary[0].looks_like, "a person's dog")
        self.say("Zuhause.", language="de")
        self.assertEqual(self.only(**sent).context.siblings, ("eine Person on a sofa",))
        self.say("At home with Zorana Petrik.")  # who is named by the post may be named
        self.assertEqual(self.only(**sent).context.siblings, ("Zorana Petrik on a sofa",))

    def test_the_style_of_another_connection_does_not(self) -> None:
        other = PlatformConnection.objects.create(
            user=self.connection.user, name="Other", platform_type="mastodon", instance_url="https://other.example"
        )
        StyleGuide.objects.create(platform_connection=other, tone="loud", language="fr")
        GlossaryEntry.objects.create(platform_connection=other, term="Rex")
        request = self.only()
        self.assertEqual((request.style.tone, request.style.glossary, request.language), ("", (), "en"))


class WishTests(RequestTests):
    def test_lengths_are_what_the_task_wants_within_what_the_server_takes(self) -> None:
        wishes = TaskSettings(max_caption_length=400, optimal_min_length=50, optimal_max_length=90)
        task = CaptionGenerationTask.objects.create(
            user=self.connection.user, platform_connection=self.connection, settings_json=wishes.as_json()
        )
        request = self.only(batch_id=task.pk)
        self.assertEqual((request.max_length, request.wanted_length), (400, (50, 90)))
        PlatformConnection.objects.filter(pk=self.connection.pk).update(alt_text_limit=300)
        self.assertEqual(self.only().max_length, 300)

    def test_an_instruction_goes_along_with_the_draft_that_it_is_about(self) -> None:
        request = self.only(regenerate_instruction="shorter", generated_caption="A long draft.")
        self.assertEqual((request.instruction, request.previous), ("shorter", "A long draft."))
        request = self.only(regenerate_instruction="")
        self.assertEqual((request.instruction, request.previous), ("", ""))

    def test_the_prompt_that_fits_best_is_taken_and_counts_as_used(self) -> None:
        prompt = PromptTemplate.objects.create(
            name="charts", version=3, category="chart", text="Charts!", is_current=True
        )
        self.assertIsNone(self.only(Examination(Kind.PHOTO)).template)
        self.assertIsNone(PromptTemplate.objects.get().used_at)
        self.assertEqual(self.only(Examination(Kind.CHART)).template, Template("Charts!", "charts/3", prompt.pk))
        self.assertIsNotNone(PromptTemplate.objects.get().used_at)
