"""The review page: asking for new drafts, choosing among texts, and what is shown beside the text in the box."""

from datetime import timedelta
from typing import Any

from django.test import TestCase
from django.urls import reverse

from accounts.models import AuditLog, User
from accounts.tests.people import make_user
from captions import actions, drafts, review_texts
from captions.drafts import Draft
from captions.models import CaptionVersion, Image, Publication
from captions.tests.rows import DRAFT, make_connection, make_image, make_post
from platforms.models import PlatformConnection

LEASE = timedelta(minutes=1)
TYPED = "A lighthouse that I am just describing; two boats are"


def draft(text: str, **fields: Any) -> Draft:
    return Draft(**{"text": text, "engine": "fake", "model": "fake-1", "language": "en"} | fields)


class TextsCase(TestCase):
    alice: User
    connection: PlatformConnection

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        cls.connection = make_connection(cls.alice)

    def setUp(self) -> None:
        self.client.force_login(self.alice)
        self.image = make_image(make_post(self.connection))

    def url(self, name: str = "review", **query: object) -> str:
        return reverse(f"captions:{name}", args=[self.image.pk], query=query)

    def ask(self, **values: object) -> Any:
        return self.client.post(self.url("redraft"), {"text": DRAFT} | values)

    def claim(self) -> Image:
        claimed = drafts.claim(self.image.pk, LEASE)
        assert claimed is not None
        return claimed

    def asked_for(self, *, candidates: tuple[str, ...] = (), text: str = "Two boats.") -> None:
        self.ask(wish="more" if candidates else "")
        claimed = self.claim()
        if candidates:
            offered = [draft(candidate, temperature=0.8) for candidate in candidates]
            drafts.record_candidates(self.image.pk, claimed.attempts, offered)
        else:
            drafts.record_draft(self.image.pk, claimed.attempts, draft(text))


class AskTests(TextsCase):
    def test_a_button_stands_for_words_that_the_engine_is_told(self) -> None:
        self.assertRedirects(self.ask(wish="shorter", instruction="Name the boat."), self.url())
        self.image.refresh_from_db()
        self.assertEqual(self.image.regenerate_instruction, f"{review_texts.WISHES['shorter']} Name the boat.")
        page = self.client.get(self.url())
        self.assertContains(page, "A new draft is being made.")
        self.assertContains(page, self.url("drafting"))
        self.assertContains(page, "Approve")

    def test_the_languages_of_the_post_and_of_the_account_are_offered(self) -> None:
        PlatformConnection.objects.update(language="fr")
        self.image.post.language = "de"
        self.image.post.save()
        page = self.client.get(self.url())
        self.assertContains(page, "In German")
        self.assertContains(page, "In French")
        self.assertNotContains(page, "In English")
        self.ask(wish="in-de")
        self.image.refresh_from_db()
        self.assertEqual(self.image.regenerate_instruction, "Write it in German.")

    def test_what_was_typed_stays_in_the_box(self) -> None:
        self.assertRedirects(self.ask(text=TYPED, wish="longer"), self.url(), fetch_redirect_response=False)
        page = self.client.get(self.url())
        self.assertContains(page, TYPED)
        self.assertContains(page, "A new draft is being made.")
        for refused in ({"wish": "nonsense"}, {"instruction": "x" * 501}):
            page = self.ask(text=TYPED, **refused)
            self.assertContains(page, TYPED, status_code=422)
            self.assertContains(page, 'role="alert"', status_code=422)

    def test_the_words_stay_until_they_are_put_away_or_saved(self) -> None:
        self.ask(text=TYPED, seen=self.image.versions.latest("pk").pk)
        self.assertRedirects(self.client.get(self.url("redraft")), self.url())
        drafts.record_draft(self.image.pk, self.claim().attempts, draft("Two boats."))
        page = self.client.get(self.url())
        self.assertContains(page, TYPED)
        self.assertContains(page, "The new draft is there: see the texts below.")
        self.assertRedirects(self.client.post(self.url("put_away")), self.url())
        self.assertNotContains(self.client.get(self.url()), TYPED)
        self.ask(text=TYPED)
        self.client.post(self.url("decorative"))
        self.assertFalse(self.client.session["unsaved_words"])

    def test_too_many_words_for_the_session_stay_on_the_page(self) -> None:
        page = self.ask(text="x" * 10_001)
        self.assertContains(page, "x" * 10_001)

    def test_more_drafts_are_asked_for_beside_the_one_that_is_there(self) -> None:
        self.ask(wish="more")
        self.image.refresh_from_db()
        self.assertEqual(self.image.candidates_wanted, 2)
        self.assertContains(self.client.get(self.url()), "More drafts are being made.")

    def test_a_failure_is_said_and_the_instruction_can_be_tried_again(self) -> None:
        self.ask(instruction="name the painting")
        drafts.record_failure(self.image.pk, self.claim().attempts, "The engine is broken.", retry_at=None)
        page = self.client.get(self.url())
        self.assertContains(page, "The new draft failed: The engine is broken. The old one stays.")
        self.assertContains(page, "name the painting")
        self.assertContains(page, DRAFT)
        self.assertContains(self.client.get(self.url("drafting")), "The new draft failed")


class WaitTests(TextsCase):
    def test_nothing_is_said_while_it_is_being_made(self) -> None:
        self.ask()
        self.assertEqual(self.client.get(self.url("drafting", waits="")).status_code, 204)

    def test_another_attempt_is_told_of_once(self) -> None:
        self.ask()
        claimed = self.claim()
        later = claimed.next_attempt_at
        drafts.record_failure(self.image.pk, claimed.attempts, "The engine is down.", retry_at=later)
        self.assertContains(self.client.get(self.url("drafting", waits="")), "The engine is down.")
        self.assertEqual(self.client.get(self.url("drafting", waits="1")).status_code, 204)

    def test_the_new_draft_comes_beside_what_is_typed_and_counts_as_seen(self) -> None:
        self.asked_for(text="Two boats.")
        answer = self.client.get(self.url("drafting"))
        self.assertContains(answer, "Two boats.")
        latest = self.image.versions.latest("pk")
        self.assertContains(answer, f'value="{latest.pk}"')
        self.assertContains(answer, "hx-swap-oob")

    def test_a_new_draft_is_shown_beside_its_candidates_too_and_an_old_one_is_not_again(self) -> None:
        had = self.image.versions.latest("pk").pk
        self.ask()
        self.assertContains(self.client.get(self.url()), f"waits=&amp;had={had}")
        drafts.record_draft(self.image.pk, self.claim().attempts, draft("Two boats."), candidates=[draft("A pier.")])
        answer = self.client.get(self.url("drafting", had=had))
        self.assertContains(answer, "Two boats")
        self.assertContains(answer, "pier")
        new = self.image.versions.filter(kind=CaptionVersion.Kind.GENERATED).latest("pk")
        self.assertNotContains(self.client.get(self.url("drafting", had=new.pk)), "Two boats")

    def test_a_picture_that_somebody_decided_meanwhile_is_told_of(self) -> None:
        self.ask()
        actions.reject(self.image, reason="no", reviewer=self.alice)
        self.assertContains(self.client.get(self.url("drafting")), "closed meanwhile")


class ChooseTests(TextsCase):
    def test_both_texts_are_shown_after_a_new_draft_and_the_old_one_can_be_taken(self) -> None:
        old = self.image.versions.get()
        self.asked_for(text="Two boats.")
        page = self.client.get(self.url())
        self.assertContains(page, "2 texts of this picture so far")
        self.assertContains(page, self.url(text=old.pk))
        page = self.client.get(self.url(text=old.pk))
        self.assertEqual(page.context["text"], DRAFT)
        self.assertContains(page, "You took this text from below.")

    def test_candidates_stand_side_by_side_with_what_they_do_not_agree_on_marked(self) -> None:
        self.asked_for(candidates=("A red lighthouse on a rock.", "A white lighthouse on a rock."))
        page = self.client.get(self.url())
        self.assertContains(page, "Drafts side by side")
        self.assertContains(page, "<mark>red</mark>")
        self.assertContains(page, "<mark>white</mark>")
        self.assertEqual(page.context["text"], DRAFT)

    def test_a_candidate_that_is_approved_is_stored_as_made_on_it(self) -> None:
        self.asked_for(candidates=("A red lighthouse on a rock.",))
        candidate = self.image.versions.get(kind=CaptionVersion.Kind.CANDIDATE)
        page = self.client.get(self.url(text=candidate.pk))
        values = {"text": page.context["text"], "seen": page.context["seen"], "language": "en"}
        self.client.post(self.url("approve"), values)
        final = self.image.versions.get(kind=CaptionVersion.Kind.FINAL)
        self.assertEqual((final.text, final.based_on, final.edit_distance), (candidate.text, candidate, 0))

    def test_candidates_of_an_earlier_draft_go_into_the_history(self) -> None:
        self.asked_for(candidates=("A red lighthouse on a rock.",))
        self.asked_for(text="Two boats.")
        page = self.client.get(self.url())
        self.assertNotContains(page, "Drafts side by side")
        self.assertContains(page, "A red lighthouse on a rock.")

    def test_a_text_in_another_language_takes_its_language_along(self) -> None:
        self.ask(wish="")
        drafts.record_draft(
            self.image.pk, self.claim().attempts, draft("Two boats."), candidates=[draft("Zwei Boote.", language="de")]
        )
        german = self.image.versions.get(kind=CaptionVersion.Kind.CANDIDATE)
        page = self.client.get(self.url(text=german.pk))
        self.assertContains(page, 'name="language" value="de"')
        self.client.post(self.url("approve"), {"text": "Zwei Boote.", "seen": page.context["seen"], "language": "de"})
        self.image.refresh_from_db()
        self.assertEqual(self.image.language, "de")
        self.assertEqual(self.image.versions.latest("pk").language, "de")

    def test_texts_of_other_pictures_are_not_to_be_had_by_their_number(self) -> None:
        strangers = make_image(make_post(make_connection(make_user("bob"), "Theirs"))).versions.get()
        undecided = make_image(make_post(self.connection), draft="Another picture's draft.").versions.get()
        for number in (strangers.pk, undecided.pk, 10**9, "x"):
            self.assertEqual(self.client.get(self.url(text=number)).context["text"], DRAFT)


class LookalikeTests(TextsCase):
    def test_what_was_approved_for_a_picture_like_it_can_be_taken(self) -> None:
        looks = {"perceptual_hash": "f0e1d2c3b4a59687", "content_hash": "ab" * 32}
        other = make_image(make_post(self.connection), **looks)
        actions.approve(other, text="The lighthouse of Alnes in a storm.", reviewer=self.alice)
        Image.objects.filter(pk=self.image.pk).update(perceptual_hash="f0e1d2c3b4a59686", content_hash="cd" * 32)
        page = self.client.get(self.url())
        self.assertContains(page, "Looks alike")
        self.assertEqual(page.context["text"], DRAFT)
        final = other.versions.get(kind=CaptionVersion.Kind.FINAL)
        page = self.client.get(self.url(text=final.pk))
        self.assertEqual(page.context["text"], "The lighthouse of Alnes in a storm.")
        self.assertEqual(Image.objects.get(pk=self.image.pk).status, Image.Status.PENDING)


class DecorativeTests(TextsCase):
    def test_the_describer_may_think_so_and_a_person_decides(self) -> None:
        self.assertNotContains(self.client.get(self.url()), "thinks that this is decoration")
        Image.objects.update(proposed_decorative=True)
        self.assertContains(self.client.get(self.url()), "thinks that this is decoration")

        self.client.post(self.url("decorative"))

        self.image.refresh_from_db()
        self.assertEqual((self.image.status, self.image.is_decorative), (Image.Status.REJECTED, True))
        self.assertIn("caption_decorative", AuditLog.objects.values_list("action", flat=True))
        self.assertFalse(Publication.objects.exists())
        self.assertEqual(drafts.ask_for_drafts([self.image.pk], "a-task"), 0)
        self.assertEqual(drafts.ask_for_new_drafts([self.image.pk], "a-task"), 0)

    def test_the_rest_of_its_post_does_not_wait_for_it(self) -> None:
        other = make_image(self.image.post)
        actions.approve(other, text="A lighthouse on a rock in the evening.", reviewer=self.alice)
        actions.mark_decorative(self.image, reviewer=self.alice)
        self.assertEqual(Publication.objects.get().status, Publication.Status.QUEUED)

    def test_it_can_be_taken_back(self) -> None:
        actions.mark_decorative(self.image, reviewer=self.alice)
        self.assertContains(self.client.get(self.url()), "Review again")
        self.client.post(self.url("reopen"))
        self.image.refresh_from_db()
        self.assertEqual((self.image.status, self.image.is_decorative), (Image.Status.PENDING, False))
        self.assertEqual(self.image.text, DRAFT)
        self.assertTrue(self.image.is_decidable)

    def test_an_outsider_decides_nothing(self) -> None:
        self.client.force_login(make_user("bob"))
        for name in ("decorative", "redraft"):
            self.assertEqual(self.client.post(self.url(name)).status_code, 404)
        self.assertEqual(self.client.get(self.url("drafting")).status_code, 404)


class FoundTests(TextsCase):
    def test_the_kind_and_the_text_found_are_shown(self) -> None:
        Image.objects.update(image_category="chart", visible_text="Sales\n2025")
        page = self.client.get(self.url())
        for text in ("Kind: Chart", "Text found in the picture", "Sales<br>2025"):
            self.assertContains(page, text)

    def test_a_recalled_text_is_said_to_be_the_accounts_own(self) -> None:
        self.ask()
        drafts.record_draft(self.image.pk, self.claim().attempts, draft("The lighthouse.", engine="memory", model=""))
        self.assertContains(self.client.get(self.url()), "own approved text for the same picture")


ENGLISH, ARABIC = "A sign by the door.", "“OPEN 24” لافتة كتب عليها.\nوباب."
BOTH = f"{ENGLISH}\n\n{ARABIC}"
PARTS = [{"language": "en", "text": ENGLISH}, {"language": "ar", "text": ARABIC}]


class SeveralLanguagesTests(TextsCase):
    def offered(self, **fields: Any) -> CaptionVersion:
        known = {"image": self.image, "kind": CaptionVersion.Kind.GENERATED, "text": BOTH, "language": "en"}
        return CaptionVersion.objects.create(**known | {"parts": PARTS} | fields)

    def test_each_language_stands_in_an_element_of_its_own_that_runs_as_it_does(self) -> None:
        self.offered()
        page = self.client.get(self.url()).content.decode()
        self.assertIn(f'<span class="passage" lang="en" dir="ltr">{ENGLISH}\n\n</span>', page)
        self.assertIn(f'<span class="passage" lang="ar" dir="rtl">{ARABIC}</span></p>', page)
        self.assertInHTML('<span class="badge">ar</span>', page)

    def test_a_text_from_the_right_runs_from_there_whatever_it_begins_with(self) -> None:
        self.offered(text=ARABIC, language="ar", parts=[])
        page = self.client.get(self.url()).content.decode()
        self.assertIn(f'<span class="passage" lang="ar" dir="rtl">{ARABIC}</span></p>', page)

    def test_the_marks_of_candidates_stay_where_they_are(self) -> None:
        version = self.offered()
        place = BOTH.index("door")
        pieces = [(BOTH[:place], False), (BOTH[place : place + 8], True), (BOTH[place + 8 :], False)]
        first, second = review_texts.passages(version, pieces)
        self.assertEqual([piece for piece, is_marked in first.pieces if is_marked], ["door.\n\n"])
        self.assertEqual([piece for piece, is_marked in second.pieces if is_marked], [BOTH[place + 7]])
        self.assertEqual("".join(piece for one in (first, second) for piece, _marked in one.pieces), BOTH)

    def test_an_approved_text_is_in_the_languages_of_its_draft(self) -> None:
        draft_version = self.offered()
        actions.approve(self.image, text=BOTH, reviewer=self.alice)
        final = self.image.versions.get(kind=CaptionVersion.Kind.FINAL)
        self.assertEqual(final.based_on, draft_version)
        page = self.client.get(self.url()).content.decode()
        self.assertEqual(page.count('lang="ar" dir="rtl"'), 3)  # the text, the approval and the draft

    def test_a_text_that_is_not_made_of_its_parts_is_one_passage(self) -> None:
        version = self.offered(text="Two boats.")
        self.assertEqual(
            review_texts.passages(version, [("Two boats.", False)]),
            [review_texts.Passage("en", [("Two boats.", False)])],
        )

    def test_strangers_texts_run_as_their_letters_do(self) -> None:
        post = make_post(
            self.connection, post_content="“OPEN” שלט ליד הדלת", spoiler_text="שלום", language="he", sensitive=True
        )
        other = make_image(post, draft="שלט", language="he")
        make_image(post, draft="دب", language="ar", attachment_index=1)
        queue = self.client.get(reverse("captions:queue")).content.decode()
        for page in (queue, self.client.get(reverse("captions:review", args=[other.pk])).content.decode()):
            self.assertIn('Content warning: <bdi lang="he">שלום</bdi>', page)
        self.assertRegex(queue, r'class="alt-text clamp"\s+lang="he"\s+dir="auto"')
        self.assertRegex(page, r'class="prose"\s+lang="he"\s+dir="auto"')
        self.assertRegex(page, r'<bdi class="small muted"\s+lang="ar">دب</bdi>')
